import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from datetime import timedelta
from hashlib import sha256

from django.db import migrations, models

STATES = [
    ("done", "done"),
    ("failed", "failed"),
    ("ignored", "ignored"),
    ("unclaimed", "waits for its account"),
]
BATCH_SIZE = 500


def drop_pattern_indexes(apps, schema_editor):
    """Django gives a unique text on PostgreSQL a second index, for LIKE: nobody asks that of a hash."""
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
            " AND tablename = 'platform_auth_push' AND indexname LIKE '%\\_like'"
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        schema_editor.execute(f'DROP INDEX "{name}"')


def renew_business_keys(apps, schema_editor):
    """
    What has no MsgId was told apart by some of its fields, and is now by all of what it says. Only
    of the last day: WeChat sends a push again within seconds.
    """
    Push = apps.get_model("platform_auth", "Push")
    since = django.utils.timezone.now() - timedelta(days=1)
    rows = Push.objects.filter(received_at__gte=since).select_related("component").order_by("id")
    last = 0
    while page := list(rows.filter(id__gt=last)[:BATCH_SIZE]):
        last = page[-1].id
        for row in page:
            if (key := _key(row)) and not Push.objects.filter(business_key=key).exists():
                Push.objects.filter(id=row.id).update(business_key=key)


def _key(row):
    from platform_auth.fields import Sealed, Unreadable, secret_fields
    from platform_auth.models import Push
    from wechat import push as wire

    [body] = [field for field in secret_fields(Push) if field.name == "body"]
    sealed = row.__dict__["body"]
    try:
        text = body.unseal(sealed, row.digest) if isinstance(sealed, Sealed) else ""
        message = text.encode(errors="surrogateescape")
        push = wire.read_push(message)
    except (Unreadable, wire.Malformed):
        return ""
    if push.get("MsgId") and not push.is_component_push:
        return ""
    return sha256(b"\0".join([row.component.appid.encode(), message])).hexdigest()


class Migration(migrations.Migration):
    dependencies = [("platform_auth", "0003_component_silent_since")]

    operations = [
        migrations.AddField(
            model_name="push",
            name="is_undated",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AlterField(
            model_name="push",
            name="state",
            field=models.CharField(choices=STATES, max_length=10, verbose_name="state"),
        ),
        migrations.AlterField(
            model_name="push",
            name="component",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="platform_auth.component",
                verbose_name="component",
            ),
        ),
        migrations.CreateModel(
            name="DuePush",
            fields=[
                (
                    "push",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="platform_auth.push",
                    ),
                ),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="PushRefusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("door", models.CharField(max_length=10)),
                ("reason", models.CharField(max_length=20)),
                ("count", models.BigIntegerField(default=0)),
                ("newest_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("door", "reason"), name="one_refusal_a_reason")
                ],
            },
        ),
        migrations.RunPython(drop_pattern_indexes, migrations.RunPython.noop),
        migrations.RunPython(renew_business_keys, migrations.RunPython.noop),
    ]
