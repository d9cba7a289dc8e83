"""Which accounts have conversations that nobody has read, and how many; made while it is in use."""

from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [("messaging", "0002_conversation_written")]

    operations = [
        AddIndexInUse(
            "conversation",
            models.Index(
                fields=["authorizer"], condition=Q(unread__gt=0), name="conversation_unread_of"
            ),
        ),
    ]
