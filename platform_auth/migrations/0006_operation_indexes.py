"""Indexes for what staff look for in the operation log; made while it is in use."""

from django.db import migrations, models

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [("platform_auth", "0005_odd_rows")]

    operations = [
        AddIndexInUse(
            "operation", models.Index(fields=["actor_name", "-id"], name="operation_actor")
        ),
        AddIndexInUse("operation", models.Index(fields=["action", "-id"], name="operation_action")),
    ]
