"""What staff note of a user: a remark, labels and who is in charge; columns that only add."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [
        ("messaging", "0005_newest_deliveries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConversationLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20, unique=True, verbose_name="name")),
            ],
            options={
                "verbose_name": "label of users",
                "verbose_name_plural": "labels of users",
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            "conversation",
            "remark",
            models.CharField(blank=True, db_default="", max_length=100, verbose_name="remark"),
        ),
        migrations.AddField(
            "conversation",
            "in_charge",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="in charge",
            ),
        ),
        migrations.AddField(
            "conversation",
            "labels",
            models.ManyToManyField(
                blank=True,
                related_name="conversations",
                to="messaging.conversationlabel",
                verbose_name="labels",
            ),
        ),
        AddIndexInUse(
            "conversation",
            models.Index(
                condition=models.Q(("in_charge__isnull", False)),
                fields=["in_charge", "-touched_at"],
                name="conversation_in_charge",
            ),
        ),
        AddIndexInUse(
            "conversation",
            models.Index(
                condition=models.Q(("remark", ""), _negated=True),
                fields=["remark"],
                name="conversation_remark",
            ),
        ),
    ]
