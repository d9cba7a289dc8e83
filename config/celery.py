"""Celery's app: ``celery -A config worker``, ``celery -A config beat``."""

import os

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu.transport import TRANSPORT_ALIASES

from config.worker import CatchUp, EventConsumer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRANSPORT_ALIASES["filesystem"] = "config.broker:Transport"

app = Celery("config", task_cls="platform_auth.wakeup:MarkedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["consumer"].update([EventConsumer, CatchUp])
app.autodiscover_tasks()
