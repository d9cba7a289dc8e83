#!/bin/sh
# Brings a dump of deploy/backup.sh back, in place of all that the database holds. All or nothing.
#
#     deploy/restore.sh FILE
#
# DATABASE_URL and POSTGRES_PASSWORD (or _FILE) as for the backup. Stop everything that uses the
# database first. Afterwards migrate, which ends with a sentence where a field key is missing that
# the dump needs; start; and `manage.py reconcile`, by which refresh tokens that changed since the
# dump are read from WeChat's own list.
set -eu

file=${1:?the dump}
: "${DATABASE_URL:?which database}"

if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
elif [ -n "${POSTGRES_PASSWORD:-}" ]; then
  export PGPASSWORD="$POSTGRES_PASSWORD"
fi

unchanged() {
  echo "Nothing was restored; the database is as it was." >&2
  exit 1
}

pg_restore --list "$file" >/dev/null || unchanged

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

outcome=$(statements | psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --output=/dev/null "$DATABASE_URL") || unchanged
[ "$outcome" = restored ] || unchanged

# By their names, as the set-up guide has them.
keys=$(psql --no-psqlrc --tuples-only --no-align "$DATABASE_URL" 2>/dev/null <<'SQL' || true
SELECT string_agg(DISTINCT split_part(app_secret, ':', 2), ', ')
FROM platform_auth_component WHERE app_secret <> ''
SQL
)
if [ -n "$keys" ]; then
  echo "Its secrets need these in FIELD_ENCRYPTION_KEYS: $keys"
fi
echo "Restored. Now: migrate, start, and then manage.py reconcile."
