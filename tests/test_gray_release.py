"""A release to a part of the users, and the service as a whole."""

from collections.abc import Callable

import pytest

from audits.models import Release
from audits.problems import AuditNotPassed
from audits.services.releasing import (
    release_newest_audit,
    set_visit_status,
    start_gray_release,
    stop_gray_release,
)
from miniprograms.tokens import call_as
from platform_auth.models import Operation
from tests.desk import GRAY, RELEASE, VISIT, Desk, acts
from tests.desk import desk as desk
from wechat import code_release
from wechat.errors import Refused, Unreachable

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(desk: Desk) -> Desk:
    """1.0.0 is live and 1.1.0 approved."""
    desk.release("1.0.0")
    desk.approve("1.1.0")
    return desk


def plan(desk: Desk) -> code_release.GrayPlan:
    found = call_as(desk.shop.appid, code_release.get_gray_release_plan)
    assert found is not None
    return found


def test_a_part_of_the_users_gets_it_and_then_more(approved: Desk) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff, testers_first=True)
    assert (plan(approved).status, plan(approved).percentage) == (code_release.GRAY_RUNNING, 10)
    start_gray_release(approved.shop, 50, by=approved.staff)
    assert plan(approved).percentage == 50
    log = Operation.objects.filter(action="gray_release").order_by("pk")
    assert [one.result for one in log] == ["10 %", "50 %"]
    assert approved.program.online is not None
    assert approved.program.online.version.user_version == "1.0.0"


def test_to_everybody_it_is_a_release(approved: Desk) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff)
    start_gray_release(approved.shop, 100, by=approved.staff)
    assert Release.objects.order_by("-pk")[0].live_after == "1.1.0"
    assert approved.shop.audits.newest_first()[0].word == "released"
    assert (plan(approved).status, approved.done(RELEASE)) == (code_release.GRAY_FINISHED, 2)


def test_it_is_stopped(approved: Desk) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff)
    stop_gray_release(approved.shop, by=approved.staff)
    assert plan(approved).status == code_release.GRAY_DELETED
    assert acts()[-1] == "stop_gray_release"
    with pytest.raises(Refused) as caught:
        stop_gray_release(approved.shop, by=approved.staff)
    assert caught.value.errcode == 85021
    assert "85021" in Operation.objects.order_by("-pk")[0].result
    assert release_newest_audit(approved.shop, by=approved.staff).live_after == "1.1.0"


def test_what_is_not_approved_is_not_given_to_anybody(approved: Desk) -> None:
    newer = approved.submit("1.2.0")
    with pytest.raises(AuditNotPassed) as caught:
        start_gray_release(approved.shop, 10, by=approved.staff)
    assert caught.value.auditid == newer.auditid
    assert (approved.asked(GRAY), "gray_release" in acts()) == (0, False)


def test_wechats_own_rules_are_told(approved: Desk) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff)
    with pytest.raises(Refused) as caught:
        start_gray_release(approved.shop, 5, by=approved.staff)
    assert caught.value.errcode == 85082


def test_the_service_is_closed_and_opened(approved: Desk) -> None:
    for is_open in (False, True):
        set_visit_status(approved.shop, is_open=is_open, by=approved.staff)
        assert call_as(approved.shop.appid, code_release.is_open_to_visits) is is_open
    assert acts()[-2:] == ["close_service", "open_service"]


def test_before_anything_is_live_there_is_no_service(desk: Desk) -> None:
    with pytest.raises(Refused) as caught:
        set_visit_status(desk.shop, is_open=False, by=desk.staff)
    assert caught.value.errcode == 85021


ACTS: list[tuple[str, str, Callable[[Desk], None]]] = [
    (GRAY, "gray_release", lambda desk: start_gray_release(desk.shop, 10, by=desk.staff)),
    (
        VISIT,
        "close_service",
        lambda desk: set_visit_status(desk.shop, is_open=False, by=desk.staff),
    ),
]


@pytest.mark.parametrize(("path", "action", "act"), ACTS)
def test_an_effect_is_never_without_its_row(
    approved: Desk, path: str, action: str, act: Callable[[Desk], None]
) -> None:
    approved.lose(path, after=True)
    with pytest.raises(Unreachable):
        act(approved)
    assert approved.asked(path) == approved.done(path) == 1
    assert action in acts()
