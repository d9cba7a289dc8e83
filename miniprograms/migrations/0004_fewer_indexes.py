"""
Indexes that nothing asks, and that every refresh of a token had to write: PostgreSQL's second ones
for LIKE, those of the two foreign keys (one has its own by `auth_owner`, of the other there are a
few values), and of the states the one that nearly all rows have.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import AddIndexInUse


def drop_pattern_indexes(apps, schema_editor):
    """Django gives an indexed text on PostgreSQL a second index, for LIKE: nobody asks that here."""
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
            " AND tablename = 'wxminiprograms' AND indexname LIKE '%\\_like'"
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        schema_editor.execute(f'DROP INDEX "{name}"')


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [
        ("miniprograms", "0003_profiles_stay_true"),
        ("platform_auth", "0004_acknowledge_first"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexInUse(
            "authorizer",
            models.Index(
                fields=["state", "-id"], condition=~Q(state="bound"), name="auth_not_bound"
            ),
        ),
        migrations.RemoveIndex("authorizer", "auth_state"),
        migrations.AlterField(
            "authorizer",
            "owner",
            models.ForeignKey(
                blank=True,
                db_column="uid",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="authorizers",
                to=settings.AUTH_USER_MODEL,
                verbose_name="merchant",
            ),
        ),
        migrations.AlterField(
            "authorizer",
            "component",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="platform_auth.component",
                verbose_name="component",
            ),
        ),
        migrations.RunPython(drop_pattern_indexes, migrations.RunPython.noop),
    ]
