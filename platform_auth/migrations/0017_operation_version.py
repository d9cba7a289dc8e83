"""The version of the code that an operation was about; found by an index made while it is in use."""

from django.db import migrations, models

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [
        ("platform_auth", "0016_export_of_pushes"),
    ]

    operations = [
        migrations.AddField(
            "operation",
            "version",
            models.CharField(blank=True, db_default="", max_length=64, verbose_name="version"),
        ),
        AddIndexInUse(
            "operation",
            models.Index(
                fields=["version", "-id"],
                condition=models.Q(("version", ""), _negated=True),
                name="operation_version",
            ),
        ),
    ]
