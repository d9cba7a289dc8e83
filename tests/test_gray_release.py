"""A release to a part of the users, and the service as a whole."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from audits.models import GrayRelease, Release
from audits.problems import AuditNotPassed
from audits.services.gray_releases import start_gray_release, stop_gray_release
from audits.services.reconcile_outcomes import reconcile_due
from audits.services.releasing import release_newest_audit, set_visit_status
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.models import Operation
from tests.desk import GRAY, RELEASE, VISIT, Desk, acts
from tests.desk import desk as desk
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_admin_home import waiting_on
from wechat import code_release
from wechat.errors import Refused, Unreachable

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/miniprograms/authorizer/"
AUDITS = "/admin/audits/codeaudit/"


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
    assert [(one.result, one.version) for one in log] == [("10 %", "1.1.0"), ("50 %", "1.1.0")]
    assert approved.program.online is not None
    assert approved.program.online.version.user_version == "1.0.0"


def test_pages_say_that_it_is_under_way_and_for_how_many(approved: Desk) -> None:
    browser = browser_of(approved.staff)
    start_gray_release(approved.shop, 20, by=approved.staff)
    account = f"/admin/miniprograms/authorizer/{approved.shop.pk}/"
    for page in (f"{account}change/", f"{account}code/", ACCOUNTS, AUDITS):
        assert "being released in steps: 20 %" in text_of(browser.get(page)), page
    head = text_of(browser.get(f"{account}code/"))
    assert "20 % of users have it, the others have 1.0.0" in head
    assert "has passed and is not released" not in head
    assert "(20 %)" in text_of(browser.get("/admin/audits/codesummary/"))
    assert waiting_on(browser).keys() & {"passed, not released"} == set()
    for query, number in (("gray_release", 1), ("passed", 0)):
        rows = browser.get(ACCOUNTS, {"review": query}).context["cl"].result_list
        assert len(rows) == number
    start_gray_release(approved.shop, 50, by=approved.staff)
    assert "being released in steps: 50 %" in text_of(browser.get(ACCOUNTS))


def test_pages_forget_it_with_its_end(approved: Desk) -> None:
    browser = browser_of(approved.staff)
    start_gray_release(approved.shop, 20, by=approved.staff)
    stop_gray_release(approved.shop, by=approved.staff)
    page = text_of(browser.get(ACCOUNTS))
    assert ("passed" in page, "in steps:" in page) == (True, False)
    start_gray_release(approved.shop, 30, by=approved.staff)
    call_as(approved.shop.appid, code_release.revert_gray_release)  # by somebody else
    GrayRelease.objects.update(due_at=Now())
    reconcile_due()
    assert "in steps:" not in text_of(browser.get(ACCOUNTS))
    start_gray_release(approved.shop, 40, by=approved.staff)
    start_gray_release(approved.shop, 100, by=approved.staff)
    assert "in steps:" not in text_of(browser.get(ACCOUNTS))


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
    assert Operation.objects.latest("pk").version == "1.1.0"
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


# What merchants are told.

HOME = "/portal/"


@pytest.fixture
def portal(approved: Desk, client: Client, merchant: User) -> Client:
    """The merchant whose mini program it is."""
    Authorizer.objects.filter(pk=approved.shop.pk).update(owner=merchant)
    client.force_login(merchant)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def pages(portal: Client, desk: Desk) -> list[str]:
    paths = (HOME, f"{HOME}{desk.shop.appid}/")
    return [portal.get(path).content.decode() for path in paths]


def test_the_portal_tells_which_share_of_users_has_it(approved: Desk, portal: Client) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff)
    for page in pages(portal, approved):
        assert "Version 1.0.0 has been online since" in page
        assert "10 % of your users have version 1.1.0 so far" in page
        assert "It is not online yet" not in page
        assert "Our staff will put it online" not in page
    start_gray_release(approved.shop, 50, by=approved.staff)
    assert all("50 % of your users" in page for page in pages(portal, approved))
    start_gray_release(approved.shop, 100, by=approved.staff)
    for page in pages(portal, approved):
        assert "Version 1.1.0 has been online since" in page
        assert "of your users have" not in page


def test_it_tells_that_testers_come_first_and_that_it_was_stopped(
    approved: Desk, portal: Client
) -> None:
    start_gray_release(approved.shop, 0, by=approved.staff, testers_first=True)
    assert all("Only testers have version 1.1.0" in page for page in pages(portal, approved))
    stop_gray_release(approved.shop, by=approved.staff)
    for page in pages(portal, approved):
        assert "so far" not in page
        assert "It is not online yet" in page


def test_what_others_change_at_wechat_is_seen_within_an_hour(
    approved: Desk, portal: Client
) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff)
    approved.program.gray.percentage = 30
    approved.program.gray.status = code_release.GRAY_PAUSED
    GrayRelease.objects.update(due_at=Now())
    reconcile_due()
    assert all("30 % of your users" in page for page in pages(portal, approved))
    assert all("paused" in page for page in pages(portal, approved))
    approved.program.gray.status = code_release.GRAY_DELETED
    GrayRelease.objects.update(due_at=Now())
    reconcile_due()
    assert all("so far" not in page for page in pages(portal, approved))
    assert GrayRelease.objects.get().due_at is None


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_is_asked_about(approved: Desk, portal: Client, after: bool) -> None:
    approved.wechat.fault(GRAY, drop="after", effect=after)
    with pytest.raises(Unreachable):
        start_gray_release(approved.shop, 10, by=approved.staff)
    assert all("so far" not in page for page in pages(portal, approved))
    GrayRelease.objects.update(due_at=Now())
    reconcile_due()
    assert all(("10 % of your" in page) is after for page in pages(portal, approved))


def test_a_refusal_leaves_what_was_so(approved: Desk, portal: Client) -> None:
    start_gray_release(approved.shop, 10, by=approved.staff)
    with pytest.raises(Refused):
        start_gray_release(approved.shop, 5, by=approved.staff)
    assert all("10 % of your users" in page for page in pages(portal, approved))
