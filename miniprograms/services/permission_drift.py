"""Accounts that lack a permission set which a function of ours needs, and asking their owners."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from miniprograms.models import Authorizer, PermissionRequest
from miniprograms.permissions import Need, active_needs, lacking_codes
from miniprograms.services.bind_links import make_bind_link
from platform_auth.operations import Actor, record_operation

COUNTED_SINCE = timedelta(days=90)  # of requests, for the progress
MOST_REQUESTS = 5_000  # of those, the newest


@dataclass(frozen=True, slots=True)
class NeedCounts:
    """How many accounts LACK what NEED is for; how many were ASKED, and how many have SCANNED."""

    need: Need
    lacking: int
    asked: int
    scanned: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """The LINK with which USER authorises ACCOUNT again."""

    account: Authorizer
    user: User
    link: str


def count_needs() -> list[NeedCounts]:
    """For each function of ours how many lack its sets, and how far those are who were asked."""
    lacking: Counter[str] = Counter()
    rows = Authorizer.objects.lacking().order_by().values_list("lacks")
    for codes, number in rows.annotate(number=Count("pk")):
        for code in codes.split():
            lacking[code] += number
    recent = PermissionRequest.objects.filter(asked_at__gte=timezone.now() - COUNTED_SINCE)
    requests = recent.values_list("need", "authorizer__lacks", "authorizer__state")
    newest = requests.order_by("-asked_at", "-pk")[:MOST_REQUESTS]
    asked, waiting = Counter[str](), Counter[str]()
    for (need, codes, state), number in Counter(newest).items():
        asked[need] += number
        if need in codes.split() and state != Authorizer.State.UNBOUND:
            waiting[need] += number
    return [
        NeedCounts(
            need, lacking[need.code], asked[need.code], asked[need.code] - waiting[need.code]
        )
        for need in active_needs()
    ]


def waiting_requests() -> Any:
    """The requests that are not met, the oldest first."""
    rows = PermissionRequest.objects.exclude(authorizer__state=Authorizer.State.UNBOUND)
    rows = rows.exclude(authorizer__lacks="").select_related("authorizer__owner", "asked_by")
    return rows.order_by("asked_at", "pk")


def ask_to_authorise_again(account: Authorizer, *, by: Actor) -> Invitation | None:
    """
    Keep that BY asks for all that ACCOUNT lacks; the link for its merchant. None where it lacks
    nothing, or has no merchant who could.
    """
    user = account.owner
    needs = account.lacking_needs
    if not needs or user is None or not user.is_active:
        return None
    with transaction.atomic():
        for need in needs:
            PermissionRequest.objects.update_or_create(
                authorizer=account,
                need=need.code,
                defaults={"asked_at": timezone.now(), "asked_by_id": by.pk},
            )
        codes = " ".join(need.code for need in needs)
        record_operation("ask_for_permissions", by=by, appid=account.appid, result=codes)
        link = make_bind_link(user, by=by, appid=account.appid, component=account.component)
    return Invitation(account, user, link.url)


def restate_lacks() -> int:
    """
    Work out anew what each account lacks: the table of needs, or the platform's sets, may have
    changed. How many accounts that changes.
    """
    groups: Sequence[Any] = list(
        Authorizer.objects.order_by().values_list("kind", "func_info", "lacks").distinct()
    )
    changed = 0
    for kind, func_info, lacks in groups:
        codes = lacking_codes(kind, func_info)
        if codes != lacks:
            rows = Authorizer.objects.filter(kind=kind, func_info=func_info, lacks=lacks)
            changed += rows.update(lacks=codes)
    return changed
