"""Taking an audit back, and having it decided sooner: each asked once."""

import pytest

from audits.models import CodeAudit
from audits.problems import NoOpenAudit
from audits.services import submitting
from platform_auth.models import Operation
from tests.desk import SPEED_UP, UNDO, Desk, acts, fresh, history
from tests.desk import desk as desk
from wechat.errors import QuotaMonth, Refused, Unreachable

Status = CodeAudit.Status

pytestmark = pytest.mark.django_db


def test_what_is_withdrawn_makes_room(desk: Desk) -> None:
    audit = desk.submit()
    assert submitting.withdraw_open_audit(desk.shop, by=desk.staff).status == Status.WITHDRAWN
    assert fresh(audit).decided_at is not None
    assert audit.due_at is None
    assert history(audit) == ["submitting", "in_review", "withdrawn"]
    assert audit.events.order_by("-pk")[0].by == "operator"
    log = Operation.objects.get(action="withdraw_audit")
    assert (log.result, log.version) == (audit.auditid, audit.user_version)
    assert desk.submit("1.0.1").status == Status.IN_REVIEW


def test_where_nothing_is_open_wechat_is_not_asked(desk: Desk) -> None:
    for act in (submitting.withdraw_open_audit, submitting.speed_up_open_audit):
        with pytest.raises(NoOpenAudit):
            act(desk.shop, by=desk.staff)
    assert (desk.asked(UNDO), desk.asked(SPEED_UP), acts()) == (0, 0, [])


def test_a_quota_that_is_used_up_is_asked_once(desk: Desk) -> None:
    audit = desk.submit()
    desk.wechat.fault(UNDO, times=None, errcode=87013)
    with pytest.raises(QuotaMonth):
        submitting.withdraw_open_audit(desk.shop, by=desk.staff)
    desk.settle(3)
    assert desk.asked(UNDO) == 1
    assert fresh(audit).status == Status.IN_REVIEW
    assert "87013" in Operation.objects.order_by("-pk")[0].result


def test_five_a_day(desk: Desk) -> None:
    for _ in range(5):
        desk.submit()
        submitting.withdraw_open_audit(desk.shop, by=desk.staff)
    desk.submit()
    with pytest.raises(QuotaMonth):
        submitting.withdraw_open_audit(desk.shop, by=desk.staff)


@pytest.mark.parametrize("after", [True, False])
def test_an_answer_that_is_lost_comes_out_soon(desk: Desk, after: bool) -> None:
    audit = desk.submit()
    desk.lose(UNDO, after=after)
    with pytest.raises(Unreachable):
        submitting.withdraw_open_audit(desk.shop, by=desk.staff)
    desk.settle()
    assert fresh(audit).status == (Status.WITHDRAWN if after else Status.IN_REVIEW)
    assert desk.asked(UNDO) == 1


def test_decided_meanwhile_it_stays_so(desk: Desk) -> None:
    audit = desk.submit()
    desk.judge_unheard("pass")
    with pytest.raises(Refused):
        submitting.withdraw_open_audit(desk.shop, by=desk.staff)
    desk.settle()
    assert fresh(audit).status == Status.PASSED


def test_it_is_sped_up_once(desk: Desk) -> None:
    audit = desk.submit()
    submitting.speed_up_open_audit(desk.shop, by=desk.staff)
    assert history(audit)[-1] == "sped_up"
    assert fresh(audit).status == Status.IN_REVIEW
    with pytest.raises(Refused) as caught:
        submitting.speed_up_open_audit(desk.shop, by=desk.staff)
    assert caught.value.errcode == 89404
    assert acts()[-3:] == ["speed_up_audit"] * 3
    assert desk.done(SPEED_UP) == 1


def test_an_effect_is_never_without_its_row(desk: Desk) -> None:
    desk.submit()
    desk.lose(SPEED_UP, after=True)
    with pytest.raises(Unreachable):
        submitting.speed_up_open_audit(desk.shop, by=desk.staff)
    assert desk.done(SPEED_UP) == 1
    assert "speed_up_audit" in acts()
