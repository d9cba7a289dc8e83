"""
Users of accounts: the codes that they bring, what is encrypted for them, and pages on which they
log in (I, M2).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.wire.crypto import seal_user_data
from sandbox.world.codes import new_code
from sandbox.world.errors import PageRefusal, Refusal
from sandbox.world.parties import Account, Component
from sandbox.world.permissions import OFFICIAL_ACCOUNT
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms

AUTHORIZE = "/connect/oauth2/authorize"
WEB_PAGES = 4  # the set 网页服务
BASE, USERINFO = "snsapi_base", "snsapi_userinfo"
LONGEST_STATE = 128
REFRESH_LIFE = 30 * 24 * 3600
# What the page says where it shows no choice, by the number that it shows.
PAGE_ERRORS = {
    10003: "redirect_uri域名与后台配置不一致",
    10005: "该公众号没有这些scope的权限",
    10010: "scope不能为空",
    10011: "redirect_uri不能为空",
    10012: "appid不能为空",
    10013: "state不能过长",
    10015: "公众号未授权第三方平台，请检查授权状态",
    10016: "请使用公众号AppID",
}
Way = Literal["login", "phone", "web"]


@dataclass(eq=False)
class UserCode:
    """A code that a front end or a browser brings: good once, for five minutes."""

    way: Way
    appid: str
    openid: str
    expires_at: float
    component: str = ""
    scope: str = ""
    number: str = ""
    is_used: bool = False


@dataclass(eq=False)
class WebToken:
    """A user's own access token (网页授权), and the refresh token that came with it."""

    appid: str
    openid: str
    scope: str
    expires_at: float
    refresh_until: float


@dataclass(frozen=True)
class LoginPage:
    """A page on which a user agrees, once its parameters are in order."""

    account: Account
    component: Component
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str

    @property
    def is_silent(self) -> bool:
        """WeChat asks nobody: only the openid is told."""
        return USERINFO not in self.scopes


@dataclass(eq=False)
class Users:
    """All users of a world. Its lock guards them."""

    world: Surroundings
    terms: Terms
    register: Register
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)  # by openid
    snapshots: set[str] = field(default_factory=set)  # appids whose pages are shown to nobody
    _codes: dict[str, UserCode] = field(default_factory=dict)
    _session_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    _web_tokens: dict[str, WebToken] = field(default_factory=dict)
    _refresh_tokens: dict[str, WebToken] = field(default_factory=dict)

    # What front ends do

    def log_in(self, appid: str, openid: str) -> str:
        """wx.login: the js_code that it gives."""
        return self._new_code(UserCode("login", appid, openid, self._soon()))

    def press_phone_button(self, appid: str, openid: str, number: str = "13580006666") -> str:
        """getPhoneNumber: the code that the button gives."""
        return self._new_code(UserCode("phone", appid, openid, self._soon(), number=number))

    def encrypt(
        self, appid: str, openid: str, content: Mapping[str, Any], watermark: str = ""
    ) -> dict[str, str]:
        """What the front end is given encrypted: with the user's session_key, under a WATERMARK."""
        with self.world.lock:
            marked = {
                **content,
                "watermark": {
                    "timestamp": int(self.world.clock()),
                    "appid": watermark or appid,
                },
            }
            iv = self.world.random.randbytes(16)
            key = base64.b64decode(self._session_keys[appid, openid])
        text = json.dumps(marked, ensure_ascii=False, separators=(",", ":"))
        return {
            "encrypted_data": seal_user_data(text.encode(), key=key, iv=iv),
            "iv": base64.b64encode(iv).decode(),
        }

    # The page of web logins

    def open_page(self, address: str) -> LoginPage:
        """The page at ADDRESS, as a browser opens it. Raises PageRefusal."""
        query = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        account = self.register.accounts.get(query.get("appid", ""))
        component = self.register.components.get(query.get("component_appid", ""))
        scopes = tuple(filter(None, query.get("scope", "").split(",")))
        self._check_names(query, account, scopes)
        if component is None or account is None or account.appid not in component.authorizations:
            raise refused_page(10015)
        page = LoginPage(account, component, query["redirect_uri"], scopes, query.get("state", ""))
        self._check_rights(page)
        return page

    def _check_names(
        self, query: Mapping[str, str], account: Account | None, scopes: tuple[str, ...]
    ) -> None:
        if account is None:
            raise refused_page(10012)
        if account.kind != OFFICIAL_ACCOUNT:
            raise refused_page(10016)
        if not urlsplit(query.get("redirect_uri", "")).hostname:
            raise refused_page(10011)
        if query.get("response_type") != "code" or not scopes or not {BASE, USERINFO} >= {*scopes}:
            raise refused_page(10010)
        if len(query.get("state", "").encode()) > LONGEST_STATE:
            raise refused_page(10013)

    def _check_rights(self, page: LoginPage) -> None:
        if WEB_PAGES not in page.component.authorizations[page.account.appid].func_ids:
            raise refused_page(10005)
        back = urlsplit(page.redirect_uri).hostname
        if page.component.redirect_domain not in (None, back):
            raise refused_page(10003)

    def agree(self, page: LoginPage, openid: str) -> str:
        """Where the browser of the user OPENID goes who agrees."""
        code = self._new_code(
            UserCode(
                "web",
                page.account.appid,
                openid,
                self._soon(),
                component=page.component.appid,
                scope=",".join(page.scopes),
            )
        )
        return _led_back(page, {"code": code, "state": page.state, "appid": page.account.appid})

    def refuse(self, page: LoginPage) -> str:
        """Where it goes if the user does not: without a code, and without the appid."""
        return _led_back(page, {"state": page.state})

    # What platforms ask

    def take_code(self, way: Way, value: str, appid: str, component: str = "") -> UserCode:
        """The code of VALUE, which is then used."""
        code = self._codes.get(value)
        if code is None or (code.way, code.appid, code.component) != (way, appid, component):
            raise Refusal(40029)
        if code.is_used:
            raise Refusal(40029 if way == "phone" else 40163)
        if self.world.clock() >= code.expires_at:
            raise Refusal(42003 if way == "web" else 40029)
        code.is_used = True
        return code

    def new_session_key(self, account: Account, openid: str) -> str:
        """The key of this login; the one before opens nothing that is encrypted from now on."""
        key = base64.b64encode(self.world.random.randbytes(16)).decode()
        self._session_keys[account.appid, openid] = key
        return key

    def sign_with_key(self, account: Account, openid: str) -> str:
        """What whoever has the user's session_key signs an empty text with; "" if there is none."""
        key = self._session_keys.get((account.appid, openid), "")
        return hmac.new(key.encode(), b"", hashlib.sha256).hexdigest() if key else ""

    def unionid(self, account: Account, openid: str) -> str:
        """Who the user is to all accounts of one owner; "" where they are not bound together."""
        if not account.is_linked:
            return ""
        digest = hashlib.sha256(f"{account.owner} {openid}".encode()).hexdigest()
        return f"oU{digest[:26]}"

    def new_web_token(self, appid: str, openid: str, scope: str) -> tuple[str, str]:
        """An access token of the user's, and its refresh token."""
        now = self.world.clock()
        token = WebToken(appid, openid, scope, now + self.terms.token_life, now + REFRESH_LIFE)
        value, refresh = (
            f"{self.world.random.randint(40, 99)}_{new_code(self.world.random, 86)}"
            for _ in range(2)
        )
        self._web_tokens[value], self._refresh_tokens[refresh] = token, token
        return value, refresh

    def refresh_web_token(self, appid: str, refresh: str) -> tuple[WebToken, str]:
        """A new access token for a refresh token that is good."""
        old = self._refresh_tokens.get(refresh)
        if old is None or old.appid != appid:
            raise Refusal(40030)
        if self.world.clock() >= old.refresh_until:
            raise Refusal(42002)
        value, _ = self.new_web_token(appid, old.openid, old.scope)
        return old, value

    def profile(self, token: str, openid: str) -> tuple[Account, dict[str, Any]]:
        """Who the user of TOKEN is, if that was agreed to."""
        owner = self._web_tokens.get(token)
        if owner is None:
            raise Refusal(40001)
        if self.world.clock() >= owner.expires_at:
            raise Refusal(42001)
        if owner.openid != openid:
            raise Refusal(40003)
        if USERINFO not in owner.scope.split(","):
            raise Refusal(48001)
        profile = {
            "openid": openid,
            "nickname": "微信用户",
            "sex": 0,
            "language": "",
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": f"{self.terms.base_url}/avatar/{openid}.svg",
            "privilege": [],
        }
        return self.register.accounts[owner.appid], profile | self.profiles.get(openid, {})

    def _soon(self) -> float:
        return self.world.clock() + self.terms.user_code_life

    def _new_code(self, code: UserCode) -> str:
        with self.world.lock:
            value = new_code(self.world.random, 64 if code.way == "phone" else 32)
            self._codes[value] = code
        return value


def refused_page(number: int) -> PageRefusal:
    """The page that shows NUMBER."""
    return PageRefusal(f"{PAGE_ERRORS[number]}，错误码:{number}")


def _led_back(page: LoginPage, more: Mapping[str, str]) -> str:
    """The redirect_uri with MORE in its query, which stands before a fragment."""
    url = urlsplit(page.redirect_uri)
    query = "&".join(filter(None, [url.query, urlencode(more)]))
    return url._replace(query=query).geturl()
