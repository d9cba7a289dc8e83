"""
Users who log in on pages of official accounts (网页授权), for another program of the company's.

WeChat sends a user back to hosts that are registered for the platform. We are such a host: the user
comes back to us, we trade WeChat's code, and send the user on to a page of the program's, with a
code of ours. The program's back end trades that with its key. So a code that is seen on the way, in
an address, a log or a browser's history, is good for nobody else; ours is a digest's worth in the
database, and what WeChat gave is encrypted.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.core import signing
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer, WebLogin, digest
from miniprograms.services.kinds import check_kind
from miniprograms.services.lending import while_bound
from miniprograms.services.page_hosts import is_listed
from platform_auth.fields import seal
from platform_auth.leases import release_db_connection
from platform_auth.models import ApiClient
from platform_auth.problems import CannotAct
from platform_auth.tokens import as_component
from wechat import web_logins as wechat
from wechat.bulkhead import Bulkhead, take_place
from wechat.errors import Refused, WeChatError

logger = logging.getLogger(__name__)

SCOPE = "users:login"
CODE_LIFE = timedelta(minutes=2)
KEPT_FOR = timedelta(hours=1)  # longer than WeChat's code may come again
LONGEST_TRADE = 15.0  # seconds, for another request that trades the same code
OURS = "wxl_"  # how a code of ours begins
ANSWERED = {"code", "state", "error", "errcode"}  # what a page is told when a user comes back
_SALT = "miniprograms.web-login"

# Anybody may come back, with any code: half of a process's places stay for those whom we know.
_returning = Bulkhead(max(settings.BULKHEAD_PLACES // 2, 1))


class CodeIsSpent(CannotAct):
    """A code of ours that is not good, whatever is wrong with it."""

    code = "code_spent"
    text = _("This code is used, too old, or not yours. Let the user log in again.")


@dataclass(frozen=True, slots=True)
class Return:
    """Where a user comes back: for which client and account, and to which page they go on."""

    client: ApiClient
    authorizer: Authorizer
    redirect_uri: str


def relayed_url(
    client: ApiClient, authorizer: Authorizer, *, redirect_uri: str, scope: str, state: str
) -> str:
    """WeChat's page for a login that comes back by way of us; as often as somebody opens it."""
    content = [client.pk, authorizer.appid, redirect_uri]
    signed = signing.dumps(content, salt=_SALT, compress=True)
    back = settings.PUBLIC_URL + reverse("web-login-return", args=[signed])
    return direct_url(authorizer, redirect_uri=back, scope=scope, state=state)


def direct_url(authorizer: Authorizer, *, redirect_uri: str, scope: str, state: str) -> str:
    """WeChat's page for a login; WeChat takes hosts that are registered for the platform."""
    check_kind(authorizer, Authorizer.Kind.OFFICIAL_ACCOUNT)
    return wechat.authorize_url(
        settings.WECHAT_OPEN_URL,
        appid=authorizer.appid,
        redirect_uri=redirect_uri,
        scope=scope,
        state=state,
        component_appid=authorizer.component.appid,
    )


def read_return(signed: str) -> Return | None:
    """What SIGNED, of a URL that we made, leads back to; None where that is allowed no longer."""
    try:
        pk, appid, redirect_uri = signing.loads(signed, salt=_SALT)
    except signing.BadSignature:
        return None
    client = ApiClient.objects.live().select_related("owner").filter(pk=pk).first()
    if client is None or not _may_return(client, appid, redirect_uri):
        return None
    rows = Authorizer.objects.visible_to(client.owner).select_related("component")
    authorizer = rows.filter(appid=appid).first()
    return Return(client, authorizer, redirect_uri) if authorizer else None


def _may_return(client: ApiClient, appid: str, redirect_uri: str) -> bool:
    is_theirs = not client.appids or appid in client.appids
    return is_theirs and SCOPE in client.scopes and is_listed(redirect_uri, client.redirect_hosts)


def finish_return(back: Return, code: str, state: str) -> str:
    """
    The page that BACK leads on to: with a code of ours for WeChat's CODE, or with an `error`, as
    OAuth calls it, where there is none. STATE is the program's own.
    """
    outcome = _outcome(back, code) if code else {"error": "access_denied"}  # by the user
    return _with_query(back.redirect_uri, {**outcome, **({"state": state} if state else {})})


def _outcome(back: Return, code: str) -> dict[str, str]:
    try:
        return {"code": _receive(back, code)}
    except CannotAct as error:
        reason, outcome = error.code, {"error": "server_error"}
    except Refused as error:
        reason, outcome = str(error), {"error": "server_error", "errcode": str(error.errcode)}
    except WeChatError as error:
        reason, outcome = str(error), {"error": "temporarily_unavailable"}
    logger.warning("a web login of %s failed: %s", back.authorizer.appid, reason)
    return outcome


def is_free_for_us(redirect_uri: str) -> bool:
    """Whether the query of REDIRECT_URI has none of the names that we add."""
    query = parse_qsl(urlsplit(redirect_uri).query, keep_blank_values=True)
    return not ANSWERED & {name for name, _value in query}


def _with_query(url: str, more: dict[str, str]) -> str:
    """URL with MORE in its query, which stands before a fragment."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(more)]))
    return parts._replace(query=query).geturl()


def _receive(back: Return, wechat_code: str) -> str:
    """
    Our code for WECHAT_CODE. WeChat's browser is known to bring one twice, at once: the first
    request trades it, and both lead on with the same code of ours. Raises Crowded.
    """
    _returning.take()
    try:
        take_place()
        return _trade_once(back, wechat_code)
    finally:
        _returning.give_back()


def _trade_once(back: Return, wechat_code: str) -> str:
    content = f"{back.client.pk} {back.authorizer.appid} {back.redirect_uri} {wechat_code}"
    ours = OURS + salted_hmac(_SALT, content, algorithm="sha256").hexdigest()
    row, is_first = WebLogin.objects.get_or_create(
        wechat_digest=digest(f"{back.authorizer.appid} {wechat_code}"),
        defaults={
            "client": back.client,
            "authorizer": back.authorizer,
            "digest": digest(ours),
        },
    )
    if row.digest != digest(ours):  # somebody brings it back to where it was not issued for
        raise CodeIsSpent
    if is_first:
        _trade_for(row, back.authorizer, wechat_code)
    else:
        _wait_for(row)
    return ours


def _trade_for(row: WebLogin, authorizer: Authorizer, wechat_code: str) -> None:
    """Keep in ROW what WECHAT_CODE gives; without that the row goes."""
    try:
        grant = _trade(authorizer, wechat_code)
    except (WeChatError, CannotAct):
        WebLogin.objects.filter(pk=row.pk).delete()
        raise
    identity = seal(WebLogin, row.digest, identity=json.dumps(asdict(grant)))
    WebLogin.objects.filter(pk=row.pk).update(**identity, expires_at=Now() + CODE_LIFE)


def _wait_for(row: WebLogin) -> None:
    """Until another request has traded what belongs to ROW."""
    deadline = time.monotonic() + LONGEST_TRADE
    while time.monotonic() < deadline:
        present = WebLogin.objects.filter(pk=row.pk).only("expires_at").first()
        if present is None:
            raise CodeIsSpent
        if present.expires_at is not None:
            return
        release_db_connection()
        time.sleep(0.1)
    raise CodeIsSpent


def _trade(authorizer: Authorizer, wechat_code: str) -> wechat.WebGrant:
    """What WeChat gives for WECHAT_CODE, which is good once."""
    check_kind(authorizer, Authorizer.Kind.OFFICIAL_ACCOUNT)
    with while_bound(authorizer):
        release_db_connection()
        return as_component(
            authorizer.component, wechat.trade_web_code, authorizer.appid, wechat_code
        )


def find_user(client: ApiClient | None, authorizer: Authorizer, code: str) -> dict[str, Any]:
    """
    Whose CODE this is: one of ours, which is then spent, or one that WeChat sent to a page of the
    program's own. Raises OtherKind, NotBound, CodeIsSpent and what WeChat answered.
    """
    check_kind(authorizer, Authorizer.Kind.OFFICIAL_ACCOUNT)
    if not code.startswith(OURS):
        return _describe(_trade(authorizer, code))
    rows = WebLogin.objects.filter(
        digest=digest(code), client=client, authorizer=authorizer, expires_at__gt=Now()
    ).exclude(identity="")
    row = rows.first()
    if row is None:
        raise CodeIsSpent
    user = _describe(wechat.WebGrant(**json.loads(row.identity)))
    # Only now, so that WeChat failing costs the user nothing; of two who ask at once one is told.
    if not rows.update(identity=""):
        raise CodeIsSpent
    return user


def _describe(grant: wechat.WebGrant) -> dict[str, Any]:
    """The user as the program is told, with their profile where they have agreed to that."""
    profile: dict[str, Any] = {}
    if wechat.USERINFO in grant.scope.split(","):
        release_db_connection()
        profile = wechat.get_web_user(grant.token, grant.openid)
    unionid = grant.unionid or profile.get("unionid", "")
    return {
        "openid": grant.openid,
        "scope": grant.scope,
        **({"unionid": unionid} if unionid else {}),
        **({"is_snapshot": True} if grant.is_snapshot else {}),
        **({"user": profile} if profile else {}),
    }


def forget_web_logins() -> int:
    """Delete those that nobody can finish any more. How many."""
    rows = WebLogin.objects.filter(created_at__lt=Now() - KEPT_FOR)
    deleted, _each = rows.delete()
    return deleted
