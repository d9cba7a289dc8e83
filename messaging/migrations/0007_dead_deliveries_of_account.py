"""An index of the deliveries of each account that were given up; made while it is in use."""

from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [("messaging", "0006_notes_of_users")]

    operations = [
        AddIndexInUse(
            "delivery",
            models.Index(fields=["appid"], condition=Q(state="dead"), name="delivery_dead_of"),
        ),
    ]
