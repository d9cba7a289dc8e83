"""The page of permissions that are missing reads requests by when they were made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("miniprograms", "0017_appids_rule_by_rule")]

    operations = [
        migrations.AddIndex(
            "permissionrequest",
            models.Index(fields=["asked_at", "id"], name="permission_request_asked"),
        ),
    ]
