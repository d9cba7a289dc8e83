"""Whether what the operation log has was tried in vain."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("platform_auth", "0022_failed_pushes_of_account"),
    ]

    operations = [
        migrations.AddField(
            "operation",
            "has_failed",
            models.BooleanField(db_default=False, default=False, verbose_name="failed"),
        ),
    ]
