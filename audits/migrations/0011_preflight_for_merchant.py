"""Which findings of the newest preflight the merchant mends."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("audits", "0010_reasons_of_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="preflightsummary",
            name="for_merchant",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=200),
        ),
    ]
