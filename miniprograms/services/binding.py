"""
The first half of a binding: a merchant's click, the way to WeChat's page, and who comes back from
it. What WeChat gives for the owner's consent is traded in `trading`.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse

from miniprograms.models import BINDING_LIFETIME, Binding, BindLink, digest
from platform_auth.acting_component import NoComponent as NoComponent
from platform_auth.acting_component import acting_component
from platform_auth.fields import seal
from platform_auth.operations import Actor
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.component import EITHER

# So many attempts that nobody finished, in so long, and no new pre_auth_code is asked for.
MAX_UNFINISHED = 5
UNFINISHED_SINCE = timedelta(minutes=10)


class TooManyBindings(Exception):
    """Five attempts in ten minutes that nobody finished: WeChat counts pre_auth_codes."""


def start_binding(
    *,
    user: Actor,
    component: str = "",
    link: BindLink | None = None,
    auth_type: int = EITHER,
    biz_appid: str = "",
    session: str = "",
    device: str = Binding.Device.COMPUTER,
) -> Binding:
    """
    Open a binding for USER: a state, and a pre_auth_code from WeChat.

    COMPONENT is the appid of ours that was chosen, "" for the one that acts; LINK what they came
    by; AUTH_TYPE is 1 official account, 2 mini program, 3 either; BIZ_APPID the only account
    accepted; SESSION the browser's nonce, to which the return is bound; a phone returns in another
    browser. Raises NoComponent, TooManyBindings, NotReady without a ticket, and what WeChat
    answered.
    """
    ours = acting_component(component)
    intent = {
        "component": ours,
        "user_id": user.pk,
        "link": link,
        "auth_type": auth_type,
        "biz_appid": biz_appid,
        "device": device,
        "session": digest(session) if session else "",
    }
    row = _reserve(ours.now, intent)
    if row.pre_auth_code_digest:
        return row
    try:
        code = as_component(ours, wechat.create_pre_auth_code)
    except Exception:
        row.delete()
        raise
    Binding.objects.filter(pk=row.pk).update(
        **seal(Binding, row.reference, pre_auth_code=code.value),
        pre_auth_code_digest=digest(code.value),
        expires_at=row.started_at + min(BINDING_LIFETIME, timedelta(seconds=code.life)),
    )
    row.refresh_from_db()
    return row


def _reserve(now: datetime, intent: dict[str, Any]) -> Binding:
    """
    A row that counts already, for a code that is yet to be asked for; beyond five unfinished
    attempts the same click gets the same page again. Who clicks at the same moment waits, so that
    no two take the same place. Raises TooManyBindings.
    """
    with transaction.atomic():
        _lock(intent["link"], intent["user_id"])
        recent = Binding.objects.filter(
            status=Binding.Status.OPEN,
            expires_at__gt=Now(),
            user_id=intent["user_id"],
            link=intent["link"],
            started_at__gt=Now() - UNFINISHED_SINCE,
        )  # a dropped one has cost a code as well
        if recent.count() < MAX_UNFINISHED:
            state = secrets.token_urlsafe(32)
            opened: Binding = Binding.objects.create(
                status=Binding.Status.OPEN,
                state=state,
                state_digest=digest(state),
                started_at=now,
                expires_at=now + BINDING_LIFETIME,
                **intent,
            )
            return opened
        rows = recent.filter(**intent, dropped_at=None).exclude(pre_auth_code_digest="")
        reusable: Binding | None = rows.order_by("-started_at").first()
    if reusable is None:
        raise TooManyBindings
    return reusable


def _lock(link: BindLink | None, user_id: int) -> None:
    """
    Hold the row by which attempts are counted, to the end of the transaction: who has a LINK
    takes none of its merchant's places. On SQLite nobody else can write then anyway.
    """
    if link is not None:
        BindLink.objects.filter(pk=link.pk).update(presses=F("presses") + 1)
    else:
        User.objects.select_for_update(no_key=True).get(pk=user_id)


def authorization_url(binding: Binding) -> str:
    """WeChat's page for BINDING: componentloginpage, or bindcomponent on a phone."""
    path = reverse("portal:bind-return", args=[binding.state])
    page: wechat.AuthorizationPage = {
        "appid": binding.component.appid,
        "pre_auth_code": binding.pre_auth_code,
        "redirect_uri": settings.PUBLIC_URL + path,
        "auth_type": binding.auth_type,
        "biz_appid": binding.biz_appid,
        "category_id_list": binding.link.category_id_list if binding.link else [],
    }
    if binding.device == Binding.Device.PHONE:
        return wechat.bind_component_url(settings.WECHAT_OPEN_URL, **page)
    return wechat.component_login_url(settings.WECHAT_MP_URL, **page)


def find_open_binding(state: str) -> Binding | None:
    """The binding behind a phone's QR code, while it may still be used."""
    rows = Binding.objects.unfinished().filter(device=Binding.Device.PHONE)
    binding: Binding | None = rows.filter(state_digest=digest(state)).first()
    return binding


def find_phone_binding(state: str) -> Binding | None:
    """The binding behind a phone's QR code, however it stands."""
    rows = Binding.objects.filter(device=Binding.Device.PHONE).select_related("authorizer")
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
