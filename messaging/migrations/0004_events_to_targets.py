"""
A delivery may be of an event of ours. Targets that are told of every message and event stay told of
these alone: nobody's back end is sent what it has not asked for.
"""

import django.db.models.deletion
from django.db import migrations, models


def keep_to_messages(apps, schema_editor):
    rules = apps.get_model("messaging", "ForwardRule").objects
    for rule in rules.filter(kind="").iterator():
        rules.create(
            target_id=rule.target_id,
            authorizer_id=rule.authorizer_id,
            tag_id=rule.tag_id,
            kind="event",
        )
        rules.filter(pk=rule.pk).update(kind="message")


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0003_unread_of_account"),
        ("platform_auth", "0012_platform_event"),
    ]

    operations = [
        migrations.AddField(
            "delivery",
            "event",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="platform_auth.platformevent",
                verbose_name="event",
            ),
        ),
        migrations.AlterField(
            "delivery",
            "push",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="platform_auth.push",
                verbose_name="push",
            ),
        ),
        migrations.AddConstraint(
            "delivery",
            models.UniqueConstraint(
                condition=models.Q(event__isnull=False),
                fields=["event", "target"],
                name="one_delivery_of_an_event",
            ),
        ),
        migrations.RunPython(keep_to_messages, migrations.RunPython.noop),
    ]
