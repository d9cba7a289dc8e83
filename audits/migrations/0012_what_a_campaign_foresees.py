"""What would hold a mini program of a campaign back, as somebody saw it beforehand."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("audits", "0011_preflight_for_merchant"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaignitem",
            name="foreseen",
            field=models.TextField(blank=True, db_default="", editable=False),
        ),
    ]
