"""The 全网发布 test: WeChat's own accounts try whether a platform answers as it must (F)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.wire.pushes import Delivery
from sandbox.world.authorizations import Authorizations
from sandbox.world.chats import Chats
from sandbox.world.parties import Account, Component
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT
from sandbox.world.register import Register
from sandbox.world.replies import PassiveReply
from sandbox.world.surroundings import Surroundings
from sandbox.world.tickets import Tickets


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

    def __init__(self, tests: "ReleaseTests", component: Component, patience: float) -> None:
        self.tests = tests
        self.world = tests.world
        self.component = component
        self.patience = patience
        self.started_at = self.world.clock()
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
        with self.world.changing():
            self.tests.tickets.new(
                self.component, lambda delivery: self._close_by_answer(step, delivery)
            )
        for number in groups:
            for appid, _ in GROUPS[number]:
                self._try(number, account(self.tests.register, appid), same_code)

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
            code = self._lend_code(account)
        openid = f"o{self.world.random.getrandbits(108):027x}"
        if account.is_mini_program:
            if CUSTOMER_SERVICE in self.component.func_ids:
                self._query(group, account, openid, code)
        elif MESSAGES in self.component.func_ids:
            self._event(group, account, openid)
            self._text(group, account, openid)
            self._query(group, account, openid, code)

    def _lend_code(self, account: Account) -> str:
        with self.world.lock:
            return self.tests.authorizations.lend_code(self.component, account)

    def _authorize(self, group: int, account: Account) -> str:
        """The account authorises by a page the platform never opened."""
        code = self._lend_code(account)
        step = self._step("authorized", group, account.appid, account.kind, "success")
        authorizations = self.tests.authorizations
        pre_auth_code = authorizations.new_pre_auth_code(self.component)
        pre_auth_code.used = True
        fields = {
            "AuthorizerAppid": account.appid,
            "AuthorizationCode": code,
            "AuthorizationCodeExpiredTime": int(
                self.world.clock() + authorizations.terms.code_life
            ),
            "PreAuthCode": pre_auth_code.value,
        }
        self.world.push(
            "authorized",
            fields,
            component=self.component,
            on_delivery=lambda delivery: self._close_by_answer(step, delivery),
        )
        return code

    def _event(self, group: int, account: Account, openid: str) -> None:
        expected = f"{EVENT}from_callback"
        step = self._step("event", group, account.appid, account.kind, expected)

        def on_reply(delivery: Delivery, reply: PassiveReply | None, problem: str) -> None:
            self._close_by_reply(step, delivery, reply, problem)

        self.tests.chats.happen(
            account.appid, openid, EVENT, component=self.component, on_reply=on_reply
        )

    def _text(self, group: int, account: Account, openid: str) -> None:
        step = self._step("text", group, account.appid, account.kind, f"{TEXT}_callback")

        def on_reply(delivery: Delivery, reply: PassiveReply | None, problem: str) -> None:
            self._close_by_reply(step, delivery, reply, problem)

        self.tests.chats.say(
            account.appid, openid, TEXT, component=self.component, on_reply=on_reply
        )

    def _query(self, group: int, account: Account, openid: str, code: str) -> None:
        """Two steps of one message: an empty answer to it, then a message by the API."""
        empty = self._step("empty", group, account.appid, account.kind, "")
        message = self._step("message", group, account.appid, account.kind, f"{code}_from_api")
        message.openid, message.code = openid, code

        def on_reply(delivery: Delivery, reply: PassiveReply | None, problem: str) -> None:
            self._close_by_answer(empty, delivery)
            message.waits_since = delivery.at

        text = f"{QUERY}{code}"
        self.tests.chats.say(
            account.appid, openid, text, component=self.component, on_reply=on_reply
        )

    def _step(self, name: str, group: int, appid: str, kind: str, expected: str) -> Step:
        step = Step(name, group, appid, kind, expected)
        with self.world.lock:
            self.steps.append(step)
        return step

    def _close_by_answer(self, step: Step, delivery: Delivery) -> None:
        """The verdict on a step whose expected answer is the body itself."""
        body = delivery.answer[:200].decode("utf-8", "replace")
        passed = delivery.status == 200 and body == step.expected
        got = body if delivery.status == 200 else f"{delivery.status} {body}"
        step.close(PASSED if passed else FAILED, got, delivery.seconds)

    def _close_by_reply(
        self, step: Step, delivery: Delivery, reply: PassiveReply | None, problem: str
    ) -> None:
        """The verdict on a step whose expected answer is a sealed text."""
        kind, content = reply or ("", {})
        got = problem or (str(content.get("content", kind)) if reply else "no reply")
        passed = kind == "text" and got == step.expected
        step.close(PASSED if passed else FAILED, got, delivery.seconds)

    def _look(self, step: Step) -> None:
        """Look for the message by the API among the lines of the chat."""
        began = self.started_at if step.waits_since is None else step.waits_since
        for line in self.tests.chats.transcript(step.appid, step.openid):
            if line.way == "api" and line.text == step.expected:
                # An honest platform can know the token only by trading the code.
                traded = self.tests.authorizations.is_traded(step.code)
                got = line.text if traded else "the code was not traded"
                step.close(PASSED if traded else FAILED, got, max(0, line.at - began))
                return
            step.got = line.text if line.way == "api" else step.got
        if self.world.clock() - began >= self.patience:
            step.close(FAILED, step.got or "nothing", None)


class ReleaseTests:
    """All runs of a world, and the parts of it that a run acts through."""

    def __init__(
        self,
        world: Surroundings,
        register: Register,
        tickets: Tickets,
        authorizations: Authorizations,
        chats: Chats,
    ) -> None:
        self.world = world
        self.register = register
        self.tickets = tickets
        self.authorizations = authorizations
        self.chats = chats
        self.runs: list[ReleaseTest] = []

    def start(
        self,
        component: Component | None = None,
        groups: Sequence[int] = tuple(GROUPS),
        *,
        patience: float = PATIENCE,
        same_code: bool = False,
    ) -> ReleaseTest:
        """Press the button: the tests of these groups are pushed, and their results come in.

        With SAME_CODE the message names the code that the `authorized` push carries.
        """
        test = ReleaseTest(self, component or self.register.first_component, patience)
        with self.world.lock:
            self.runs.append(test)
        test.start(groups, same_code=same_code)
        return test

    def lend_code(self, appid: str, openid: str = "") -> str:
        """A code for a tester of the platform's own, who is the user OPENID, or any."""
        test_account = account(self.register, appid)
        with self.world.lock:
            if openid:
                self.chats.meet(test_account, openid)
            else:
                self.chats.strangers.add(appid)
            component = self.register.first_component
            return self.authorizations.lend_code(component, test_account)


def account(register: Register, appid: str) -> Account:
    """One of WeChat's test accounts, which appears when it is needed."""
    if appid not in ACCOUNTS:
        raise ValueError(f"{appid} is no account of the release test")
    user_name, kind = ACCOUNTS[appid]
    return register.accounts.get(appid) or register.create_account(
        appid=appid,
        kind=kind,
        user_name=user_name,
        nick_name="全网发布检测",
        principal_name="微信",
        owner="微信",
    )
