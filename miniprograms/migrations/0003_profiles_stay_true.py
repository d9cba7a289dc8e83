"""Kinds of accounts that WeChat has added, and a time at which each profile is fetched again."""

import random
from datetime import timedelta

from django.db import migrations, models
from django.utils import timezone

BATCH = 1000  # rows whose profiles become due at the same moment
KINDS = [
    ("mini_program", "mini program"),
    ("official_account", "official account"),
    ("channels", "Channels account"),
    ("store", "WeChat store"),
    ("talent", "sales assistant"),
    ("supplier", "supplier"),
    ("unknown", "unknown"),
]


def spread_over_the_day(apps, schema_editor):
    rows = apps.get_model("miniprograms", "Authorizer").objects
    last = 0
    while pks := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        due_at = timezone.now() + timedelta(seconds=random.uniform(0, 24 * 3600))
        waiting = rows.filter(pk__gt=last, pk__lte=pks[-1], profile_due_at=None)
        waiting.exclude(state="unbound").update(profile_due_at=due_at)
        last = pks[-1]


class Migration(migrations.Migration):
    atomic = False  # in batches, so that nobody waits for a million rows

    dependencies = [("miniprograms", "0002_tags")]

    operations = [
        migrations.AlterField(
            model_name="authorizer",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=20, verbose_name="kind"),
        ),
        migrations.RunPython(
            spread_over_the_day, migrations.RunPython.noop, elidable=True
        ),
    ]
