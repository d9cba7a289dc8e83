"""The operation log is only ever added to, which PostgreSQL sees to, and can be verified."""

from django.db import migrations, models

from platform_auth.concurrent_index import RunOnPostgresql

# A person's account may go, and what they did stays: actor_id alone may become NULL.
TRIGGERS = """
CREATE FUNCTION refuse_change_of_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.actor_id IS NULL AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the operation log is only ever added to' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER operation_is_added_to BEFORE UPDATE OR DELETE ON platform_auth_operation
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_operation();
CREATE TRIGGER operation_is_not_emptied BEFORE TRUNCATE ON platform_auth_operation
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_operation();
"""
NO_TRIGGERS = """
DROP TRIGGER operation_is_not_emptied ON platform_auth_operation;
DROP TRIGGER operation_is_added_to ON platform_auth_operation;
DROP FUNCTION refuse_change_of_operation();
"""


class Migration(migrations.Migration):
    dependencies = [("platform_auth", "0006_operation_indexes")]

    operations = [
        migrations.CreateModel(
            name="OperationSeal",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("operation_id", models.BigIntegerField(unique=True)),
                ("digest", models.CharField(max_length=64)),
            ],
        ),
        RunOnPostgresql(TRIGGERS, NO_TRIGGERS),
    ]
