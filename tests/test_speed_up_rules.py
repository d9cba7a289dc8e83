"""Rules by which reviews that take long are sped up: for whom, how many, in whose name."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import F
from django.test import Client

from audits.models import CodeAudit, SpeedUp, SpeedUpRule
from audits.services import submitting
from audits.services.speeding_up import speed_up_due
from audits.tasks import speed_up_reviews
from miniprograms.models import Tag
from platform_auth.models import Heartbeat, Operation
from tests.conftest import Bound
from tests.desk import SPEED_UP, Desk, history
from tests.desk import desk as desk
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = pytest.mark.django_db

RULES = "/admin/audits/speeduprule/"


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def set_rule(browser: Client, **values: Any) -> SpeedUpRule:
    """Through the form, as staff do."""
    data = {"after_hours": 24, "most_a_month": 3, "is_on": "on", **values}
    answer = browser.post(f"{RULES}add/", data)
    assert answer.status_code == 302, text_of(answer)
    return SpeedUpRule.objects.latest("pk")


def submit_hours_ago(desk: Desk, hours: int) -> CodeAudit:
    audit = desk.submit()
    CodeAudit.objects.filter(pk=audit.pk).update(
        create_time=F("create_time") - timedelta(hours=hours)
    )
    return audit


def test_a_review_that_takes_long_is_sped_up_once_in_the_name_of_who_set_the_rule(
    desk: Desk, browser: Client
) -> None:
    rule = set_rule(browser)
    assert rule.set_by == desk.staff
    audit = submit_hours_ago(desk, 25)
    speed_up_reviews()
    speed_up_reviews()
    assert desk.done(SPEED_UP) == 1
    assert history(audit)[-1] == "sped_up"
    assert SpeedUp.objects.get().state == "done"
    act = Operation.objects.get(action="speed_up_audit")
    assert (act.actor_name, act.appid, act.result) == ("operator", desk.shop.appid, audit.auditid)
    assert "1 / 3" in text_of(browser.get(RULES))
    assert Heartbeat.objects.filter(name="speed_up_reviews").exists()


@pytest.mark.parametrize("case", ["not long yet", "decided", "by hand", "off", "not at WeChat"])
def test_what_does_not_fit_is_left_alone(desk: Desk, browser: Client, case: str) -> None:
    rule = set_rule(browser)
    audit = submit_hours_ago(desk, 23 if case == "not long yet" else 25)
    if case == "decided":
        CodeAudit.objects.update(status=CodeAudit.Status.PASSED)
    elif case == "by hand":
        submitting.speed_up_open_audit(desk.shop, by=desk.staff)
    elif case == "off":
        SpeedUpRule.objects.filter(pk=rule.pk).update(is_on=False)
    elif case == "not at WeChat":
        CodeAudit.objects.filter(pk=audit.pk).update(auditid="", status=-3)
    asked = desk.asked(SPEED_UP)
    assert speed_up_due() == 0
    assert desk.asked(SPEED_UP) == asked
    assert not SpeedUp.objects.exists()


def test_only_mini_programs_with_its_tags(desk: Desk, browser: Client) -> None:
    tea, cake = Tag.objects.create(name="tea"), Tag.objects.create(name="cake")
    set_rule(browser, tags=[tea.pk, cake.pk])
    submit_hours_ago(desk, 25)
    assert speed_up_due() == 0
    desk.shop.tags.set([tea, cake])
    assert speed_up_due() == 1
    assert desk.done(SPEED_UP) == 1


def test_no_more_than_it_may_a_month(desk: Desk, browser: Client) -> None:
    rule = set_rule(browser, most_a_month=1)
    submit_hours_ago(desk, 25)
    assert speed_up_due() == 1
    desk.judge_unheard("reject")
    desk.settle()
    submit_hours_ago(desk, 25)
    assert speed_up_due() == 0
    SpeedUp.objects.update(at=F("at") - timedelta(days=32))
    assert speed_up_due() == 1
    assert rule.speed_ups.count() == 2


def test_wechats_own_quota_is_minded(desk: Desk, browser: Client) -> None:
    set_rule(browser)
    desk.wechat.reviews.speedup_limit = 0
    submit_hours_ago(desk, 25)
    assert speed_up_due() == 0
    assert desk.asked(SPEED_UP) == 0
    desk.wechat.reviews.speedup_limit = 1
    assert speed_up_due() == 1


def test_a_quota_that_ends_meanwhile_leaves_it_for_later(desk: Desk, browser: Client) -> None:
    set_rule(browser)
    audit = submit_hours_ago(desk, 25)
    desk.wechat.fault(SPEED_UP, errcode=89405)
    assert speed_up_due() == 0
    assert not SpeedUp.objects.filter(audit=audit).exists()
    assert speed_up_due() == 1


def test_what_wechat_refuses_for_good_is_asked_once(desk: Desk, browser: Client) -> None:
    set_rule(browser)
    submit_hours_ago(desk, 25)
    desk.wechat.fault(SPEED_UP, errcode=89403)
    assert speed_up_due() == speed_up_due() == 0
    assert desk.asked(SPEED_UP) == 1
    attempt = SpeedUp.objects.get()
    assert attempt.state == "refused"
    assert "89403" in attempt.error
    assert "0 / 3" in text_of(browser.get(RULES))


def test_an_answer_that_was_lost_is_not_repeated(desk: Desk, browser: Client) -> None:
    set_rule(browser)
    submit_hours_ago(desk, 25)
    desk.lose(SPEED_UP, after=True)
    assert speed_up_due() == speed_up_due() == 0
    assert desk.done(SPEED_UP) == 1
    assert SpeedUp.objects.get().state == "unknown"
    assert "1 / 3" in text_of(browser.get(RULES))  # it may have cost one


@pytest.mark.parametrize("how", ["taken away", "switched off", "gone"])
def test_it_ends_with_the_right_of_who_set_it(desk: Desk, browser: Client, how: str) -> None:
    rule = set_rule(browser)
    submit_hours_ago(desk, 25)
    if how == "taken away":
        desk.staff.groups.clear()
    elif how == "switched off":
        User.objects.filter(pk=desk.staff.pk).update(is_active=False)
    else:
        SpeedUpRule.objects.filter(pk=rule.pk).update(set_by=None)
    assert speed_up_due() == 0
    assert desk.asked(SPEED_UP) == 0
    rule.refresh_from_db()
    assert not rule.is_on
    assert rule.stopped_because
    assert Operation.objects.filter(action="stop_speeduprule", actor_name="system").count() == 1
    other = User.objects.create_user("other", is_staff=True)
    other.groups.add(Group.objects.get(name="operators"))
    again = browser_of(other)
    assert rule.stopped_because in text_of(again.get(RULES))
    data = {"after_hours": 24, "most_a_month": 3, "is_on": "on"}
    assert again.post(f"{RULES}{rule.pk}/change/", data).status_code == 302
    assert speed_up_due() == 1
    assert Operation.objects.get(action="speed_up_audit").actor_name == "other"


def test_who_may_not_submit_sets_no_rule(db: None) -> None:
    person = User.objects.create_user("editor", is_staff=True)
    names = ["view_speeduprule", "add_speeduprule", "change_speeduprule"]
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    editor = browser_of(person)
    assert editor.get(RULES).status_code == 200
    assert editor.post(f"{RULES}add/", {"after_hours": 1, "most_a_month": 1}).status_code == 403


def test_a_rule_is_set_changed_and_deleted_on_record(browser: Client) -> None:
    rule = set_rule(browser)
    browser.post(f"{RULES}{rule.pk}/change/", {"after_hours": 12, "most_a_month": 3})
    browser.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    acts = Operation.objects.filter(action__endswith="speeduprule").order_by("pk")
    assert [act.action for act in acts] == [
        "add_speeduprule",
        "change_speeduprule",
        "delete_speeduprule",
    ]
    for nonsense in ({"after_hours": 0}, {"most_a_month": 0}):
        answer = browser.post(f"{RULES}add/", {"after_hours": 1, "most_a_month": 1, **nonsense})
        assert answer.status_code == 200
    assert not SpeedUpRule.objects.exists()


def test_the_longest_waiting_comes_first(desk: Desk, browser: Client, bound: Bound) -> None:
    set_rule(browser, most_a_month=1)
    later = submit_hours_ago(desk, 30)
    other = Desk(desk.wechat, bound(), desk.template, desk.staff, desk.carry)
    earlier = submit_hours_ago(other, 40)
    assert speed_up_due() == 1
    assert SpeedUp.objects.get().audit == earlier
    assert history(later)[-1] == "in_review"
