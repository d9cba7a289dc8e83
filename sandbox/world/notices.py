"""Template messages of official accounts (模板消息): the account's trades and templates (M6)."""

from itertools import count
from typing import Any

from sandbox.world.codes import new_code
from sandbox.world.days import month
from sandbox.world.errors import Refusal
from sandbox.world.followers import Followers
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings

MOST_TEMPLATES = 25
INDUSTRIES = {
    "1": ("IT科技", "互联网|电子商务"),
    "2": ("IT科技", "IT软件与服务"),
    "10": ("餐饮", "餐饮"),
    "39": ("其它", "其它"),
}
# Of WeChat's library, by template_id_short.
LIBRARY = {
    "TM00015": ("订单支付成功", "{{first.DATA}}\n金额:{{orderMoneySum.DATA}}\n{{remark.DATA}}"),
    "OPENTM200565259": ("订单发货提醒", "{{first.DATA}}\n订单:{{keyword1.DATA}}\n{{remark.DATA}}"),
    "43604": ("取餐提醒", "取餐号:{{character_string1.DATA}}\n门店:{{thing2.DATA}}\n"),
}
FIRST_MSGID = 200_228_332
SETS = (7,)

Industries = tuple[str, str]


class Notices:
    """Its world's lock guards it."""

    def __init__(
        self, world: Surroundings, register: Register, outgoing: Outgoing, followers: Followers
    ) -> None:
        self.world = world
        self.register = register
        self.outgoing = outgoing
        self.followers = followers
        self._templates: dict[str, dict[str, dict[str, str]]] = {}  # by appid and template_id
        self._industries: dict[str, tuple[Industries, str]] = {}  # and the month of the change
        self._numbers = count(FIRST_MSGID)

    def templates(self, appid: str) -> dict[str, dict[str, str]]:
        return self._templates.setdefault(appid, {})

    def add(self, appid: str, short_id: str) -> str:
        """The template_id."""
        if short_id not in LIBRARY:
            raise Refusal(40037)
        mine = self.templates(appid)
        if len(mine) >= MOST_TEMPLATES:
            raise Refusal(45026)
        title, content = LIBRARY[short_id]
        template_id = new_code(self.world.random, 43)
        mine[template_id] = {
            "template_id": template_id,
            "title": title,
            "primary_industry": "IT科技",
            "deputy_industry": "互联网|电子商务",
            "content": content,
            "example": "",
        }
        return template_id

    def delete(self, appid: str, template_id: str) -> None:
        if self.templates(appid).pop(template_id, None) is None:
            raise Refusal(40037)

    def set_industries(self, appid: str, chosen: Industries) -> None:
        """Once a month."""
        now = month(self.world.clock())
        if not set(chosen) <= set(INDUSTRIES):
            raise Refusal(40035)
        if appid in self._industries and self._industries[appid][1] == now:
            raise Refusal(43100)
        self._industries[appid] = chosen, now

    def industries(self, appid: str) -> Industries:
        chosen, _ = self._industries.get(appid, (("1", "39"), ""))
        return chosen

    def send(self, account: Account, openid: str, template_id: str, data: Any) -> int:
        """The msgid; that it has arrived is pushed."""
        if template_id not in self.templates(account.appid):
            raise Refusal(40037)
        if not isinstance(data, dict):
            raise Refusal(47001)
        self.followers.need(account, openid)
        msgid = next(self._numbers)
        fields = {"Event": "TEMPLATESENDJOBFINISH", "MsgID": msgid, "Status": "success"}
        for component in self.register.granted_components(account, SETS):
            self.outgoing.queue_message(component, account, fields, from_user=openid)
        return msgid
