"""
Settings at WeChat: looked at about daily and when somebody asks; changed where they differ from
what they should be, and only then.

Before something is changed WeChat's value is read, also where an earlier answer was lost: so
nothing is repeated blindly, and nothing is sent that is there already.
"""

import logging
import random
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.kinds import Kind, NothingDesired, Remarks, SettingBusy
from miniprograms.services.settings.record import (
    compare,
    saved_setting_of,
    set_desired,
)
from miniprograms.services.settings.registry import KINDS
from platform_auth.due_work import Runner
from platform_auth.errcodes import explain_errcode
from platform_auth.leases import release_db_connection
from platform_auth.models import LEASE, UTC_PLUS_8, backoff_after
from platform_auth.operations import Actor, record_operation, recorded_call
from platform_auth.rights import may_still
from wechat.bulkhead import take_place
from wechat.errors import (
    BackingOff,
    Busy,
    NotReady,
    NotSent,
    QuotaDay,
    QuotaMinute,
    Refused,
    TicketExpired,
    TokenExpired,
    Unreachable,
    WeChatError,
)

logger = logging.getLogger(__name__)

MAY_APPLY = "miniprograms.edit_settings"
State = Setting.State

RECHECK_AFTER = timedelta(seconds=30)
RETRY_LOOK_AFTER = timedelta(hours=1)
MAX_LOST = 3  # answers in a row, then somebody must look
LOOK_PAUSE = 0.2  # seconds that a thread rests after a look: ten a second from two threads at most
THREADS = 2

# It may be otherwise in a while; nothing has changed at WeChat.
PASSING = (NotSent, NotReady, BackingOff, Busy, QuotaDay, QuotaMinute, TicketExpired, TokenExpired)


def look_now(setting: Setting) -> Setting:
    """Fetch WeChat's value while a person waits. Raises what WeChat answers, and SettingBusy."""
    take_place()
    row = _read_row(saved_setting_of(setting.authorizer, setting.kind).pk)
    if not row.take_lease():
        raise SettingBusy
    release_db_connection()
    try:
        _look(row)
    except WeChatError as error:
        _put_look_off(row, error)
        raise
    return _read_row(row.pk)


def apply_now(setting: Setting, *, by: Actor | None) -> Setting:
    """
    Bring what is desired to WeChat while a person waits. What came of it is in the row's state; one
    that waits still, or is not known, is worked on by a worker.
    """
    if setting.desired is None:
        raise NothingDesired
    take_place()
    set_desired(setting.authorizer, setting.kind, setting.desired, by=by, applies=True)
    row = _read_row(setting.pk)
    if row.take_lease():
        release_db_connection()
        _apply(row)
    return _read_row(setting.pk)


def _read_row(pk: int) -> Setting:
    rows = Setting.objects.with_clock().select_related("authorizer__component", "apply_by")
    row: Setting = rows.get(pk=pk)
    return row


# Under the row's lease


def _look(row: Setting) -> None:
    """Keep WeChat's value. Where it is what was wanted, whatever became of the call is settled."""
    at_wechat = KINDS[row.kind].read(row.authorizer)
    values = _seen_values(row, at_wechat)
    if row.state in Setting.TO_APPLY and values["has_drifted"]:
        row.write_if_same(**values, due_at=Now())
        return
    row.write_if_same(**values, **_settled_values(row, values), due_at=_next_look(row))


def _seen_values(row: Setting, at_wechat: Any) -> dict[str, Any]:
    return {
        "at_wechat": at_wechat,
        "checked_at": Now(),
        "has_drifted": bool(compare(row.kind, row.desired, at_wechat)),
        "last_error": "",
        "failures": 0,
    }


def _settled_values(row: Setting, values: dict[str, Any]) -> dict[str, Any]:
    """What a look changes in the outcome of the last act: nothing, unless all is as desired."""
    if row.desired is None or values["has_drifted"] or row.state == State.APPLIED:
        return {}
    return {"state": State.APPLIED, "reason": "", "errcode": None, "remarks": {}}


def _next_look(row: Setting) -> Any:
    """About daily where there is something to compare; else when somebody asks."""
    hours = random.uniform(20, 23)  # noqa: S311 -- spreads load
    return None if row.desired is None else Now() + timedelta(hours=hours)


def _put_look_off(row: Setting, error: WeChatError) -> None:
    """WeChat's value is not known anew. What waits to be applied is tried soon."""
    after = backoff_after(error, row.failures)
    if row.state not in Setting.TO_APPLY:
        after = max(after, RETRY_LOOK_AFTER)
    has_work = row.desired is not None
    row.write_if_same(
        last_error=str(error),
        failures=min(row.failures + 1, 100),
        due_at=Now() + after if has_work else None,
    )


def _apply(row: Setting) -> None:
    """Read WeChat's value and, where it is another than desired, change it."""
    kind = KINDS[row.kind]
    try:
        at_wechat = kind.read(row.authorizer)
    except WeChatError as error:
        _end_apply(row, error, is_sent=False)
        return
    values = _seen_values(row, at_wechat)
    if not values["has_drifted"]:
        row.write_if_same(**values, **_settled_values(row, values), due_at=_next_look(row))
    elif obstacle := _obstacle(row, kind, at_wechat):
        _refuse(row, obstacle, **values)
    elif row.write_if_same(
        **values | {"failures": row.failures},
        **_counted(row, kind, at_wechat),
        state=State.APPLYING,
        lease_until=Now() + 2 * LEASE,
    ):
        _send(row, kind, at_wechat)


def _obstacle(row: Setting, kind: Kind, at_wechat: Any) -> str:
    """Why WeChat is not asked: nobody may, or the month's changes are used up."""
    if not may_still(row.apply_by_id, [MAY_APPLY]):
        return _("Whoever wanted this may not do it any more, so it was not done.")
    changes = kind.count_changes(row.desired, at_wechat)
    if kind.monthly_limit and changes_this_month(row) + changes > kind.monthly_limit:
        sentence = _("WeChat allows %(most)d changes a month, and these are used up.")
        return sentence % {"most": kind.monthly_limit}
    return ""


def changes_this_month(row: Setting) -> int:
    """How many changes of this setting we have asked WeChat for this month."""
    return row.changes_in_month if row.month == _month() else 0


def _month() -> str:
    return timezone.now().astimezone(UTC_PLUS_8).strftime("%Y-%m")


def _counted(row: Setting, kind: Kind, at_wechat: Any) -> dict[str, Any]:
    changes = kind.count_changes(row.desired, at_wechat)
    return {"month": _month(), "changes_in_month": changes_this_month(row) + changes}


def _send(row: Setting, kind: Kind, at_wechat: Any) -> None:
    appid = row.authorizer.appid
    result = f"{row.kind} {row.version}"
    try:
        with recorded_call("apply_setting", by=row.apply_by, appid=appid, result=result):
            remarks = kind.apply(row.authorizer, row.desired, at_wechat)
    except WeChatError as error:
        _end_apply(row, error, is_sent=True)
        return
    _finish(row, kind, remarks)


def _finish(row: Setting, kind: Kind, remarks: Remarks) -> None:
    """WeChat has taken it: all of it, or what it took for good."""
    try:
        values = _seen_values(row, kind.read(row.authorizer))
    except WeChatError as error:
        _end_apply(row, error, is_sent=True, is_lost=True)
        return
    state = State.PARTLY if values["has_drifted"] else State.APPLIED
    row.write_if_same(
        **values,
        state=state,
        reason="",
        errcode=None,
        remarks=remarks,
        applied_at=Now(),
        due_at=_next_look(row),
    )


def _end_apply(row: Setting, error: WeChatError, *, is_sent: bool, is_lost: bool = False) -> None:
    """It was not done, or nobody knows: tried again, asked again, or refused for good."""
    failures = row.failures + 1
    uncounted = {"month": row.month, "changes_in_month": row.changes_in_month}
    is_lost = is_lost or (
        is_sent and isinstance(error, Unreachable) and not isinstance(error, NotSent)
    )
    if _is_out_of_reach(row.authorizer):
        _refuse(row, _("The mini program is not bound to the platform any more."))
    elif is_lost and failures < MAX_LOST:
        row.write_if_same(
            state=State.UNKNOWN, reason=str(error), failures=failures, due_at=Now() + RECHECK_AFTER
        )
    elif is_lost:
        reason = _("WeChat's answer was lost several times. Look what it has, and try again.")
        _refuse(row, reason, due_at=Now())
    elif isinstance(error, (*PASSING, Unreachable)):
        after = max(backoff_after(error, row.failures), timedelta(seconds=5))
        row.write_if_same(
            state=State.WAITING,
            reason=str(error),
            failures=min(failures, 100),
            due_at=Now() + after,
            **uncounted,
        )
    else:
        errcode = error.errcode if isinstance(error, Refused) else None
        remarks = KINDS[row.kind].remarks_of(error) if isinstance(error, Refused) else {}
        # Of several changes one may have been made: WeChat is looked at again.
        due_at = Now() if is_sent else _next_look(row)
        _refuse(row, str(error), errcode=errcode, due_at=due_at, remarks=remarks, **uncounted)


def _is_out_of_reach(authorizer: Authorizer) -> bool:
    lost = (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION)
    return Authorizer.objects.filter(pk=authorizer.pk, state__in=lost).exists()


def _refuse(row: Setting, reason: str, *, errcode: int | None = None, **values: Any) -> None:
    """It was not done, and is not tried again before somebody says so."""
    outcome = {"state": State.REFUSED, "reason": reason, "errcode": errcode, "failures": 0}
    is_written = row.write_if_same(**{"due_at": _next_look(row), **values, **outcome})
    if is_written and errcode is None:
        appid, result = row.authorizer.appid, f"{row.kind} {row.version}: {reason}"
        record_operation("refuse_setting", by=None, appid=appid, result=result)


def explain_outcome(row: Setting) -> str:
    """Why ROW's state is what it is, for a person; "" where there is nothing to say."""
    return explain_errcode(row.errcode) or row.reason


# What is due


def find_due(places: int, in_flight: Sequence[Setting]) -> list[Setting]:
    """What waits to be applied goes before what is merely looked at."""
    due = Setting.objects.due().with_clock().filter(kind__in=KINDS)
    due = due.exclude(pk__in=[row.pk for row in in_flight]).order_by("due_at")
    due = due.select_related("authorizer__component", "apply_by")
    rows = list(due.to_apply()[:places])
    if len(rows) < places:
        rows += due.exclude(state__in=Setting.TO_APPLY)[: places - len(rows)]
    return rows


def work_out(row: Setting) -> bool:
    """Apply or look at ROW; false if somebody else has it."""
    if not row.take_lease():
        return False
    release_db_connection()
    if row.state in Setting.TO_APPLY:
        _apply(row)
        return True
    try:
        _look(row)
    except WeChatError as error:
        logger.warning("%s was not looked at: %s", row, error)
        _put_look_off(row, error)
    time.sleep(LOOK_PAUSE)
    return True


RUN_SETTINGS = Runner(
    "settings", find=find_due, work=work_out, threads=THREADS, budget=20.0, is_alone=True
)
