"""Pushes as CSV: what was searched, page by page."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from messaging.services.kind_names import name_of_kind
from miniprograms.models import Authorizer
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from webhooks.admin.push_words import describe_push, fields_of
from wechat.push import Malformed

MAX_EXPORT_ROWS, EXPORT_BATCH_SIZE = 100_000, 1_000


def export_rows(rows: QuerySet[Push]) -> Iterator[list[str]]:
    """
    ROWS, the newest first, as cells of text. They are read by many short queries: one long one
    would keep the database from cleaning up behind the pushes that come meanwhile.
    """
    rows, remaining = rows.order_by("-received_at", "-id"), MAX_EXPORT_ROWS
    page = list(rows[: min(remaining, EXPORT_BATCH_SIZE)])
    while page:
        names = _names(page)
        for push in page:
            yield [cell(push, names) for _title, cell in _EXPORT_COLUMNS]
        remaining -= len(page)
        last = page[-1]
        older = Q(received_at__lt=last.received_at) | Q(
            received_at=last.received_at, pk__lt=last.pk
        )
        # Implied by OLDER, but only this lets the database begin in the index where the page ended.
        older &= Q(received_at__lte=last.received_at)
        page = list(rows.filter(older)[: min(remaining, EXPORT_BATCH_SIZE)])


def _names(page: list[Push]) -> dict[str, str]:
    appids = {push.appid for push in page}
    rows = Authorizer.objects.filter(appid__in=appids).values_list("appid", "nick_name")
    return dict(rows)


def _local_time(at: datetime) -> str:
    return timezone.localtime(at).isoformat(" ", "seconds")


def _fields(push: Push) -> str:
    try:
        return json.dumps(fields_of(push), ensure_ascii=False)
    except Unreadable:
        return gettext("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
    except Malformed:
        return ""


# Each column's title, and its cell for a push among accounts of these names by appid.
_EXPORT_COLUMNS: tuple[tuple[Any, Callable[[Push, dict[str, str]], str]], ...] = (
    (_("received"), lambda push, names: _local_time(push.received_at)),
    (_("sent"), lambda push, names: _local_time(push.created)),
    (_("appid"), lambda push, names: push.appid),
    (_("account"), lambda push, names: names.get(push.appid, "")),
    (_("user"), lambda push, names: push.openid),
    (_("kind"), lambda push, names: push.kind),
    (_("in words"), lambda push, names: name_of_kind(push.kind)),
    (_("says"), lambda push, names: describe_push(push)),
    (_("state"), lambda push, names: str(push.get_state_display())),
    (_("attempts"), lambda push, names: str(push.attempts)),
    (_("error"), lambda push, names: push.error),
    (_("fields"), lambda push, names: _fields(push)),
)
EXPORT_TITLES = [title for title, _cell in _EXPORT_COLUMNS]
