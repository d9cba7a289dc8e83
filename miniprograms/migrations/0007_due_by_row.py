"""
What is due follows a row only where its due time changes: the lease of a sweep, which writes hundreds
of rows, calls no trigger any more.
"""

from django.db import migrations

from platform_auth.concurrent_index import RunOnPostgresql

BY_ROW = """
DROP TRIGGER authorizers_due_updated ON wxminiprograms;
CREATE OR REPLACE FUNCTION update_due_refreshes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE miniprograms_duerefresh SET due_at = NEW.due_at WHERE authorizer_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER authorizers_due_updated AFTER UPDATE OF due_at ON wxminiprograms
  FOR EACH ROW WHEN (OLD.due_at IS DISTINCT FROM NEW.due_at)
  EXECUTE FUNCTION update_due_refreshes();
"""
BY_STATEMENT = """
DROP TRIGGER authorizers_due_updated ON wxminiprograms;
CREATE OR REPLACE FUNCTION update_due_refreshes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE miniprograms_duerefresh due SET due_at = fresh.due_at FROM fresh
  WHERE due.authorizer_id = fresh.id AND due.due_at IS DISTINCT FROM fresh.due_at;
  RETURN NULL;
END $$;
CREATE TRIGGER authorizers_due_updated AFTER UPDATE ON wxminiprograms
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION update_due_refreshes();
"""


class Migration(migrations.Migration):
    dependencies = [("miniprograms", "0006_switched_off")]

    operations = [RunOnPostgresql(BY_ROW, BY_STATEMENT)]
