"""
When WeChat falls silent: after many failures it sends no pushes at all for about a minute, to no
account (MarkFail). What it would have said then is lost, and has to be asked for.
"""

import logging
from datetime import datetime, timedelta

from django.db.models import Max

from platform_auth.models import REHEARSAL, Component, Push

logger = logging.getLogger(__name__)

SILENCE = timedelta(seconds=90)
BEFORE = timedelta(minutes=10)
USUAL = 60  # pushes in that time; of fewer nobody can tell that they have stopped


def listen(component: Component) -> bool:
    """
    Note that pushes for COMPONENT, read `with_clock()`, have stopped; True once, when they are
    back: then somebody should ask WeChat what was missed.
    """
    rows = Push.objects.filter(component=component).exclude(openid__startswith=REHEARSAL)
    last: datetime | None = rows.aggregate(last=Max("received_at"))["last"]
    since = component.silent_since
    if last is None or (since is None and last > component.now - SILENCE):
        return False
    if since is not None:
        return last > since and _note(component, None)
    if rows.filter(received_at__gt=last - BEFORE)[:USUAL].count() == USUAL:
        _note(component, last)
        logger.error("%s has had no push since %s: WeChat may have muted it", component, last)
    return False


def _note(component: Component, since: datetime | None) -> bool:
    """Whether it was us who noted it."""
    rows = Component.objects.filter(pk=component.pk, silent_since=component.silent_since)
    return bool(rows.update(silent_since=since))
