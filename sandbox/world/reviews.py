"""WeChat's reviewers: they judge when somebody clicks, or by themselves after a set time."""

import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

from sandbox.world.days import day, month
from sandbox.world.errors import Refusal
from sandbox.world.media import MediaStore
from sandbox.world.parties import Account, Component
from sandbox.world.program import DELAYED, PASSED, REJECTED, Audit, Version
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings

OUTCOMES = ("pass", "reject", "delay")
REASONS = {
    "pass": "",
    "reject": (
        "1:小程序内容不符合规则:<br>(1):你好，小程序页面内容不完整，请补充后重新提交审核。<br>"
        "2:小程序类目不符合规则:<br>(1):所选类目与页面内容不一致，请修改类目。<br>"
    ),
    "delay": "审核单需要进一步核实，预计延后完成，请耐心等待。",
}
EMPTY_PAGES = "1:小程序内容不符合规则:<br>(1):你好，小程序页面加载失败，请检查服务器域名。<br>"
EVENTS = {
    "pass": ("weapp_audit_success", "SuccTime"),
    "reject": ("weapp_audit_fail", "FailTime"),
    "delay": ("weapp_audit_delay", "DelayTime"),
}
SYSTEM_USER = "od1P50M-fNQI5Gcq-trm4a7apsU8"  # whom such events come from
UNDOS_A_DAY, UNDOS_A_MONTH = 5, 10
FIRST_AUDITID = 430_000_000
TILES = 24  # a side of a screenshot
CODE_SET = 18


class Reviews:
    """The queue of reviews with its quotas. Its world's lock guards it."""

    def __init__(self, world: Surroundings, register: Register, media: MediaStore) -> None:
        self.world = world
        self.register = register
        self.media = media
        self.check_seconds = 0  # the code check after a commit
        self.review_seconds: int | None = None  # None: only a click judges
        self.outcome = "pass"
        self.audit_limit = 1_000  # a month, of one platform
        self.speedup_limit = 20
        self.used: Counter[tuple[str, str, str]] = Counter()
        self.undone: Counter[tuple[str, str | int]] = Counter()
        self._numbers = count(FIRST_AUDITID)
        self._due: list[tuple[float, int, Account, Audit]] = []

    # What the platform asks for

    def submit(
        self, component: Component, account: Account, version: Version, submission: dict[str, Any]
    ) -> Audit:
        """A new review in the queue; it costs the platform's quota."""
        self._use(component, "audit", self.audit_limit, 85085)
        now = self.world.clock()
        audit = Audit(next(self._numbers), version, submission, int(now))
        account.program.audits.append(audit)
        if self.review_seconds is not None:
            self._judge_later(account, audit, self.review_seconds)
        return audit

    def speed_up(self, component: Component, audit: Audit) -> None:
        if not audit.is_open:
            raise Refusal(89402)
        if audit.sped_up:
            raise Refusal(89404)
        self._use(component, "speedup", self.speedup_limit, 89405)
        audit.sped_up = True

    def undo(self, account: Account) -> None:
        """Withdraw the open review, as often as a mini program may."""
        now = self.world.clock()
        today, this_month = (account.appid, day(now)), (account.appid, month(now))
        if self.undone[today] >= UNDOS_A_DAY or self.undone[this_month] >= UNDOS_A_MONTH:
            raise Refusal(87013)
        account.program.withdraw()
        self.undone.update((today, this_month))

    def quota(self, component: Component) -> dict[str, int]:
        return {
            "rest": self._rest(component, "audit", self.audit_limit),
            "limit": self.audit_limit,
            "speedup_rest": self._rest(component, "speedup", self.speedup_limit),
            "speedup_limit": self.speedup_limit,
        }

    def _use(self, component: Component, resource: str, limit: int, errcode: int) -> None:
        if not self._rest(component, resource, limit):
            raise Refusal(errcode)
        self.used[month(self.world.clock()), component.appid, resource] += 1

    def _rest(self, component: Component, resource: str, limit: int) -> int:
        return max(0, limit - self.used[month(self.world.clock()), component.appid, resource])

    # Verdicts

    def judge(
        self, account: Account, outcome: str, reason: str | None = None, pictures: int = 0
    ) -> Audit:
        """The verdict on the open review, pushed to the platform; a delay leaves it open."""
        with self.world.lock:
            audit = account.program.open_audit
            if audit is None:
                raise ValueError(f"nothing of {account.appid} is in review")
            self._decide(account, audit, outcome, reason, pictures)
        self._push_verdict(account, audit, outcome)
        return audit

    def judge_due(self) -> None:
        """The verdicts whose time has come."""
        if not self._due or self._due[0][0] > self.world.clock():
            return
        with self.world.lock:
            decided = [self._decide_by_itself(*due) for due in self._take_due()]
        for account, audit, outcome in decided:
            self._push_verdict(account, audit, outcome)

    def _take_due(self) -> Iterator[tuple[Account, Audit]]:
        while self._due and self._due[0][0] <= self.world.clock():
            _, _, account, audit = heapq.heappop(self._due)
            if audit.is_open:
                yield account, audit

    def _decide_by_itself(self, account: Account, audit: Audit) -> tuple[Account, Audit, str]:
        delayed = audit.status == DELAYED
        outcome = "pass" if delayed and self.outcome == "delay" else self.outcome
        reason = None
        if outcome == "pass" and account.program.missing_domains:
            outcome, reason = "reject", EMPTY_PAGES
        self._decide(account, audit, outcome, reason, 1 if outcome == "reject" else 0)
        if outcome == "delay" and self.review_seconds is not None:
            self._judge_later(account, audit, self.review_seconds)
        return account, audit, outcome

    def _judge_later(self, account: Account, audit: Audit, seconds: float) -> None:
        at = self.world.clock() + seconds
        heapq.heappush(self._due, (at, next(self._numbers), account, audit))

    def _decide(
        self, account: Account, audit: Audit, outcome: str, reason: str | None, pictures: int
    ) -> None:
        audit.reason = REASONS[outcome] if reason is None else reason
        audit.status = {"pass": PASSED, "reject": REJECTED, "delay": DELAYED}[outcome]
        if outcome == "pass":
            account.program.approved = audit
        if outcome == "reject":
            audit.screenshots = [
                self.media.keep_picture(account.appid, TILES) for _ in range(pictures)
            ]

    def _push_verdict(self, account: Account, audit: Audit, outcome: str) -> None:
        """The event, to every platform the mini program granted its code to; it names no review."""
        event, time_name = EVENTS[outcome]
        fields: dict[str, Any] = {"Event": event}
        if audit.reason:
            fields["Reason"] = audit.reason
        fields[time_name] = int(self.world.clock())
        if outcome == "reject" and audit.screenshots:
            fields["ScreenShot"] = "|".join(audit.screenshots)
        for component in self.register.granted_components(account, (CODE_SET,)):
            self.world.push_message(
                account.appid, fields, from_user=SYSTEM_USER, component=component
            )
