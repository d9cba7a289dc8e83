"""A mini program on a member of staff's desk: its code, its reviews, and how time passes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from audits.models import AuditEvent, CodeAudit, CodeTemplate, CodeVersion, Release
from audits.services.committing import commit_template
from audits.services.reconcile_outcomes import reconcile_due
from audits.services.releasing import release_newest_audit
from audits.services.submitting import submit_newest_version
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation, Push
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from sandbox.world.program import Program
from tests.conftest import Bound
from tests.databases import empty_operation_log
from tests.rollouts import make_template

COMMIT, SUBMIT, RELEASE = "/wxa/commit", "/wxa/submit_audit", "/wxa/release"
REVERT, UNDO, SPEED_UP = "/wxa/revertcoderelease", "/wxa/undocodeaudit", "/wxa/speedupaudit"
GRAY, VISIT = "/wxa/grayrelease", "/wxa/change_visitstatus"
LATEST, STATUS = "/wxa/get_latest_auditstatus", "/wxa/get_auditstatus"
LIVE, MEDIA = "/wxa/getversioninfo", "/cgi-bin/media/get"


@dataclass
class Desk:
    """What tests of one mini program need."""

    wechat: WeChat
    shop: Authorizer
    template: CodeTemplate
    staff: User
    carry: Deliver

    @property
    def program(self) -> Program:
        return self.wechat.accounts[self.shop.appid].program

    def commit(self, user_version: str = "1.0.0", **more: Any) -> CodeVersion:
        known: dict[str, Any] = {"user_desc": "第一版", "by": self.staff, **more}
        return commit_template(self.shop, self.template, user_version=user_version, **known)

    def submit(self, user_version: str | None = "1.0.0", **more: Any) -> CodeAudit:
        """Submit what was uploaded, after uploading USER_VERSION."""
        if user_version is not None:
            self.commit(user_version)
        return submit_newest_version(self.shop, by=self.staff, **more)

    def approve(self, user_version: str = "1.0.0") -> CodeAudit:
        """An audit that has passed, and we know."""
        audit = self.submit(user_version)
        self.judge("pass")
        self.settle()
        audit.refresh_from_db()
        assert audit.status == CodeAudit.Status.PASSED
        return audit

    def release(self, user_version: str | None = "1.0.0", **more: Any) -> Release:
        """Release what was approved, after getting USER_VERSION so far."""
        if user_version is not None:
            self.approve(user_version)
        return release_newest_audit(self.shop, by=self.staff, **more)

    def judge(self, outcome: str, reason: str | None = None, pictures: int = 0) -> None:
        """WeChat's verdict, and its push through our door."""
        self.wechat.judge(self.shop.appid, outcome, reason, pictures)
        self.deliver()

    def judge_unheard(self, outcome: str, reason: str | None = None, pictures: int = 0) -> None:
        """The verdict, whose push is lost."""
        self.wechat.judge(self.shop.appid, outcome, reason, pictures)
        self.wechat.outbox.clear()

    def deliver(self) -> None:
        for delivery in self.wechat.deliver_all(self.carry):
            assert (delivery.status, delivery.answer) == (200, b"success")

    def tell(self, event: str, at: float, **fields: Any) -> str:
        """A verdict push made AT, though nothing may have happened. What our inbox made of it."""
        told = {"Event": event, **fields}
        self.wechat.push_message(self.shop.appid, told, create_time=int(at))
        self.deliver()
        return Push.objects.order_by("-pk")[0].state

    def settle(self, rounds: int = 1) -> None:
        """The time of everything that waits has come, ROUNDS times."""
        late = Now() - timedelta(seconds=1)
        for _ in range(rounds):
            for model in (CodeVersion, CodeAudit, Release):
                model.objects.exclude(due_at=None).update(due_at=late)
            reconcile_due()

    def lose(self, path: str, *, after: bool = False) -> None:
        """The answer of the next call of PATH, lost before (or AFTER) its effect: we can't tell."""
        self.wechat.fault(path, drop="after", effect=after)

    def done(self, path: str) -> int:
        """How often a call of PATH took effect."""
        return self.wechat.count(path, self.shop.appid, effect=True)

    def asked(self, path: str) -> int:
        return self.wechat.count(path, self.shop.appid)


def history(audit: CodeAudit) -> list[str]:
    """What AUDIT became, one after the other."""
    return list(AuditEvent.objects.filter(audit=audit).values_list("after", flat=True))


def acts() -> list[str]:
    """The operation log."""
    return list(Operation.objects.order_by("pk").values_list("action", flat=True))


def fresh(row: Any) -> Any:
    row.refresh_from_db()
    return row


@pytest.fixture
def desk(wechat: WeChat, component: Component, bound: Bound, staff: User, deliver: Deliver) -> Desk:
    shop = bound()
    template = make_template(wechat, component)
    empty_operation_log()
    return Desk(wechat, shop, template, staff, deliver)
