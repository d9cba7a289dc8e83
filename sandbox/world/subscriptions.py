"""
Subscribe messages (订阅消息): WeChat's library of templates, of which an account sees those of its
categories; what it has taken from there; and how many messages each user has allowed (M5).
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from sandbox.world.chats import Chats, message_sets
from sandbox.world.codes import new_code
from sandbox.world.errors import BadRequest, Refusal
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account, category_id
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings

# For one message each time that a user agrees, or for any number.
ONCE, LONG = 2, 3
MOST_TEMPLATES = 25
KEYWORDS = range(2, 6)  # how many a template may have
LONGEST_SCENE = 15
ACCEPT, REJECT = "accept", "reject"
EVENTS = {"popup": "subscribe_msg_popup_event", "change": "subscribe_msg_change_event"}
FIRST_MSGID = 3_000_000_001

Keyword = tuple[str, str, str]  # its name, rule and example
# Of each category's library: the title, its type, its keywords.
TITLES: tuple[tuple[str, int, tuple[Keyword, ...]], ...] = (
    (
        "订单状态通知",
        ONCE,
        (
            ("订单编号", "character_string", "202611290001"),
            ("商品名称", "thing", "山茶花茶"),
            ("订单金额", "amount", "￥68.00"),
            ("下单时间", "time", "2026年11月29日 08:00"),
            ("订单状态", "phrase", "已发货"),
            ("备注", "thing", "感谢您的支持"),
        ),
    ),
    (
        "预约成功通知",
        ONCE,
        (
            ("预约项目", "thing", "品茶"),
            ("预约日期", "date", "2026年11月29日"),
            ("预约人", "name", "张三"),
            ("联系电话", "phone_number", "020-81167888"),
            ("人数", "number", "2"),
        ),
    ),
    (
        "服务进度提醒",
        LONG,
        (
            ("服务名称", "thing", "送货"),
            ("车牌号", "car_number", "粤A8Z888"),
            ("当前进度", "phrase", "配送中"),
            ("更新时间", "time", "08:00"),
        ),
    ),
)
# What a value of each rule may be.
VALUES = {
    "thing": re.compile(r".{1,20}", re.DOTALL),
    "number": re.compile(r"\d{1,32}(\.\d+)?", re.ASCII),
    "character_string": re.compile(r"[\x21-\x7e]{1,32}"),
    "time": re.compile(r"(?=.*\d).{1,40}"),
    "date": re.compile(r"(?=.*\d).{1,40}"),
    "amount": re.compile(r"\D?\d{1,10}(\.\d+)?元?"),
    "phone_number": re.compile(r"[\d+() -]{1,17}", re.ASCII),
    "car_number": re.compile(r".{1,8}"),
    "name": re.compile(r"[A-Za-z ]{1,20}|.{1,10}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
}


@dataclass(frozen=True)
class Title:
    """A title of the library, with its keywords by kid."""

    tid: int
    category_id: int
    title: str
    type: int
    keywords: dict[int, Keyword]


@dataclass(frozen=True)
class SubscribeTemplate:
    """What an account has made of a title: KEYWORDS by the names that a message fills in."""

    id: str
    title: Title
    keywords: dict[str, Keyword]
    scene: str

    def describe(self) -> dict[str, Any]:
        lines = self.keywords.items()
        return {
            "priTmplId": self.id,
            "title": self.title.title,
            "content": "".join(f"{word[0]}:{{{{{name}.DATA}}}}\n" for name, word in lines),
            "example": "".join(f"{word[0]}:{word[2]}\n" for _, word in lines),
            "type": self.title.type,
        }


class Subscriptions:
    """Its world's lock guards it."""

    def __init__(
        self, world: Surroundings, register: Register, outgoing: Outgoing, chats: Chats
    ) -> None:
        self.world = world
        self.register = register
        self.outgoing = outgoing
        self.chats = chats
        self._templates: dict[str, dict[str, SubscribeTemplate]] = {}  # by appid and id
        self._left: Counter[tuple[str, str, str]] = Counter()  # messages, by appid, openid and id
        self._numbers = count(FIRST_MSGID)

    # The library

    def titles(self, account: Account) -> list[Title]:
        """All that the library has for the categories of ACCOUNT."""
        return [
            Title(category * 10 + number, category, name, kind, dict(enumerate(keywords, 1)))
            for category, _ in categories(account)
            for number, (name, kind, keywords) in enumerate(TITLES)
        ]

    def need_title(self, account: Account, tid: Any) -> Title:
        for title in self.titles(account):
            if str(title.tid) == str(tid):
                return title
        raise Refusal(200014)

    # The account's own

    def templates(self, appid: str) -> dict[str, SubscribeTemplate]:
        return self._templates.setdefault(appid, {})

    def add(self, account: Account, tid: Any, kids: Any, scene: Any) -> str:
        """The id of a new template of the chosen keywords, in their order."""
        title, mine = self.need_title(account, tid), self.templates(account.appid)
        if not isinstance(kids, list) or len(kids) not in KEYWORDS or len(set(kids)) < len(kids):
            raise Refusal(200020)
        if not all(kid in title.keywords for kid in kids):
            raise Refusal(200020)
        if not isinstance(scene, str) or len(scene) > LONGEST_SCENE:
            raise Refusal(200021)
        if len(mine) >= MOST_TEMPLATES:
            raise Refusal(200012)
        keywords = {f"{title.keywords[kid][1]}{kid}": title.keywords[kid] for kid in kids}
        template = SubscribeTemplate(new_code(self.world.random, 43), title, keywords, scene)
        mine[template.id] = template
        return template.id

    def delete(self, appid: str, template_id: str) -> None:
        if self.templates(appid).pop(template_id, None) is None:
            raise Refusal(40037)

    # What users allow

    def answer(self, appid: str, openid: str, answers: Mapping[str, str]) -> None:
        """A user answers what the mini program asks: accept or reject, by template."""
        if not set(answers.values()) <= {ACCEPT, REJECT}:
            raise BadRequest(f"an answer is {ACCEPT} or {REJECT}")
        with self.world.changing():
            account = self.register.accounts[appid]
            self.chats.visit(account, openid)
            for template_id, status in answers.items():
                template = self.templates(appid)[template_id]
                accepted = appid, openid, template_id
                self._left[accepted] += status == ACCEPT
                if template.title.type == LONG:
                    self._left[accepted] = int(status == ACCEPT)
            self._tell(account, openid, "popup", answers)

    def withdraw(self, appid: str, openid: str, template_id: str) -> None:
        """A user takes it back, in the settings."""
        with self.world.changing():
            self._left[appid, openid, template_id] = 0
            account = self.register.accounts[appid]
            self._tell(account, openid, "change", {template_id: REJECT})

    # Messages

    def send(self, account: Account, openid: str, template_id: str, data: Any) -> int:
        """The msgid of a message, if the user has allowed it and every value fits."""
        template = self.templates(account.appid).get(template_id)
        if template is None:
            raise Refusal(40037)
        if self.chats.find(account.appid, openid) is None:
            raise Refusal(40003)
        _check_data(template, data)
        allowed = account.appid, openid, template_id
        if not self._left[allowed]:
            raise Refusal(43101)
        if template.title.type == ONCE:
            self._left[allowed] -= 1
        msgid = next(self._numbers)
        entry = {"TemplateId": template_id, "MsgID": msgid}
        entry |= {"ErrorCode": 0, "ErrorStatus": "success"}
        fields = {
            "Event": "subscribe_msg_sent_event",
            "SubscribeMsgSentEvent": {"List": [entry]},
        }
        self._push(account, openid, fields)
        return msgid

    def _tell(self, account: Account, openid: str, what: str, answers: Mapping[str, str]) -> None:
        entries = [
            {"TemplateId": template_id, "SubscribeStatusString": status, "PopupScene": 0}
            for template_id, status in answers.items()
        ]
        member = f"SubscribeMsg{what.capitalize()}Event"
        self._push(account, openid, {"Event": EVENTS[what], member: {"List": entries}})

    def _push(self, account: Account, openid: str, fields: dict[str, Any]) -> None:
        sets = (*message_sets(account), 18)
        for component in self.register.granted_components(account, sets):
            self.outgoing.queue_message(component, account, fields, from_user=openid)


def categories(account: Account) -> list[tuple[int, str]]:
    """The account's categories, the second level of each, by their numbers."""
    names = [category.get("second", category["first"]) for category in account.categories]
    return [(category_id(name), name) for name in names]


def _check_data(template: SubscribeTemplate, data: Any) -> None:
    if not isinstance(data, dict):
        raise Refusal(47001)
    for name, (_, rule, _) in template.keywords.items():
        entry = data.get(name)
        value = entry.get("value") if isinstance(entry, dict) else None
        if value in (None, ""):
            raise Refusal(47003, f"argument invalid! data.{name}.value is empty")
        if not VALUES[rule].fullmatch(str(value)):
            raise Refusal(47003, f"argument invalid! data.{name}.value invalid")
