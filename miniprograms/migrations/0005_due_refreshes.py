"""
A refresh of a token changes no index of the table of authorizers any more: what is due is found by a
narrow table of its own, which triggers keep.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import RunOnPostgresql

# Once a statement, not once a row: a sweep writes hundreds. And room in each page for a row's next
# version, without which PostgreSQL would write all indexes of a row all the same.
TRIGGERS = """
CREATE FUNCTION insert_due_refreshes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO miniprograms_duerefresh (authorizer_id, due_at) SELECT id, due_at FROM fresh;
  RETURN NULL;
END $$;
CREATE FUNCTION update_due_refreshes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE miniprograms_duerefresh due SET due_at = fresh.due_at FROM fresh
  WHERE due.authorizer_id = fresh.id AND due.due_at IS DISTINCT FROM fresh.due_at;
  RETURN NULL;
END $$;
CREATE TRIGGER authorizers_due_inserted AFTER INSERT ON wxminiprograms
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insert_due_refreshes();
CREATE TRIGGER authorizers_due_updated AFTER UPDATE ON wxminiprograms
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION update_due_refreshes();
INSERT INTO miniprograms_duerefresh (authorizer_id, due_at) SELECT id, due_at FROM wxminiprograms;
ALTER TABLE wxminiprograms SET (fillfactor = 70);
"""
NO_TRIGGERS = """
ALTER TABLE wxminiprograms RESET (fillfactor);
DROP TRIGGER authorizers_due_updated ON wxminiprograms;
DROP TRIGGER authorizers_due_inserted ON wxminiprograms;
DROP FUNCTION update_due_refreshes();
DROP FUNCTION insert_due_refreshes();
"""


class Migration(migrations.Migration):
    dependencies = [("miniprograms", "0004_fewer_indexes")]

    operations = [
        migrations.CreateModel(
            name="DueRefresh",
            fields=[
                (
                    "authorizer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="due_refresh",
                        serialize=False,
                        to="miniprograms.authorizer",
                    ),
                ),
                ("due_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["due_at"], condition=Q(due_at__isnull=False), name="due_refresh"
                    )
                ]
            },
        ),
        RunOnPostgresql(TRIGGERS, NO_TRIGGERS),
        migrations.RemoveIndex("authorizer", "auth_due"),
    ]
