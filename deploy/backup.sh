#!/bin/sh
# A dump of the database, and the end of old ones.
#
#     deploy/backup.sh once FOLDER     for cron, or platform-backup.timer
#     deploy/backup.sh daily FOLDER    at BACKUP_HOUR (3) of every day, for ever: docker compose
#
# DATABASE_URL says which, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE the password if that has none.
# Kept for BACKUP_KEEP_DAYS (14). All credentials in a dump are as in the database: encrypted by the
# FIELD_ENCRYPTION_KEYS of that day, which must be kept elsewhere as long as the dump. Passwords of
# people are hashes.
set -eu
umask 077

act=${1:?once or daily} folder=${2:?the folder of the dumps}
: "${DATABASE_URL:?which database}" "${BACKUP_HOUR:=3}" "${BACKUP_KEEP_DAYS:=14}"

if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
elif [ -n "${POSTGRES_PASSWORD:-}" ]; then
  export PGPASSWORD="$POSTGRES_PASSWORD"
fi

dump() {
  name="$folder/platform-$(date -u +%Y%m%dT%H%M%SZ)"
  # Under its name only when it is whole, and can be read.
  if ! pg_dump --format=custom --no-owner --no-privileges --file="$name.part" "$DATABASE_URL" ||
    ! pg_restore --list "$name.part" >/dev/null; then
    rm -f "$name.part"
    return 1
  fi
  mv "$name.part" "$name.dump"
  find "$folder" -name 'platform-*.dump' -mtime "+$BACKUP_KEEP_DAYS" -delete
  find "$folder" -name 'platform-*.part' -mtime +1 -delete
  echo "$name.dump"
}

is_fresh() {
  [ -n "$(find "$folder" -name 'platform-*.dump' -mmin -1470 | head -n 1)" ]
}

# A loop that looks every minute needs no clock of its own; and a day that was missed is made up for.
daily() {
  while true; do
    if ! is_fresh || { [ "$(date +%H)" -eq "$BACKUP_HOUR" ] && ! was_made_this_hour; }; then
      dump || echo "The backup has failed." >&2
    fi
    # For the health check.
    if is_fresh; then touch /tmp/alive; fi
    sleep 60 &
    wait $!
  done
}

was_made_this_hour() {
  [ -n "$(find "$folder" -name 'platform-*.dump' -mmin -61 | head -n 1)" ]
}

trap 'exit 0' TERM INT
case $act in
  once) dump ;;
  daily) daily ;;
  *) echo "once or daily" >&2; exit 2 ;;
esac
