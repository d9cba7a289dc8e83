"""What an operation was done through in its actor's name, such as a campaign."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platform_auth", "0024_people_are_told")]

    operations = [
        migrations.AddField(
            "operation",
            "through",
            models.CharField(blank=True, db_default="", max_length=200),
        ),
    ]
