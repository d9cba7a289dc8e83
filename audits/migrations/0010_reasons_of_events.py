"""Each change of a review with the reason that WeChat gave for it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("audits", "0009_reviews_counted"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditevent",
            name="reason",
            field=models.TextField(blank=True, db_default="", verbose_name="reason"),
        ),
    ]
