"""A mini program at the stand-in, called through our client alone: no database, no Django."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.server.transport import SandboxAdapter
from sandbox.world import WeChat
from sandbox.world.parties import Account
from sandbox.world.program import Program
from tests.conftest import AES_KEY, APPID, PREFIX, SECRET, TOKEN
from wechat import code, component, http
from wechat.errors import Refused

EXT_JSON = '{"extEnable": true, "ext": {"shop": "山茶书店"}}'


class Clock:
    """A clock that only moves when told. It starts at noon in Beijing, on the 15th."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0 - 1_800_000_000 % 86_400 + 4 * 3600

    def __call__(self) -> float:
        return self.now


@dataclass
class Shop:
    """A bound mini program: the stand-in's account, and both tokens our client asks with."""

    wechat: WeChat
    clock: Clock
    account: Account
    token: str
    component_token: str

    @property
    def program(self) -> Program:
        return self.account.program

    @property
    def appid(self) -> str:
        return self.account.appid

    def make_template(self, user_version: str = "1.0.0") -> int:
        draft = self.wechat.upload_draft(user_version=user_version)
        code.add_to_template(self.component_token, draft.draft_id)
        return code.list_templates(self.component_token)[-1].template_id

    def commit(self, user_version: str = "1.0.0", ext_json: str = EXT_JSON) -> None:
        code.commit(
            self.token,
            template_id=self.make_template(user_version),
            ext_json=ext_json,
            user_version=user_version,
            user_desc=f"版本 {user_version}",
        )

    def submit(self, user_version: str = "1.0.0") -> int:
        self.commit(user_version)
        return code.submit_audit(self.token, {})

    def approve(self, user_version: str = "1.0.0") -> int:
        auditid = self.submit(user_version)
        self.wechat.judge(self.appid, "pass")
        return auditid

    def release(self, user_version: str = "1.0.0") -> None:
        self.approve(user_version)
        code.release(self.token)


def open_shop(func_ids: list[int] | None = None) -> Shop:
    """A shop of a new world, whose owner granted FUNC_IDS, or all there are."""
    clock = Clock()
    wechat = WeChat(clock=clock, seed=1, deliver=None)
    ours = wechat.register_component(appid=APPID, secret=SECRET, token=TOKEN, aes_key=AES_KEY)
    http.session.mount(PREFIX, SandboxAdapter(wechat))
    component_token = component.get_component_token(APPID, SECRET, wechat.push_ticket()).value
    account = wechat.create_account(nick_name="山茶书店")
    refresh_token = wechat.grant(account.appid, func_ids).refresh_token
    token, _ = component.refresh_authorizer_token(
        component_token, ours.appid, account.appid, refresh_token
    )
    wechat.outbox.clear()
    return Shop(wechat, clock, account, token.value, component_token)


def refused_with(errcode: int, function: Callable[..., object], *args: Any, **more: Any) -> Refused:
    """The refusal with ERRCODE that the call must end in."""
    with pytest.raises(Refused) as caught:
        function(*args, **more)
    assert caught.value.errcode == errcode, caught.value
    return caught.value
