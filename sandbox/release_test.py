"""The 全网发布 test: WeChat's own accounts try whether a platform answers as it must (F)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sandbox.chats import Told
from sandbox.parties import Account, Component
from sandbox.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT
from sandbox.pushes import Delivery

if TYPE_CHECKING:
    from sandbox.world import WeChat


class Group(NamedTuple):
    """An official account and a mini program, each with its original id."""

    official_account: tuple[str, str]
    mini_program: tuple[str, str]


GROUPS = {
    1: Group(("wx570bc396a51b8ff8", "gh_3c884a361561"), ("wxd101a85aa106f53e", "gh_8dad206e9538")),
    2: Group(("wx9252c5e0bb1836fc", "gh_c0f28a78b318"), ("wxc39235c15087f6f3", "gh_905ae9d01059")),
    3: Group(("wx8e1097c5bc82cde9", "gh_3f222ed8d140"), ("wx7720d01d4b2a4500", "gh_393666f1fdf4")),
    4: Group(("wx14550af28c71a144", "gh_26128078e9ab"), ("wx05d483572dcd5d8b", "gh_39abb5d4e1b7")),
    5: Group(("wxa35b9c23cfe664eb", "gh_2b3713f184a6"), ("wx5910277cae6fd970", "gh_7818dcb60240")),
}
ACCOUNTS = {
    appid: (user_name, kind)
    for group in GROUPS.values()
    for (appid, user_name), kind in zip(group, (OFFICIAL_ACCOUNT, MINI_PROGRAM), strict=True)
}
TEXT, QUERY = "TESTCOMPONENT_MSG_TYPE_TEXT", "QUERY_AUTH_CODE:"
EVENT = "LOCATION"
PATIENCE = 30  # seconds for the message by the API; WeChat says "immediately"
WAITING, PASSED, FAILED = "waiting", "passed", "failed"
MESSAGES, CUSTOMER_SERVICE = 1, 19


@dataclass(eq=False)
class Step:
    """One thing tried; NAME is ticket, authorized, event, text, empty or message."""

    name: str
    group: int
    appid: str
    kind: str
    expected: str
    openid: str = ""
    code: str = ""
    verdict: str = WAITING
    got: str = ""
    seconds: float | None = None
    waits_since: float | None = None

    def close(self, verdict: str, got: str, seconds: float | None) -> None:
        self.verdict, self.got, self.seconds = verdict, got, seconds


class ReleaseTest:
    """One run. Pushes report themselves; `settle` looks for the messages by the API."""

    def __init__(self, world: "WeChat", component: Component, patience: float) -> None:
        self.world = world
        self.component = component
        self.patience = patience
        self.started_at = world.clock()
        self.steps: list[Step] = []

    @property
    def results(self) -> list[Step]:
        """Every step as it stands now."""
        self.settle()
        return list(self.steps)

    @property
    def is_done(self) -> bool:
        return all(step.verdict != WAITING for step in self.results)

    @property
    def has_passed(self) -> bool:
        return all(step.verdict == PASSED for step in self.results)

    def start(self, groups: Sequence[int], *, same_code: bool) -> None:
        """Push everything; what a platform has no permission set for is left out."""
        step = self._step("ticket", 0, "", "", "success")
        self.world.push_ticket(self.component, lambda delivery: self._answered(step, delivery))
        for number in groups:
            for account in _accounts(self.world, number):
                self._try(number, account, same_code)

    def settle(self) -> None:
        """The verdicts on messages that have come, and on what has been waited for too long."""
        with self.world.lock:
            for step in self.steps:
                if step.verdict == WAITING:
                    self._look(step)

    def _try(self, group: int, account: Account, same_code: bool) -> None:
        if former := self.component.authorizations.pop(account.appid, None):
            former.cancelled = True
        code = self._authorize(group, account)
        if not same_code:
            code = self.world.lend_code(account.appid, self.component)
        openid = f"o{self.world.random.getrandbits(108):027x}"
        if account.is_mini_program:
            if CUSTOMER_SERVICE in self.component.func_ids:
                self._query(group, account, openid, code)
        elif MESSAGES in self.component.func_ids:
            self._event(group, account, openid)
            self._text(group, account, openid)
            self._query(group, account, openid, code)

    def _authorize(self, group: int, account: Account) -> str:
        """The account authorises by a page the platform never opened."""
        code = self.world.lend_code(account.appid, self.component)
        step = self._step("authorized", group, account.appid, account.kind, "success")
        pre_auth_code = self.world.new_pre_auth_code(self.component)
        pre_auth_code.used = True
        fields = {
            "AuthorizerAppid": account.appid,
            "AuthorizationCode": code,
            "AuthorizationCodeExpiredTime": int(self.world.clock() + self.world.code_life),
            "PreAuthCode": pre_auth_code.value,
        }
        self.world.push(
            "authorized",
            fields,
            component=self.component,
            heard=lambda delivery: self._answered(step, delivery),
        )
        return code

    def _event(self, group: int, account: Account, openid: str) -> None:
        expected = f"{EVENT}from_callback"
        step = self._step("event", group, account.appid, account.kind, expected)

        def heard(delivery: Delivery, told: Told, problem: str) -> None:
            self._replied(step, delivery, told, problem)

        self.world.happen(account.appid, openid, EVENT, component=self.component, heard=heard)

    def _text(self, group: int, account: Account, openid: str) -> None:
        step = self._step("text", group, account.appid, account.kind, f"{TEXT}_callback")

        def heard(delivery: Delivery, told: Told, problem: str) -> None:
            self._replied(step, delivery, told, problem)

        self.world.say(account.appid, openid, TEXT, component=self.component, heard=heard)

    def _query(self, group: int, account: Account, openid: str, code: str) -> None:
        empty = self._step("empty", group, account.appid, account.kind, "")
        message = self._step("message", group, account.appid, account.kind, f"{code}_from_api")
        message.openid, message.code = openid, code

        def heard(delivery: Delivery, told: Told, problem: str) -> None:
            self._answered(empty, delivery)
            message.waits_since = delivery.at

        said = f"{QUERY}{code}"
        self.world.say(account.appid, openid, said, component=self.component, heard=heard)

    def _step(self, name: str, group: int, appid: str, kind: str, expected: str) -> Step:
        step = Step(name, group, appid, kind, expected)
        with self.world.lock:
            self.steps.append(step)
        return step

    def _answered(self, step: Step, delivery: Delivery) -> None:
        """The body itself is the answer."""
        got = delivery.answer[:200].decode("utf-8", "replace")
        passed = delivery.status == 200 and got == step.expected
        told = got if delivery.status == 200 else f"{delivery.status} {got}"
        step.close(PASSED if passed else FAILED, told, delivery.seconds)

    def _replied(self, step: Step, delivery: Delivery, told: Told, problem: str) -> None:
        """The answer is a sealed text."""
        kind, content = told or ("", {})
        got = problem or (str(content.get("content", kind)) if told else "no reply")
        passed = kind == "text" and got == step.expected
        step.close(PASSED if passed else FAILED, got, delivery.seconds)

    def _look(self, step: Step) -> None:
        began = self.started_at if step.waits_since is None else step.waits_since
        for line in self.world.transcript(step.appid, step.openid):
            if line.way == "api" and line.text == step.expected:
                # An honest platform can know the token only by trading the code.
                traded = self.world.is_traded(step.code)
                got = line.text if traded else "the code was not traded"
                step.close(PASSED if traded else FAILED, got, max(0, line.at - began))
                return
            step.got = line.text if line.way == "api" else step.got
        if self.world.clock() - began >= self.patience:
            step.close(FAILED, step.got or "nothing", None)


def _accounts(world: "WeChat", number: int) -> Iterator[Account]:
    for appid, _ in GROUPS[number]:
        yield account(world, appid)


def account(world: "WeChat", appid: str) -> Account:
    """One of WeChat's test accounts, which appears when it is needed."""
    if appid not in ACCOUNTS:
        raise ValueError(f"{appid} is no account of the release test")
    user_name, kind = ACCOUNTS[appid]
    return world.accounts.get(appid) or world.create_account(
        appid=appid,
        kind=kind,
        user_name=user_name,
        nick_name="全网发布检测",
        principal_name="微信",
        owner="微信",
    )
