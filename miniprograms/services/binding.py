"""
The first half of a binding: a merchant's click, the way to WeChat's page, and who comes back from
it. What WeChat gives for the owner's consent is traded in `trading`.
"""

import hmac
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse

from miniprograms.models import BINDING_LIFETIME, Binding, digest
from platform_auth.models import Component
from platform_auth.operations import Actor
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.component import EITHER

# So many attempts that nobody finished, in so long, and no new pre_auth_code is asked for.
MAX_UNFINISHED = 5
UNFINISHED_SINCE = timedelta(minutes=10)


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
    if reusable := _find_reusable(intent):
        return reusable
    code = as_component(component, wechat.create_pre_auth_code)
    state = secrets.token_urlsafe(32)
    now = component.now
    return Binding.objects.create(
        component=component,
        status=Binding.Status.OPEN,
        state=state,
        state_digest=digest(state),
        pre_auth_code=code.value,
        pre_auth_code_digest=digest(code.value),
        started_at=now,
        expires_at=now + min(BINDING_LIFETIME, timedelta(seconds=code.life)),
        **intent,
    )


def _find_reusable(intent: dict[str, object]) -> Binding | None:
    """Beyond five unfinished attempts the same click gets the same page again, not a new code."""
    recent = Binding.objects.unfinished().filter(
        user_id=intent["user_id"], started_at__gt=Now() - UNFINISHED_SINCE
    )
    if recent.count() < MAX_UNFINISHED:
        return None
    reusable: Binding | None = recent.filter(**intent).order_by("-started_at").first()
    if reusable is None:
        raise TooManyBindings
    return reusable


def authorization_url(binding: Binding) -> str:
    """WeChat's page for BINDING: componentloginpage, or bindcomponent on a phone."""
    path = reverse("portal:bind-return", args=[binding.state])
    page: wechat.AuthorizationPage = {
        "appid": binding.component.appid,
        "pre_auth_code": binding.pre_auth_code,
        "redirect_uri": settings.PUBLIC_URL + path,
        "auth_type": binding.auth_type,
        "biz_appid": binding.biz_appid,
    }
    if binding.device == Binding.Device.PHONE:
        return wechat.bind_component_url(settings.WECHAT_OPEN_URL, **page)
    return wechat.component_login_url(settings.WECHAT_MP_URL, **page)


def find_open_binding(state: str) -> Binding | None:
    """The binding behind a phone's QR code, while it may still be used."""
    rows = Binding.objects.unfinished().filter(device=Binding.Device.PHONE)
    binding: Binding | None = rows.filter(state_digest=digest(state)).first()
    return binding


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
