"""Rows of WeChat's lists that make no sense: each is left out of its list, and counted here."""

import logging

from django.db import DatabaseError, InterfaceError
from django.db.models import F
from django.db.models.functions import Now

from platform_auth.leases import release_db_connection
from platform_auth.models import OddRows

logger = logging.getLogger(__name__)


def count_odd_rows(endpoint: str, number: int) -> None:
    """NUMBER rows of an answer of ENDPOINT were left out. In the database: workers have no page."""
    rows = OddRows.objects.filter(endpoint=endpoint)
    try:
        if not rows.update(count=F("count") + number, newest_at=Now()):
            OddRows.objects.bulk_create([OddRows(endpoint=endpoint)], ignore_conflicts=True)
            rows.update(count=F("count") + number, newest_at=Now())
    except (DatabaseError, InterfaceError) as error:
        logger.error("odd rows of %s were not counted: %s", endpoint, type(error).__name__)
    release_db_connection()  # the next call to WeChat may follow at once
