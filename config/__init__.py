"""The wiring. Celery's app is made here, so that every process publishes to our broker."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
