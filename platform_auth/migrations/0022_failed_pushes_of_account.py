"""An index of the pushes of each account that could not be worked out; made while it is in use."""

from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [("platform_auth", "0021_old_key_uses")]

    operations = [
        AddIndexInUse(
            "push",
            models.Index(fields=["appid"], condition=Q(state="failed"), name="push_failed_of"),
        ),
    ]
