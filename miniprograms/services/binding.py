"""
Binding: a merchant's click, the owner's consent in WeChat, and the code that WeChat gives for it.

The code comes twice, with the browser's return and in the `authorized` push, in either order and
at the same moment. Both lead to one Binding row (by its state, by its PreAuthCode), and whoever
takes the row's lease first trades; the other one reads what came of it.
"""

import hmac
import logging
import random
import secrets
import time
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from miniprograms.models import BINDING_LIFE, Authorizer, Binding, digest
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from miniprograms.services.grants import save_grant
from miniprograms.tokens import find_in_list, prolonged_lease
from platform_auth.fields import readable, seal
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.component import EITHER, Grant
from wechat.errors import CodeSpent, NotSent, Unreachable, WeChatError

logger = logging.getLogger(__name__)

Status = Binding.Status

MOST_UNFINISHED = 5
WITHIN = timedelta(minutes=10)
PATIENCE = 15.0  # seconds a browser waits for whoever is trading its code
LINK_LIFE = timedelta(days=3)
LINK_SALT = "miniprograms.bind-link"

# A code may be traded for as long as WeChat lets it live; after this nobody waits for it.
GIVE_UP = timedelta(hours=1)


class NoComponent(Exception):
    """No third-party platform is registered here yet."""


class TooManyBindings(Exception):
    """Five attempts in ten minutes that nobody finished: WeChat counts pre_auth_codes."""


def start_binding(
    *,
    user: Actor,
    auth_type: int = EITHER,
    biz_appid: str = "",
    session: str = "",
    device: str = Binding.Device.COMPUTER,
) -> Binding:
    """
    Open a binding for USER: a state, and a pre_auth_code from WeChat.

    AUTH_TYPE is 1 official account, 2 mini program, 3 either; BIZ_APPID the only account accepted;
    SESSION the browser's nonce, to which the return is bound; a phone returns in another browser.
    Raises NoComponent, TooManyBindings, NotReady without a ticket, and what WeChat answered.
    """
    component = Component.objects.with_clock().order_by("pk").first()
    if component is None:
        raise NoComponent
    intent = {
        "user_id": user.pk,
        "auth_type": auth_type,
        "biz_appid": biz_appid,
        "device": device,
        "session": digest(session) if device == Binding.Device.COMPUTER else "",
    }
    if again := _reusable(intent):
        return again
    code = as_component(component, wechat.create_pre_auth_code)
    state = secrets.token_urlsafe(32)
    now = component.now
    return Binding.objects.create(
        component=component,
        status=Status.OPEN,
        state=state,
        state_digest=digest(state),
        pre_auth_code=code.value,
        pre_auth_code_digest=digest(code.value),
        started_at=now,
        expires_at=now + min(BINDING_LIFE, timedelta(seconds=code.life)),
        **intent,
    )


def _reusable(intent: dict[str, object]) -> Binding | None:
    """Beyond five unfinished attempts the same click gets the same page again, not a new code."""
    recent = Binding.objects.unfinished().filter(
        user_id=intent["user_id"], started_at__gt=Now() - WITHIN
    )
    if recent.count() < MOST_UNFINISHED:
        return None
    same: Binding | None = recent.filter(**intent).order_by("-started_at").first()
    if same is None:
        raise TooManyBindings
    return same


def authorization_url(binding: Binding) -> str:
    """WeChat's page for BINDING: componentloginpage, or bindcomponent on a phone."""
    path = reverse("portal:bind-return", args=[binding.state])
    query = {
        "appid": binding.component.appid,
        "pre_auth_code": binding.pre_auth_code,
        "redirect_uri": settings.PUBLIC_URL + path,
        "auth_type": binding.auth_type,
        "biz_appid": binding.biz_appid,
    }
    if binding.device == Binding.Device.PHONE:
        return wechat.bind_component_url(settings.WECHAT_OPEN_URL, **query)
    return wechat.component_login_url(settings.WECHAT_MP_URL, **query)


def open_binding(state: str) -> Binding | None:
    """The binding behind a phone's QR code, while it may still be used."""
    rows = Binding.objects.unfinished().filter(device=Binding.Device.PHONE)
    found: Binding | None = rows.filter(state_digest=digest(state)).first()
    return found


def find_returning(state: str, *, user: Actor, session: str) -> Binding | None:
    """
    The binding whose browser comes back with STATE; None if it is unknown or somebody else's.

    A computer's must come back in the SESSION it left from, and not as another user. A phone's
    comes back in WeChat's own browser, which knows neither.
    """
    binding: Binding | None = Binding.objects.filter(state_digest=digest(state)).first()
    if binding is None or binding.device == Binding.Device.PHONE:
        return binding
    is_same_session = hmac.compare_digest(binding.session, digest(session))
    is_other_user = user.is_authenticated and user.pk != binding.user_id
    return binding if session and is_same_session and not is_other_user else None


def finish_binding(binding: Binding, code: str) -> Binding:
    """
    Trade CODE for the tokens, once; or wait for whoever is trading. BINDING as it is then.

    Errors of WeChat's are in its status and last_error; while nothing is final, the row is due.
    """
    give_up = time.monotonic() + PATIENCE
    while True:
        row: Binding = Binding.objects.with_clock().get(pk=binding.pk)
        if row.status != Status.OPEN:
            return row
        if row.expires_at and row.expires_at <= row.now:
            return _expire(row)
        if row.take_lease():
            _trade(row, code)
        elif time.monotonic() > give_up:
            return row
        else:
            release_db_connection()
            time.sleep(random.uniform(0.05, 0.25))  # noqa: S311 -- spreads load, hides nothing


def _expire(row: Binding) -> Binding:
    """The time of ROW is over. A push may still bind it; the browser gets a new button."""
    if row.take_lease():
        _fail_unless_told(row, _("The link has expired."))
    row.refresh_from_db()
    return row


def _trade(row: Binding, code: str) -> None:
    """api_query_auth for ROW, whose lease we hold. The row says what came of it."""
    row.write(code_digest=digest(code), **prolonged_lease())
    release_db_connection()
    try:
        grant = as_component(row.component, wechat.query_auth, code)
    except CodeSpent as error:
        _fail_unless_told(row, str(error))
    except NotSent as error:
        _keep_code(row, code, error)
    except Unreachable as error:
        # Spent or not? Only the list, or the push's own code, can tell.
        row.back_off(error, status=Status.TRADING)
    except WeChatError as error:
        _keep_code(row, code, error)
    else:
        save_grant(row, grant)


def _keep_code(row: Binding, code: str, error: WeChatError) -> None:
    """WeChat did not take the code: it is as good as before, and tried again soon."""
    secret = seal(Binding, row.reference, code=code)
    row.back_off(error, status=Status.TRADING, code_digest="", **secret)


def _fail_unless_told(row: Binding, why: str) -> None:
    """
    The end of ROW, unless a push has told whose it is: then its code, or the list, may still help.
    """
    ended = Binding.objects.filter(pk=row.pk, epoch=row.epoch, appid="").update(
        status=Status.FAILED,
        last_error=why,
        code="",
        due_at=None,
        lease_until=None,
        epoch=F("epoch") + 1,
        finished_at=Now(),
    )
    if not ended:
        row.write(status=Status.TRADING, last_error=why, due_at=Now())


def note_authorization(
    component: Component, *, appid: str, code: str, pre_auth_code: str, created: int
) -> int | None:
    """
    An `authorized` or `updateauthorized` push: the Binding that is due for it now, if there is one.

    No call to WeChat; whoever settles the binding trades CODE, unless the browser has.
    """
    if not appid or not code:
        raise ValueError("an authorisation push without appid or code")
    row = _meant_by(component, code, pre_auth_code)
    if row is None or (row.is_final and row.auth_time and row.auth_time < created):
        return _open_for_push(component, appid, code, created)
    told: dict[str, object] = {"appid": appid, "auth_time": created}
    due = Binding.objects.filter(pk=row.pk).exclude(status__in=Binding.FINAL)
    if due.update(
        **told,
        **seal(Binding, row.reference, code=code),
        status=Case(When(status=Status.FAILED, then=Value(Status.TRADING)), default="status"),
        due_at=Now(),
        failures=0,
        finished_at=None,
    ):
        return int(row.pk)
    Binding.objects.filter(pk=row.pk, auth_time__lt=created).update(**told)
    older = Authorizer.objects.filter(component=component, appid=appid, auth_time__lt=created)
    older.exclude(state=Authorizer.State.UNBOUND).update(auth_time=created)
    return None


def _meant_by(component: Component, code: str, pre_auth_code: str) -> Binding | None:
    """The binding that a push belongs to: by its PreAuthCode, or by a code traded before."""
    same = Q(code_digest=digest(code))
    if pre_auth_code:
        same |= Q(pre_auth_code_digest=digest(pre_auth_code))
    row: Binding | None = Binding.objects.filter(same, component=component).order_by("-pk").first()
    return row


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
        status=Status.TRADING,
        appid=appid,
        code=code,
        auth_time=created,
        started_at=Now(),
        due_at=Now(),
    )
    return int(row.pk)


def advance_binding(pk: int) -> None:
    """Bring a due binding further: trade the push's code, or find its account in the list."""
    row: Binding | None = Binding.objects.with_clock().due().filter(pk=pk).first()
    if row is None or row.is_final or not row.take_lease():
        return
    code = readable(row, "code")
    if code and digest(code) != row.code_digest:
        _trade(row, code)
    elif row.appid:
        _find_account(row)
    elif row.now - row.started_at > GIVE_UP:
        _fail_unless_told(row, row.last_error)
    else:
        row.back_off(Unreachable("api_query_auth", "the answer was lost"))


def advance_due_bindings() -> int:
    """Settle every binding that is due. How many."""
    due = list(Binding.objects.due().order_by("due_at").values_list("pk", flat=True)[:200])
    for pk in due:
        advance_binding(pk)
        release_db_connection()
    return len(due)


def _find_account(row: Binding) -> None:
    """Our trade's answer was lost: the list tells whether it took effect."""
    release_db_connection()
    try:
        listed = find_in_list(row.component, row.appid, lambda: row.write(**prolonged_lease()))
    except WeChatError as error:
        row.back_off(error)
        return
    if listed is None:
        row.write(status=Status.FAILED, due_at=None, code="", finished_at=Now())
    elif listed.refresh_token:
        save_grant(row, Grant(row.appid, None, listed.refresh_token, []))
    else:
        # Listed without a refresh token: the code was never traded, so it is still good.
        row.back_off(Unreachable("api_query_auth", "the answer was lost"), code_digest="")


def make_bind_link(user: User, *, by: Actor) -> str:
    """A link with which USER can bind without logging in, for three days; BY makes it."""
    signed = signing.dumps(user.pk, salt=LINK_SALT)
    record_operation("make_bind_link", by=by, result=user.get_username())
    url: str = settings.PUBLIC_URL + reverse("portal:bind-link", args=[signed])
    return url


def read_bind_link(signed: str) -> User | None:
    """Whose link SIGNED is; None if it is forged, older than three days, or the user is gone."""
    try:
        pk = signing.loads(signed, salt=LINK_SALT, max_age=LINK_LIFE)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=pk, is_active=True).first()
