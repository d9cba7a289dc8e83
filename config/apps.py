from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate

# Roles of processes that nobody sits in front of.
SERVERS = ("web", "push", "worker", "beat")


class ConfigConfig(AppConfig):
    """The project itself: the last app, so that all others are there when it is ready."""

    name = "config"

    def ready(self) -> None:
        from celery import signals

        from config import checks, presence  # noqa: F401 -- they register themselves
        from messaging import tasks as messaging_tasks
        from platform_auth import fields, logs, roles, writers
        from platform_auth.calls import note_call
        from platform_auth.clocks import watch_clock
        from platform_auth.odd_rows import count_odd_rows
        from platform_auth.old_keys import note_old_key
        from platform_auth.platform_events import wake_on_events
        from wechat import http

        http.configure(on_odd_rows=count_odd_rows, on_call=note_call)
        fields.tell_of_old_keys(note_old_key)
        wake_on_events(messaging_tasks.forward)

        if settings.PROCESS_ROLE in SERVERS:
            logs.take_tracebacks()
        if settings.SENTRY_DSN:
            from config import sentry

            sentry.start(settings.SENTRY_DSN, environment=settings.SENTRY_ENVIRONMENT)

        # A web process does it itself: config/wsgi.py.
        signals.worker_init.connect(watch_clock)
        signals.beat_init.connect(watch_clock)
        signals.worker_process_shutdown.connect(writers.write_all)

        # Once, for the last app that has models: only then do all permissions exist.
        last = apps.get_app_config("audits")
        post_migrate.connect(roles.ensure_groups, sender=last, dispatch_uid="platform_auth.roles")
        post_migrate.connect(_mark, sender=last, dispatch_uid="platform_auth.installation")
        post_migrate.connect(_restate_lacks, sender=last, dispatch_uid="miniprograms.lacks")


def _mark(**kwargs: Any) -> None:
    """Migrated back, there is no table for it."""
    from platform_auth.installation import mark_installation

    if "installation" in kwargs.get("apps", apps).all_models["platform_auth"]:
        mark_installation()


def _restate_lacks(**kwargs: Any) -> None:
    """A new version may need other permission sets. Migrated back, there is no column for them."""
    from miniprograms.services.permission_drift import restate_lacks

    if "permissionrequest" in kwargs.get("apps", apps).all_models["miniprograms"]:
        restate_lacks()
