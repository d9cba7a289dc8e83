"""One request as an endpoint sees it, and what an endpoint is."""

import json
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from typing import Any, Literal

from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.errors import Refusal
from sandbox.world.parties import Account, Authorization, Component, Token
from sandbox.world.program import Program

OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
# WeChat wants raw UTF-8; control characters are what JSON must escape.
ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[01])[0-9a-fA-F]{4}")
COMPONENT_PATHS = ("/cgi-bin/component/", "/sns/component/", "/sns/oauth2/component/")
TOKEN_SHAPE = re.compile(r"\d{1,3}_[A-Za-z0-9_-]{20,}")


class Call:
    """One request, as an endpoint sees it."""

    def __init__(self, wechat: WeChat, request: Request, paths: Container[str]) -> None:
        self.wechat = wechat
        self.request = request
        self.paths = paths  # all that WeChat answers

    @property
    def is_of_component(self) -> bool:
        """Whether it is a call of platforms, by its path."""
        return self.request.path.startswith(COMPONENT_PATHS)

    @cached_property
    def token_value(self) -> str:
        """The token as sent; component calls are still made with the name of the older docs."""
        names = ["access_token"]
        if self.is_of_component:
            names.append("component_access_token")
        query = self.request.query
        return next((query[name] for name in names if query.get(name)), "")

    @cached_property
    def body(self) -> dict[str, Any]:
        """The JSON object posted."""
        raw = self.request.body
        if not raw.strip():
            raise Refusal(44002)
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            raise Refusal(47001) from None
        if not isinstance(body, dict) or ESCAPED.search(raw):
            raise Refusal(47001)
        return body

    @cached_property
    def token(self) -> Token:
        """The live token the call came with."""
        if not self.token_value:
            raise Refusal(41021 if self.request.path.startswith("/sns/") else 41001)
        token = self.wechat.find_token(self.token_value)
        if token is None:
            raise Refusal(40001 if TOKEN_SHAPE.fullmatch(self.token_value) else 40014)
        self.wechat.check_token(token)
        return token

    @property
    def owner(self) -> Component | Authorization | None:
        """Whose token it is, dead or alive, for the ledger."""
        token = self.wechat.find_token(self.token_value)
        return token.owner if token else None

    @property
    def component(self) -> Component:
        """The platform whose component token it is."""
        if not isinstance(self.token.owner, Component):
            raise Refusal(61014)
        return self.token.owner

    @property
    def authorization(self) -> Authorization:
        """The authorisation whose token it is."""
        if not isinstance(self.token.owner, Authorization):
            raise Refusal(61015)
        return self.token.owner

    @property
    def caller(self) -> str:
        """The appid whose quota the call uses."""
        owner = self.token.owner
        return owner.appid if isinstance(owner, Component) else owner.account.appid

    @property
    def subject(self) -> str:
        """The authorizer the call is about, "" when it is about none."""
        if self.request.path.startswith("/sns/"):
            return self.request.query.get("appid", "")
        try:
            appid, code = (self.body.get(n) for n in ("authorizer_appid", "authorization_code"))
        except Refusal:
            appid = code = None
        if isinstance(appid, str):
            return appid
        if isinstance(code, str):
            return self.wechat.authorizations.appid_of_code(code)
        return self.owner.account.appid if isinstance(self.owner, Authorization) else ""

    def text(self, name: str, missing: int = 47001) -> str:
        """A string member of the body."""
        value = self.body.get(name, "")
        if not isinstance(value, str):
            raise Refusal(47001)
        if not value:
            raise Refusal(missing)
        return value

    def parameter(self, name: str, missing: int) -> str:
        """A parameter of the query."""
        value = self.request.query.get(name, "")
        if not value:
            raise Refusal(missing)
        return value

    def number(self, name: str) -> int:
        """A whole number of the body, not below nought."""
        value = self.body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Refusal(47001)
        return value

    def named_component(self) -> Component:
        """component_appid, for calls without a token."""
        appid = self.text("component_appid", 41018)
        if appid not in self.wechat.components:
            raise Refusal(61011 if re.fullmatch(r"wx[0-9a-f]{16}", appid) else 40013)
        return self.wechat.components[appid]

    def own_component(self) -> Component:
        """component_appid, which must be the token's."""
        if self.text("component_appid", 41018) != self.component.appid:
            raise Refusal(40013)
        return self.component

    def named_authorization(self) -> Authorization:
        """authorizer_appid, if it has authorised the component."""
        component = self.own_component()
        appid = self.text("authorizer_appid", 40013)
        if appid not in self.wechat.accounts:
            raise Refusal(40013)
        if appid not in component.authorizations:
            raise Refusal(61003)
        return component.authorizations[appid]

    @property
    def account(self) -> Account:
        """The account whose token it is."""
        return self.authorization.account

    @property
    def program(self) -> Program:
        """The code and the settings of that account."""
        return self.account.program

    def file(self, name: str) -> Message:
        """A file of a posted form."""
        kind = self.request.headers.get("content-type", "")
        form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + self.request.body)
        for part in form.walk():
            if part.get_param("name", header="content-disposition") == name:
                return part
        raise Refusal(41005)


@dataclass(frozen=True)
class Endpoint:
    """How a path is answered; SETS: any of these permission sets opens it to an authorizer."""

    function: Callable[[Call], dict[str, Any] | Reply]
    token: Literal["none", "component", "authorizer", "either", "user", "secret"]
    sets: tuple[int, ...] = ()
    methods: tuple[str, ...] = ("POST",)
    is_played: bool = True
