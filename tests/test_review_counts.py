"""Why reviews fail, how often they pass at once, how long they take; and the log of the quota."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audits.models import CodeAudit, CodeTemplate, QuotaEntry, RejectionReason, ReviewOutcome
from audits.services import submitting
from audits.services.quota import read_quota, watch_quotas
from audits.services.reasons import category_of, parse_reason
from audits.services.review_outcomes import keep_outcome
from audits.tasks import log_quotas
from miniprograms.models import Authorizer
from platform_auth.models import Component, Heartbeat
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of

PAGE = "/admin/audits/reviewoutcome/"
QUOTA = "/admin/audits/quotaentry/"
REASON = (
    "1:小程序内容不符合规则:<br>(1):你好，小程序页面内容不完整，请补充后重新提交审核。<br>"
    "2:小程序类目不符合规则:<br>(1):所选类目与页面内容不一致，请修改类目。<br>"
)


@pytest.mark.parametrize(
    ("reason", "points"),
    [
        (
            "1:小程序内容不符合规则:\n(1):你好，页面不完整。\n(2):您好，链接打不开\n第二行\n2:类目不符:",
            [
                ("小程序内容不符合规则", "页面不完整。"),
                ("小程序内容不符合规则", "链接打不开\n第二行"),
                ("类目不符", ""),
            ],
        ),
        ("1：账号信息不符合规则\n（1）：头像", [("账号信息不符合规则", "头像")]),
        ("小程序违规，请整改", [("小程序违规，请整改", "")]),
        ("(1):没有条款的一点", [("没有条款的一点", "")]),
        ("1.0.0版本的页面打不开", [("1.0.0版本的页面打不开", "")]),
        ("", []),
        ("\n \n", []),
        ("1:" + "长" * 300, [("长" * 200, "")]),
    ],
)
def test_a_reason_is_read_point_by_point(reason: str, points: list[tuple[str, str]]) -> None:
    assert [(point.clause, point.detail) for point in parse_reason(reason)] == points


@pytest.mark.parametrize(
    ("fields", "profile", "category"),
    [
        ({"item_list": [{"first_class": "餐饮", "second_class": "茶馆"}]}, {}, "餐饮 / 茶馆"),
        ({}, {"categories": [{"first": "工具", "second": "备忘录"}]}, "工具 / 备忘录"),
        ({"item_list": []}, {"categories": [None]}, ""),
        ({"item_list": "nonsense"}, {"categories": "nonsense"}, ""),
    ],
)
def test_the_category_is_the_submissions_or_the_accounts(
    fields: Any, profile: Any, category: str
) -> None:
    assert category_of(fields, profile) == category


@pytest.fixture
def browser(staff: Any) -> Client:
    return browser_of(staff)


def clauses(audit: CodeAudit) -> list[str]:
    reasons = RejectionReason.objects.filter(outcome__audit=audit).order_by("pk")
    return list(reasons.values_list("clause", flat=True))


@pytest.mark.django_db
def test_a_rejection_is_counted_once_by_push_and_by_asking(desk: Desk) -> None:
    audit = desk.submit()
    assert not ReviewOutcome.objects.exists()
    desk.judge("reject", REASON)
    audit.refresh_from_db()
    assert clauses(audit) == ["小程序内容不符合规则", "小程序类目不符合规则"]
    desk.settle(2)
    outcome = ReviewOutcome.objects.get()
    assert (outcome.has_passed, outcome.is_first, outcome.template) == (False, True, desk.template)
    assert outcome.waited is not None
    assert RejectionReason.objects.count() == 2


@pytest.mark.django_db
def test_only_the_first_submission_of_a_template_is_one(desk: Desk) -> None:
    desk.submit("1.0.0")
    desk.judge_unheard("reject", REASON)
    desk.settle()
    desk.approve("1.0.1")
    firsts = ReviewOutcome.objects.order_by("pk").values_list("has_passed", "is_first")
    assert list(firsts) == [(False, True), (True, False)]


# ── the page ────────────────────────────────────────────────────────────────────────────────────


def decided(
    row: Authorizer, template: CodeTemplate | None, status: int, *, ago: int = 0, **values: Any
) -> CodeAudit:
    """An audit that was decided AGO days ago, after three hours."""
    at = timezone.now() - timedelta(days=ago)
    version = None
    if template:
        version = row.versions.create(
            template=template, user_version="1", ext_json="{}", state="committed"
        )
    audit: CodeAudit = CodeAudit.objects.create(
        authorizer=row,
        appid=row.appid,
        version=version,
        status=status,
        create_time=at - timedelta(hours=3),
        decided_at=at,
        **values,
    )
    keep_outcome(audit)
    return audit


@pytest.fixture
def reviews(component: Component) -> list[CodeTemplate]:
    """Two templates: of one two of three pass at once, of the other, half a year ago, none."""
    new, old = (
        CodeTemplate.objects.create(component=component, template_id=number, user_version="1")
        for number in (9, 3)
    )
    shops = [make_authorizer(component, None, f"wx{number:016}") for number in range(4)]
    items = {"item_list": [{"first_class": "餐饮", "second_class": "茶馆"}]}
    for shop in shops[:2]:
        decided(shop, new, CodeAudit.Status.PASSED, fields=items)
    decided(
        shops[2], new, CodeAudit.Status.REJECTED, reason="1:内容不符:\n(1):空白页", fields=items
    )
    decided(shops[2], new, CodeAudit.Status.PASSED)
    decided(shops[3], old, CodeAudit.Status.REJECTED, reason="1:内容不符:\n(1):空白页", ago=130)
    decided(shops[3], None, CodeAudit.Status.PASSED)
    return [new, old]


@pytest.mark.django_db
@pytest.mark.both_databases("months, hours and averages are the database's")
def test_the_page_counts_rates_reasons_and_waiting_times(
    browser: Client, reviews: list[CodeTemplate]
) -> None:
    answer = browser.get(PAGE)
    new, old = reviews
    rates = [
        (rate.template, rate.first, rate.passed, rate.decided, rate.rejected, rate.per_cent)
        for rate in answer.context["rates"]
    ]
    assert rates == [
        (new, 3, 2, 4, 1, 67),
        (old, 1, 0, 1, 1, 0),
        (None, 0, 0, 1, 0, None),
    ]
    [(counts, numbers)] = answer.context["reasons"]
    assert (counts.clause, counts.details, counts.total) == ("内容不符", [("空白页", 2)], 2)
    assert sorted(number for number in numbers if number) == [1, 1]
    assert numbers[-1] == 1
    assert len(numbers) == 6
    by_category = {wait.name: wait for wait in answer.context["by_category"]}
    assert by_category["餐饮 / 茶馆"].reviews == 3
    assert by_category["餐饮 / 茶馆"].average == timedelta(hours=3)
    assert (by_category["餐饮 / 茶馆"].in_two_hours, by_category[""].in_a_day) == (0, 2)
    assert sum(wait.reviews for wait in answer.context["by_hour"]) == 5
    page = text_of(answer)
    assert "67 %" in page
    assert "空白页" in page


@pytest.mark.django_db
def test_the_page_is_narrowed_to_a_template_and_a_time(
    browser: Client, reviews: list[CodeTemplate]
) -> None:
    answer = browser.get(PAGE, {"template": str(reviews[1].pk), "months": "12"})
    assert [rate.first for rate in answer.context["rates"]] == [1]
    assert len(answer.context["months"]) == 12
    assert not browser.get(PAGE, {"template": str(reviews[1].pk), "months": "3"}).context["rates"]
    nonsenses: list[dict[str, str]] = [
        {"months": "1000"},
        {"template": "x"},
        {"template": "99"},
        {"q": "x"},
    ]
    for nonsense in nonsenses:
        assert browser.get(PAGE, nonsense).status_code == 400


# ── the log of the quota ────────────────────────────────────────────────────────────────────────


def spent() -> list[str]:
    rows = QuotaEntry.objects.exclude(kind="told").order_by("pk")
    return list(rows.values_list("kind", flat=True))


def log() -> list[tuple[str, int | None, int | None]]:
    return list(QuotaEntry.objects.order_by("pk").values_list("kind", "rest", "speedup_rest"))


@pytest.mark.django_db
def test_each_change_of_the_quota_and_each_unit_is_kept(desk: Desk, browser: Client) -> None:
    read_quota(desk.shop)
    read_quota(desk.shop)
    assert log() == [("told", 1000, 20)]
    desk.submit()
    submitting.speed_up_open_audit(desk.shop, by=desk.staff)
    browser.get(f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/now/quota/")
    assert log()[1:] == [("submitted", None, None), ("sped_up", None, None), ("told", 999, 19)]
    assert {entry.by for entry in QuotaEntry.objects.exclude(kind="told")} == {desk.staff}
    page = text_of(browser.get(QUOTA))
    assert "A dash: nothing was asked." in page
    assert "999" in page
    assert "operator" in page
    spent = browser.get(QUOTA, {"kind__exact": "submitted"}).context["cl"].result_list
    assert [entry.authorizer for entry in spent] == [desk.shop]


@pytest.mark.django_db
def test_a_submission_that_wechat_refused_costs_nothing(desk: Desk) -> None:
    desk.commit()
    desk.wechat.fault("/wxa/submit_audit", errcode=85085)
    with pytest.raises(Exception, match="85085"):
        desk.submit(None)
    assert spent() == []


@pytest.mark.django_db
def test_one_whose_answer_was_lost_is_counted_once_it_is_found(desk: Desk) -> None:
    desk.commit()
    desk.lose("/wxa/submit_audit", after=True)
    desk.submit(None)
    assert spent() == []
    desk.settle(2)
    assert spent() == ["submitted"]


@pytest.mark.django_db
def test_the_quota_is_asked_for_by_itself(desk: Desk) -> None:
    log_quotas()
    assert log() == [("told", 1000, 20)]
    assert Heartbeat.objects.filter(name="log_quotas").exists()
    desk.wechat.fault("/wxa/queryquota", drop="after", times=None)
    watch_quotas()
    Authorizer.objects.update(lacks=" code ")
    asked = desk.asked("/wxa/queryquota")
    watch_quotas()
    assert desk.asked("/wxa/queryquota") == asked
