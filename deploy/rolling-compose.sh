#!/bin/sh
# A new release with docker compose, without a request refused: start the new beside the old, wait
# until it is healthy, let nginx find it, drain the old.
#
#     deploy/rolling-compose.sh        in the folder of docker-compose.yml, with the new release in it
#
# If a new container does not get healthy, it is taken away again, and the old serves on.
set -eu

# nginx asks docker's name server again after so many seconds (nginx-compose.conf).
names_are_old=4

containers() { docker compose ps --quiet "$1"; }

count() { containers "$1" | grep -c .; }

is_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]; }

remove() {
  # SIGTERM: it ends what is under way, within its stop_grace_period.
  docker stop "$@" >/dev/null
  docker rm "$@" >/dev/null
}

wait_for() {
  tries=120
  until is_healthy "$1"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then return 1; fi
    sleep 1
  done
}

replace() {
  old=$(containers "$1") number=$(count "$1")
  docker compose up --detach --no-deps --no-recreate --scale "$1=$((number * 2))" "$1"
  new=$(containers "$1" | grep --invert-match --line-regexp --fixed-strings "$old")
  for container in $new; do
    if ! wait_for "$container"; then
      echo "$1: the new release does not get healthy; the old one serves on." >&2
      # shellcheck disable=SC2086 -- a list
      remove $new
      exit 1
    fi
  done
  sleep "$names_are_old"
  # shellcheck disable=SC2086
  remove $old
  echo "$1 is replaced."
}

docker compose build
# The tables first: they only grow, and the old release knows nothing of what is new.
docker compose run --rm migrate
replace push
replace web
# Nobody waits for these two: a task that is under way ends, or is done again.
workers=$(count worker)
docker compose up --detach --no-deps --scale "worker=$workers" worker beat backup
docker compose up --detach --no-deps nginx
