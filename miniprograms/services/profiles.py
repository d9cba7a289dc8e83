"""
An account's profile, as WeChat has it: name, kind, state, permission sets.

It is fetched again about once a day, since owners rename their accounts and WeChat freezes and bans
them; and at once where something says that it has changed (`expect_change`): a push, or a refusal.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, When
from django.db.models.functions import Now

from miniprograms.account_events import public_values, publish_changes
from miniprograms.models import Authorizer, AuthorizerQuerySet
from miniprograms.permissions import kind_by_sets, lacking_codes
from platform_auth import heartbeats
from platform_auth.due_work import BEAT, Runner
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.errors import (
    BackingOff,
    BadAnswer,
    Busy,
    NotAuthorized,
    NotReady,
    QuotaDay,
    QuotaMinute,
    TicketExpired,
    Unreachable,
    WeChatError,
)
from wechat.http import read_id, read_number, read_object, read_text

logger = logging.getLogger(__name__)

# WeChat publishes no limit of this call. Ten a second are enough for 700,000 accounts a day.
PROFILES_A_MINUTE = 600
BUDGET = 25.0  # seconds; the next run goes on
PAGE = 100  # rows looked up at a time
MAX_FAILURES = 5  # in a row, then WeChat is left alone until the next run
# Until a fetch that failed is tried again; and for whoever fetches, longer than a fetch takes.
RETRY_AFTER = timedelta(minutes=2)

Kind = Authorizer.Kind


def sync_profile(authorizer: Authorizer, *, by: Actor | None = None) -> None:
    """
    Fetch the profile of AUTHORIZER by api_get_authorizer_info and keep it. BY is who asked.

    Raises what WeChat answered; the profile is then fetched again later.
    """
    Authorizer.objects.filter(pk=authorizer.pk).update(profile_due_at=Now() + RETRY_AFTER)
    _fetch(authorizer, by)


def _fetch(authorizer: Authorizer, by: Actor | None = None) -> None:
    """`sync_profile` for a row whose due time has been moved on: nobody else fetches it now."""
    release_db_connection()
    try:
        profile, grant = as_component(
            authorizer.component, wechat.get_authorizer_info, authorizer.appid
        )
    except NotAuthorized:
        _check_authorization(authorizer)
        raise
    known = authorizer.kind if authorizer.profile_synced_at else ""
    with transaction.atomic():
        locked = Authorizer.objects.select_for_update(no_key=True).get(pk=authorizer.pk)
        before = public_values(locked)
        Authorizer.objects.filter(pk=authorizer.pk).update(
            **profile_values(profile, grant, known_kind=known),
            # What was announced while we asked is fetched once more.
            profile_due_at=Case(
                When(profile_due_at__lte=Now(), then=F("profile_due_at")),
                default=Now() + _about_a_day(),
            ),
            profile_synced_at=Now(),
            updated_at=Now(),
        )
        if by is not None:
            record_operation("sync_profile", by=by, appid=authorizer.appid)
        authorizer.refresh_from_db()
        publish_changes(authorizer, before)


def _about_a_day() -> timedelta:
    """Less than a day, so that none gets older; the accounts spread over it by themselves."""
    return timedelta(hours=random.uniform(20, 23))  # noqa: S311 -- spreads load


def _check_authorization(authorizer: Authorizer) -> None:
    """WeChat says that the account is not authorised any more: its token's refresh finds out."""
    rows = Authorizer.objects.filter(pk=authorizer.pk)
    rows.update(profile_due_at=Now() + _about_a_day())
    rows.filter(due_at__isnull=False).update(due_at=Now())


def _due_profiles() -> AuthorizerQuerySet:
    return Authorizer.objects.filter(profile_due_at__lte=Now())


def fetch_due_profiles() -> None:
    """
    Fetch the profiles that are due, those first that are known to have changed, at no more than
    PROFILES_A_MINUTE. One run at a time does so, however many are woken.
    """
    run = _Run()
    runner = Runner("profiles", find=run.find, work=run.fetch, budget=BUDGET, is_alone=True)
    runner.run()


class _Run:
    """One run: its pace, and the components for which WeChat is failing just now."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + BUDGET
        self.failures: Counter[int] = Counter()  # in a row, by component

    def find(self, places: int, in_flight: Sequence[Authorizer]) -> Iterator[Authorizer]:
        """What is due, one by one, at a steady pace, until nothing is left or the time is over."""
        beaten = 0.0
        while rows := self._next_rows():
            for row in rows:
                started = time.monotonic()
                if started > self.deadline:
                    break
                if started > beaten + BEAT:
                    beaten = started
                    heartbeats.beat("profiles")
                if self._is_failing(row.component_id):
                    continue
                yield row
                release_db_connection()
                time.sleep(max(started + 60 / PROFILES_A_MINUTE - time.monotonic(), 0))
        if beaten:
            heartbeats.end("profiles")

    def _next_rows(self) -> list[Authorizer]:
        if time.monotonic() > self.deadline:
            return []
        failing = [pk for pk in self.failures if self._is_failing(pk)]
        due = _due_profiles().exclude(component__in=failing).select_related("component")
        return list(due.order_by("profile_due_at")[:PAGE])

    def _is_failing(self, component: int) -> bool:
        return self.failures[component] >= MAX_FAILURES

    def fetch(self, row: Authorizer) -> bool:
        """
        Fetch the profile of ROW, unless somebody else does. The claim is the due time itself, moved
        on by compare-and-set: the row's lease is its token's, which must not wait for a profile.
        """
        if not _due_profiles().filter(pk=row.pk).update(profile_due_at=Now() + RETRY_AFTER):
            return False
        try:
            _fetch(row)
        except WeChatError as error:
            logger.warning("the profile of %s was not fetched: %s", row.appid, error)
            self._count_failure(row.component, error)
        else:
            self.failures[row.component_id] = 0
        return True

    def _count_failure(self, component: Component, error: WeChatError) -> None:
        match error:
            case QuotaDay() | QuotaMinute() | NotReady() | BackingOff() | TicketExpired():
                self.failures[component.pk] = MAX_FAILURES  # it would be the same for every account
            case BadAnswer():
                pass  # about this account alone
            case Unreachable() | Busy():
                self.failures[component.pk] += 1


def profile_values(
    profile: Mapping[str, Any], grant: Mapping[str, Any], *, known_kind: str = ""
) -> dict[str, Any]:
    """
    The columns for authorizer_info PROFILE and authorization_info GRANT, whatever is missing.
    KNOWN_KIND is what an earlier profile has shown.
    """
    mini_program = profile.get("MiniProgramInfo")
    func_info = wechat.read_func_info(grant.get("func_info"))
    values: dict[str, Any] = {
        "kind": _kind_of(profile, func_info) or known_kind or Kind.UNKNOWN,
        "miniprograminfo": read_object(mini_program),
        "business_info": read_object(profile.get("business_info")),
        "verify_type_info": _nested_id(profile.get("verify_type_info"), -1),
        "service_type": _nested_id(profile.get("service_type_info"), None),
        "account_status": _as_number(profile.get("account_status"), 1),
        "idc": _as_number(profile.get("idc"), 0),
    }
    values |= {name: read_text(profile.get(name))[:length] for name, length in _TEXTS.items()}
    if not read_id(values["user_name"]):
        del values["user_name"]  # pushes are told by it: the one that is known stays
    if type(grant.get("func_info")) is list:
        values["func_info"] = func_info
        values["lacks"] = lacking_codes(values["kind"], func_info)
    return values


# Members that only accounts of one kind have.
_MEMBERS = {
    "channels_info": Kind.CHANNELS,
    "store_info": Kind.STORE,
    "talent_info": Kind.TALENT,
    "supplier_info": Kind.SUPPLIER,
}
_MEMBERS_OF_ALL = {"service_type_info", "verify_type_info", "business_info"}
_OFFICIAL_SERVICE_TYPES = (0, 1, 2)  # subscription, upgraded subscription, service account


def _kind_of(profile: Mapping[str, Any], func_info: list[int]) -> str:
    """
    What kind of account has PROFILE and has granted FUNC_INFO; "" where they do not tell, or tell
    of something that we do not know.
    """
    if profile.get("MiniProgramInfo"):
        return Kind.MINI_PROGRAM
    for member, kind in _MEMBERS.items():
        if profile.get(member) is not None:
            return kind
    members = {name for name in profile if name.endswith(("_info", "Info"))}
    strange = members - _MEMBERS.keys() - _MEMBERS_OF_ALL
    service_type = _nested_id(profile.get("service_type_info"), None)
    if not strange and service_type in _OFFICIAL_SERVICE_TYPES:
        return Kind.OFFICIAL_ACCOUNT
    return _kind_by_sets(func_info) if strange <= {"MiniProgramInfo"} else ""


_KINDS = {wechat.MINI_PROGRAM: Kind.MINI_PROGRAM, wechat.OFFICIAL_ACCOUNT: Kind.OFFICIAL_ACCOUNT}


def _kind_by_sets(func_info: list[int]) -> str:
    auth_type = kind_by_sets(func_info)
    return _KINDS[auth_type] if auth_type else ""


def guess_kind(func_info: list[int], auth_type: int) -> str:
    """Until the profile tells: by the sets granted, or by the AUTH_TYPE that was asked for."""
    return _kind_by_sets(func_info) or _KINDS.get(auth_type, Kind.UNKNOWN)


_TEXTS = {
    field.name: field.max_length or 0
    for field in Authorizer._meta.concrete_fields
    if field.name
    in (
        "nick_name",
        "head_img",
        "user_name",
        "alias",
        "qrcode_url",
        "principal_name",
        "signature",
    )
}


def _as_number(value: object, default: int | None) -> int | None:
    number = read_number(value, below=2**31)
    return default if number is None else number


def _nested_id(value: object, default: int | None) -> int | None:
    return _as_number(read_object(value).get("id"), default)
