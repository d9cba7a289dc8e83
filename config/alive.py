"""A sign of life of this very process, for who watches it: `deploy/processes.py`."""

from pathlib import Path

from django.conf import settings


def show() -> None:
    """Without one for too long we are ended, and started again."""
    if settings.ALIVE_FILE:
        Path(settings.ALIVE_FILE).touch()
