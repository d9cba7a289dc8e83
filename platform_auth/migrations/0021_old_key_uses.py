import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("platform_auth", "0020_installation"),
    ]

    operations = [
        migrations.CreateModel(
            name="OldKeyUse",
            fields=[
                ("key_id", models.CharField(max_length=8, primary_key=True, serialize=False)),
                ("count", models.BigIntegerField(default=0)),
                ("newest_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
