#!/bin/sh
# Brings a dump of deploy/backup.sh back, in place of all that the database holds. All or nothing.
#
#     deploy/restore.sh FILE
#
# DATABASE_URL and POSTGRES_PASSWORD (or _FILE) as for the backup. Stop everything that uses the
# database first; afterwards `manage.py migrate` and `manage.py reconcile`, before anything is
# started: refresh tokens that changed since the dump are then read from WeChat's own list.
set -eu

file=${1:?the dump}
: "${DATABASE_URL:?which database}"

if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
elif [ -n "${POSTGRES_PASSWORD:-}" ]; then
  export PGPASSWORD="$POSTGRES_PASSWORD"
fi

pg_restore --list "$file" >/dev/null

# One transaction, which ends only if the dump was read to its end.
statements() {
  cat <<'SQL'
BEGIN;
SET LOCAL client_min_messages = warning;
-- What came after the dump would stand in its way: tables of a newer release, for instance.
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT nspname FROM pg_namespace
              WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
END $$;
CREATE SCHEMA public;
SQL
  if pg_restore --no-owner --no-privileges --file=- "$file"; then
    printf '%s\n' 'COMMIT;' '\echo restored'
  fi
}

outcome=$(statements | psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --output=/dev/null "$DATABASE_URL")
if [ "$outcome" != restored ]; then
  echo "Nothing was restored; the database is as it was." >&2
  exit 1
fi
echo "Restored. Now: manage.py migrate, manage.py reconcile."
