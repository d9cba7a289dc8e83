"""
The second half of a binding: the authorization_code that WeChat gives for the owner's consent is
traded for the account's tokens.

The code comes twice, with the browser's return and in the `authorized` push, in either order and
at the same moment. Both lead to one Binding row (by its state, by its PreAuthCode), and whoever
takes the row's lease first trades; the other one reads what came of it.
"""

import random
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, Binding, digest
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from miniprograms.services.grants import save_grant
from miniprograms.tokens import find_in_list, prolonged_lease
from platform_auth.due_work import Runner
from platform_auth.fields import read_or_empty, seal
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.component import Grant
from wechat.errors import CodeSpent, NotSent, Unreachable, WeChatError

TRADE_TIMEOUT = 15.0  # seconds a browser waits for whoever is trading its code
MAX_BINDINGS = 200  # advanced in one run

# A code may be traded for as long as WeChat lets it live; after this nobody waits for it.
GIVE_UP_AFTER = timedelta(hours=1)


def finish_binding(binding: Binding, code: str) -> Binding:
    """
    Trade CODE for the tokens, once; or wait for whoever is trading. BINDING as it is then.

    Errors of WeChat's are in its status and last_error; while nothing is final, the row is due.
    """
    deadline = time.monotonic() + TRADE_TIMEOUT
    while True:
        row: Binding = Binding.objects.with_clock().get(pk=binding.pk)
        if row.status != Binding.Status.OPEN:
            return row
        if row.expires_at and row.expires_at <= row.now:
            return _expire(row)
        if row.take_lease():
            _trade(row, code)
        elif time.monotonic() > deadline:
            return row
        else:
            release_db_connection()
            time.sleep(random.uniform(0.05, 0.25))  # noqa: S311 -- spreads load, hides nothing


def _expire(row: Binding) -> Binding:
    """The time of ROW is over. A push may still bind it; the browser gets a new button."""
    if row.take_lease():
        _fail_unless_pushed(row, _("The link has expired."))
    row.refresh_from_db()
    return row


def _trade(row: Binding, code: str) -> None:
    """api_query_auth for ROW, whose lease we hold. The row says what came of it."""
    row.write(code_digest=digest(code), **prolonged_lease())
    release_db_connection()
    try:
        grant = as_component(row.component, wechat.query_auth, code)
    except CodeSpent as error:
        _fail_unless_pushed(row, str(error))
    except NotSent as error:
        _keep_code(row, code, error)
    except Unreachable as error:
        # Spent or not? Only the list, or the push's own code, can tell.
        row.back_off(error, status=Binding.Status.TRADING)
    except WeChatError as error:
        _keep_code(row, code, error)
    else:
        save_grant(row, grant)


def _keep_code(row: Binding, code: str, error: WeChatError) -> None:
    """WeChat did not take the code: it is as good as before, and tried again soon."""
    secret = seal(Binding, row.reference, code=code)
    row.back_off(error, status=Binding.Status.TRADING, code_digest="", **secret)


def _fail_unless_pushed(row: Binding, reason: str) -> None:
    """
    The end of ROW, unless a push has told whose it is: then its code, or the list, may still help.
    """
    failed = Binding.objects.filter(pk=row.pk, epoch=row.epoch, appid="").update(
        status=Binding.Status.FAILED,
        last_error=reason,
        code="",
        due_at=None,
        lease_until=None,
        epoch=F("epoch") + 1,
        finished_at=Now(),
    )
    if not failed:
        row.write(status=Binding.Status.TRADING, last_error=reason, due_at=Now())


def record_authorization(
    component: Component, *, appid: str, code: str, pre_auth_code: str, created: int
) -> int | None:
    """
    An `authorized` or `updateauthorized` push, made at CREATED (Unix seconds, WeChat's clock): the
    id of the Binding that is due for it now, if there is one. Raises ValueError where the push
    names no account or no code.

    No call to WeChat; whoever advances the binding trades CODE, unless the browser has.
    """
    if not appid or not code:
        raise ValueError("an authorisation push without appid or code")
    row = _find_pushed(component, code, pre_auth_code)
    if row is None or _is_of_later(row, code, created):
        return _open_for_push(component, appid, code, created)
    due = Binding.objects.filter(pk=row.pk).exclude(status__in=Binding.FINAL)
    if due.update(
        appid=appid,
        auth_time=created,
        **seal(Binding, row.reference, code=code),
        # Failed, as it was not known whose it is: now the code of the push is traded.
        status=Case(
            When(status=Binding.Status.FAILED, then=Value(Binding.Status.TRADING)),
            default="status",
        ),
        due_at=Now(),
        failures=0,
        finished_at=None,
    ):
        return int(row.pk)
    # Bound already: of the push only WeChat's own time of the authorisation is news.
    Binding.objects.filter(pk=row.pk, auth_time__lt=created).update(appid=appid, auth_time=created)
    older = Authorizer.objects.filter(component=component, appid=appid, auth_time__lt=created)
    older.exclude(state=Authorizer.State.UNBOUND).update(auth_time=created)
    return None


def _find_pushed(component: Component, code: str, pre_auth_code: str) -> Binding | None:
    """The binding that a push belongs to: by its PreAuthCode, or by a code traded before."""
    is_same = Q(code_digest=digest(code))
    if pre_auth_code:
        is_same |= Q(pre_auth_code_digest=digest(pre_auth_code))
    rows = Binding.objects.filter(is_same, component=component)
    row: Binding | None = rows.order_by("-pk").first()
    return row


def _is_of_later(row: Binding, code: str, created: int) -> bool:
    """Whether CODE, pushed at CREATED, is of an authorisation after ROW has come to its end."""
    is_new = row.code_digest != digest(code)
    return bool(row.is_final and is_new and row.auth_time and row.auth_time < created)


def _open_for_push(component: Component, appid: str, code: str, created: int) -> int | None:
    """
    A binding that no click here began, unless later news of the account is known. The accounts of
    WeChat's 全网发布 test are nobody's to bind, and their codes are asked for in a message.
    """
    if appid in RELEASE_TEST_ACCOUNTS:
        return None
    if Authorizer.objects.filter(component=component, appid=appid, auth_time__gt=created).exists():
        return None
    row = Binding.objects.create(
        component=component,
        status=Binding.Status.TRADING,
        appid=appid,
        code=code,
        auth_time=created,
        started_at=Now(),
        due_at=Now(),
    )
    return int(row.pk)


def advance_binding(pk: int) -> bool:
    """
    Bring the binding PK further, if it is due: trade the push's code, or find its account in the
    list. Whether it was due, and nobody else had it.
    """
    row: Binding | None = Binding.objects.with_clock().due().filter(pk=pk).first()
    if row is None or row.is_final or not row.take_lease():
        return False
    code = read_or_empty(row, "code")
    if code and digest(code) != row.code_digest:
        _trade(row, code)
    elif row.appid:
        _find_account(row)
    elif row.now - row.started_at > GIVE_UP_AFTER:
        _fail_unless_pushed(row, row.last_error)
    else:
        row.back_off(Unreachable("api_query_auth", "the answer was lost"))
    return True


def _find_due(places: int, in_flight: Sequence[int]) -> Iterable[int]:
    # Only ids: each binding is read again when its turn comes, for a push may have told more of it.
    return Binding.objects.due().order_by("due_at").values_list("pk", flat=True)[:MAX_BINDINGS]


def _find_account(row: Binding) -> None:
    """Our trade's answer was lost: the list tells whether it took effect."""
    release_db_connection()
    try:
        listed = find_in_list(row.component, row.appid, lambda: row.write(**prolonged_lease()))
    except WeChatError as error:
        row.back_off(error)
        return
    if listed is None:
        row.write(status=Binding.Status.FAILED, due_at=None, code="", finished_at=Now())
    elif listed.refresh_token:
        save_grant(row, Grant(row.appid, None, listed.refresh_token, []))
    else:
        # Listed without a refresh token: the code was never traded, so it is still good.
        row.back_off(Unreachable("api_query_auth", "the answer was lost"), code_digest="")


ADVANCE_BINDINGS = Runner("bindings", find=_find_due, work=advance_binding)
