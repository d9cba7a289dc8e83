"""The first page of the staff pages: what waits for a person, reviews, campaigns, two charts."""

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.models import (
    CodeAudit,
    CodeSummary,
    CodeTemplate,
    CodeVersion,
    PreflightSummary,
    QuotaEntry,
)
from audits.services import committing, submitting, templates
from audits.services.quota import read_quota
from audits.services.summaries import order_key
from miniprograms.models import Authorizer
from miniprograms.services.unbinding import unbind_locally
from platform_auth.models import Component, Push
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, judge, text_of

pytestmark = pytest.mark.django_db

HOME = "/admin/"
MOST_QUERIES = 12


@pytest.fixture
def operator(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def template(wechat: WeChat, component: Component, ticket: str) -> CodeTemplate:
    draft = wechat.upload_draft(user_version="1.0.0", user_desc="First")
    templates.add_template(component, draft.draft_id, by=None)
    return CodeTemplate.objects.get()


def submit(shop: Authorizer, template: CodeTemplate) -> CodeAudit:
    committing.commit_template(shop, template, user_version="1.2.0", user_desc="new", by=None)
    submitting.submit_newest_version(shop, by=None)
    audit: CodeAudit = shop.audits.newest_first()[0]
    return audit


def waiting_on(client: Client) -> dict[str, tuple[str, str]]:
    """What waits by its title: number and address."""
    page = text_of(client.get(HOME))
    _before, _, after = page.partition('<ul class="staff-waiting">')
    part, _, _after = after.partition("</ul>")
    link = re.compile(r'<a href="([^"]+)"><strong>([^<]+)</strong> <span>([^<]+)</span>')
    return {title: (number, url) for url, number, title in link.findall(part)}


def test_where_nothing_waits_it_says_so(operator: Client, component: Component) -> None:
    page = text_of(operator.get(HOME))
    assert "Nothing waits for anybody." in page
    assert "staff-waiting" not in page


def test_in_chinese_it_is_the_home_and_its_sentences_end_as_chinese_does(
    component: Component,
) -> None:
    browser = Client(headers={"accept-language": "zh-hans"})
    browser.force_login(User.objects.create_superuser("boss", password="boss-password"))
    page = text_of(browser.get(HOME))
    assert "<title>首页" in re.sub(r"<title>\s+", "<title>", page)
    assert re.search(r"共 \d+ 步，已完成 \d+ 步。 下一步", page)


def test_verdicts_wait_with_a_link_to_those_they_are_about(
    operator: Client, bound: Bound, template: CodeTemplate, wechat: WeChat, deliver: Deliver
) -> None:
    good, bad = bound(nick_name="Good shop"), bound(nick_name="Bad shop")
    for shop, outcome in ((good, "pass"), (bad, "reject")):
        judge(wechat, deliver, submit(shop, template), outcome)
    waiting = waiting_on(operator)
    assert list(waiting) == ["rejected", "passed, not released"]
    assert [number for number, _url in waiting.values()] == ["1", "1"]
    listed = text_of(operator.get(waiting["rejected"][1]))
    assert "Bad shop" in listed
    assert "Good shop" not in listed
    listed = text_of(operator.get(waiting["passed, not released"][1]))
    assert "Good shop" in listed
    assert "Bad shop" not in listed


FOR_OTHERS = "for a colleague with the right to it; you may look"


@pytest.mark.parametrize(
    ("role", "is_for_others"), [("customer service", True), ("operators", False)]
)
def test_what_one_may_only_look_at_is_for_others(
    component: Component, role: str, is_for_others: bool
) -> None:
    make_authorizer(component, None, "wx00000000000000a1", lacks=" code ")
    person = User.objects.create_user("somebody", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    page = text_of(browser_of(person).get(HOME))
    assert "account that lacks a permission" in page
    assert (FOR_OTHERS in page) == is_for_others


def test_what_one_may_do_something_about_comes_first(bound: Bound, component: Component) -> None:
    summary = CodeSummary.objects.update_or_create
    for number, review in enumerate(("rejected", "passed")):
        shop = make_authorizer(component, None, f"wx00000000000000a{number}")
        summary(authorizer=shop, defaults={"review": review})
    person = User.objects.create_user("somebody", is_staff=True)
    person.groups.add(Group.objects.get(name="releasers"))
    assert list(waiting_on(browser_of(person))) == ["passed, not released", "rejected"]


def test_what_was_unbound_while_it_was_in_review_is_not_in_review_any_more(
    operator: Client, bound: Bound, template: CodeTemplate, wechat: WeChat, staff: User
) -> None:
    stays, goes = bound(nick_name="Stays"), bound(nick_name="Goes")
    for shop in (stays, goes):
        submit(shop, template)
    unbind_locally(goes, by=staff)
    page = operator.get(HOME)
    [in_review] = [one for one in page.context["pipeline"] if "review=in_review" in one.url]
    listed = operator.get(in_review.url)
    assert [row.nick_name for row in listed.context["cl"].result_list] == ["Stays"]
    assert in_review.number == 1
    account = f"/admin/miniprograms/authorizer/{goes.pk}/"
    for url in (f"{account}change/", f"{account}code/", "/admin/miniprograms/authorizer/"):
        text = text_of(operator.get(url))
        assert "before it was unbound: in review" in text, url
    header = text_of(operator.get(f"{account}change/"))
    assert "not authorised any more" not in header
    assert "It is unbound, so nothing can be done at WeChat." in header


def test_each_link_lists_as_many_rows_as_it_says(
    operator: Client, bound: Bound, component: Component
) -> None:
    bound(nick_name="Fine")
    states, statuses = Authorizer.State, Authorizer.AccountStatus
    make_authorizer(component, None, "wx00000000000000a1", state=states.NEEDS_REAUTHORIZATION)
    for number, status in enumerate((statuses.BANNED, statuses.FROZEN, statuses.ALERTED)):
        make_authorizer(component, None, f"wx00000000000000b{number}", account_status=status)
    received = timezone.now() - timedelta(hours=3)
    Push.objects.create(
        digest="d",
        business_key="k",
        component=component,
        kind="text",
        state=Push.State.FAILED,
        received_at=received,
        created=received,
    )
    waiting = waiting_on(operator)
    assert len(waiting) == 5
    for title, (count, url) in waiting.items():
        rows = operator.get(url).context["cl"].result_count
        assert (title, count) == (title, str(rows))
    page = text_of(operator.get(HOME))
    assert "3 hours ago" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_what_lacks_permissions_is_held_back_or_behind_waits(
    operator: Client, bound: Bound, template: CodeTemplate, component: Component
) -> None:
    behind, held, lacking, fine = (bound(nick_name=name) for name in ("old", "held", "bare", "ok"))
    unbound = Authorizer.State.UNBOUND
    gone = make_authorizer(component, None, "wx00000000000000c1", state=unbound, lacks=" code ")
    CodeSummary.objects.filter(authorizer__in=[behind, held, lacking, fine, gone]).delete()
    for shop, version in ((behind, "0.9.0"), (gone, "0.9.0"), (fine, "1.0.0")):
        CodeSummary.objects.create(
            authorizer=shop, live_version=version, live_key=order_key(version)
        )
    for shop, ok in ((held, False), (gone, False), (fine, True)):
        PreflightSummary.objects.create(authorizer=shop, ok=ok, failing=[] if ok else ["privacy"])
    Authorizer.objects.filter(pk=lacking.pk).update(lacks=" code ")
    waiting = waiting_on(operator)
    assert [(title, number) for title, (number, _url) in waiting.items()] == [
        ("account that lacks a permission", "1"),
        ("mini program whose code WeChat would refuse", "1"),
        ("mini program that is live with less than the newest template&#x27;s version", "1"),
    ]
    for name, (_number, url) in zip(("bare", "held", "old"), waiting.values(), strict=True):
        rows = operator.get(html.unescape(url)).context["cl"].result_list
        assert [row.nick_name for row in rows] == [name]


def test_a_single_one_is_in_the_singular(operator: Client, component: Component) -> None:
    banned = Authorizer.AccountStatus.BANNED
    for number, title in (
        (1, "account that WeChat has banned"),
        (2, "accounts that WeChat has banned"),
    ):
        make_authorizer(component, None, f"wx00000000000000b{number}", account_status=banned)
        assert list(waiting_on(operator)) == [title]


def test_of_a_thousand_nobody_counts_how_many_more(operator: Client, component: Component) -> None:
    banned = Authorizer.AccountStatus.BANNED
    rows = [
        Authorizer(component=component, appid=f"wx{number:016x}", account_status=banned)
        for number in range(1002)
    ]
    for row in rows:
        row.state = Authorizer.State.UNBOUND
    Authorizer.objects.bulk_create(rows)
    assert waiting_on(operator)["accounts that WeChat has banned"][0] == "1000+"


def test_it_asks_little_however_much_there_is(
    operator: Client, bound: Bound, template: CodeTemplate, wechat: WeChat, deliver: Deliver
) -> None:
    for number in range(3):
        shop = bound(nick_name=f"Shop {number}")
        judge(wechat, deliver, submit(shop, template), "reject")
    read_quota(shop)
    operator.get(HOME)
    with CaptureQueriesContext(connection) as context:
        page = text_of(operator.get(HOME))
    assert len(context) <= MOST_QUERIES, "\n".join(query["sql"] for query in context)
    assert "submissions left this month" in page


def test_a_low_quota_is_said(operator: Client, component: Component) -> None:
    for rest in (500, 4):
        QuotaEntry.objects.create(
            component=component, kind="told", rest=rest, limit=500, speedup_rest=0, speedup_limit=9
        )
        assert ("running low" in text_of(operator.get(HOME))) is (rest == 4)


def charts_on(client: Client) -> list[dict[str, Any]]:
    return [json.loads(chart.data) for chart in client.get(HOME).context["charts"]]


def test_pushes_are_drawn_by_hour_and_reviews_by_month(
    operator: Client, bound: Bound, template: CodeTemplate, wechat: WeChat, deliver: Deliver
) -> None:
    for outcome in ("pass", "reject"):
        judge(wechat, deliver, submit(bound(), template), outcome)
    for _again in range(2):  # counted, and remembered
        pushes, reviews = charts_on(operator)
        assert len(pushes["labels"]) == 24
        received, failed = (chart["data"] for chart in pushes["datasets"])
        assert sum(received) == Push.objects.count() > 0
        assert sum(failed) == 0
        assert len(reviews["labels"]) == 6
        assert [chart["data"][-1] for chart in reviews["datasets"]] == [1, 1]


def test_without_a_cache_it_is_counted_anew(
    operator: Client, bound: Bound, dead_cache: None
) -> None:
    bound()
    pushes, _reviews = charts_on(operator)
    assert sum(pushes["datasets"][0]["data"]) == Push.objects.count() > 0


def test_who_may_see_nothing_is_shown_nothing(
    bound: Bound, template: CodeTemplate, wechat: WeChat, deliver: Deliver
) -> None:
    judge(wechat, deliver, submit(bound(), template), "reject")
    newcomer = User.objects.create_user("newcomer", is_staff=True)
    client = browser_of(newcomer)
    page = text_of(client.get(HOME))
    assert "You don’t have permission to view or edit anything." in page
    assert not waiting_on(client)
    assert 'class="staff-pipeline"' not in page
    assert "<canvas" not in page
    assert CodeVersion.objects.exists()
