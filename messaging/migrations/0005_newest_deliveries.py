"""Lists of deliveries go by their own order, since not each has a push; made while in use."""

from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [("messaging", "0004_events_to_targets")]

    operations = [
        AddIndexInUse("delivery", models.Index(fields=["target", "-id"], name="delivery_newest")),
        AddIndexInUse(
            "delivery",
            models.Index(
                fields=["target", "state", "-id"],
                condition=~Q(state="done"),
                name="delivery_not_done_to",
            ),
        ),
        AddIndexInUse("delivery", models.Index(fields=["appid", "-id"], name="delivery_newest_of")),
        AddIndexInUse(
            "delivery",
            models.Index(
                fields=["state", "-id"], condition=~Q(state="done"), name="delivery_not_done"
            ),
        ),
        migrations.RemoveIndex("delivery", "delivery_target"),
        migrations.RemoveIndex("delivery", "delivery_appid"),
        migrations.RemoveIndex("delivery", "delivery_state"),
    ]
