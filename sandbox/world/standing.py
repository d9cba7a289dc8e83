"""How an account stands with WeChat: its name is reviewed, and it is warned, frozen and banned."""

import json
from typing import Any

from sandbox.world.errors import BadRequest
from sandbox.world.parties import Account
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings

NORMAL, CANCELLED, BANNED, ALERTED, FROZEN = STATUSES = (1, 14, 16, 18, 19)
WARNED, LIMITED = 1, 2  # event_type
PASSED, FAILED = 3, 2  # ret
RULE = "微信小程序平台运营规范"


class Standing:
    """Its world's lock guards the accounts."""

    def __init__(self, world: Surroundings, register: Register) -> None:
        self.world = world
        self.register = register

    def rename(self, appid: str, nick_name: str, reason: str = "") -> None:
        """The name is reviewed, and taken unless there is a REASON against it."""
        account = self.register.accounts[appid]
        if not reason:
            with self.world.lock:
                account.nick_name = nick_name
        verdict = FAILED if reason else PASSED
        fields = {"ret": verdict, "nickname": nick_name, "reason": reason}
        self._tell(account, {"Event": "wxa_nickname_audit", **fields})

    def set_status(self, appid: str, status: int, reason: str = "涉嫌违规") -> None:
        """Another account_status; of a punishment `wxa_punish_event` tells, of its end nothing."""
        if status not in STATUSES:
            raise BadRequest(f"no such account_status: {status}")
        account = self.register.accounts[appid]
        with self.world.lock:
            account.account_status = status
        if status in (ALERTED, FROZEN, BANNED):
            self._tell(account, self._punishment(account, status, reason))

    def _punishment(self, account: Account, status: int, reason: str) -> dict[str, Any]:
        detail: dict[str, Any] = {"banned_days": 7, "banned_function_names": ["全部功能"]}
        if status == ALERTED:
            detail = {"warned_type": 1, "warned_function_names": ["搜索"], "warned_ban_days": 7}
        return {
            "Event": "wxa_punish_event",
            "event_type": WARNED if status == ALERTED else LIMITED,
            "punish_id": str(self.world.random.getrandbits(48)),
            "appid": account.appid,
            "punish_time": int(self.world.clock()),
            "illegal_reason": reason,
            "illegal_content": account.nick_name,
            "rule_name": RULE,
            "rule_url": "https://developers.weixin.qq.com/miniprogram/product/",
            "detail": json.dumps(detail, ensure_ascii=False),
        }

    def _tell(self, account: Account, fields: dict[str, Any]) -> None:
        for component in self.register.components.values():
            if account.appid in component.authorizations:
                self.world.push_message(account.appid, fields, component=component)
