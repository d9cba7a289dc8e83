"""Campaigns by clicks: make, start, watch, release, retry; who may do which; the CSV."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, Release
from audits.services.ext_values import save_values
from audits.services.summaries import summarise_code
from audits.tasks import run_campaigns
from miniprograms.models import Authorizer, Tag
from platform_auth.admin.spreadsheet import escape_formula
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.rollouts import (
    COMMIT,
    RELEASE,
    SUBMIT,
    make_campaign,
    make_shops,
    make_template,
    work_and_wait,
)

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/audits/campaign/"
ITEMS = "/admin/audits/campaignitem/"


@pytest.fixture
def template(wechat: WeChat, ticket: str, component: Component) -> CodeTemplate:
    wechat.reviews.review_seconds = 0
    return make_template(wechat, component)


@pytest.fixture
def boss(db: None) -> User:
    user = User.objects.create_user("boss", password="boss-password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    return user


@pytest.fixture
def browser(client: Client, boss: User) -> Client:
    client.force_login(boss)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def form(template: CodeTemplate, **more: Any) -> dict[str, Any]:
    return {
        "template": template.pk,
        "user_version": "2.0.0",
        "user_desc": "第二版",
        "ext": '{"ext": {"theme": "green"}}',
        "state": "bound",
        "canary_size": "1",
        "concurrency": "20",
        "most_failures": "10",
        "when_open": "wait",
        **more,
    }


def page_of(campaign: Campaign, act: str = "change") -> str:
    return f"{LIST}{campaign.pk}/{act}/"


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_from_the_form_to_the_last_release_by_clicks_and_the_task(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate
) -> None:
    make_shops(wechat, component, 3)
    assert browser.get(f"{LIST}add/").status_code == 200
    page = browser.post(f"{LIST}add/", form(template), follow=True)
    campaign = Campaign.objects.get()
    assert "3 mini programs, 1 of them first. Nothing has begun." in text_of(page)
    run_campaigns()
    assert wechat.count(COMMIT) == 0
    assert browser.get(page_of(campaign, "start")).status_code == 200
    assert "it has begun" in text_of(browser.post(page_of(campaign, "start"), follow=True))
    run_campaigns()
    work_and_wait(1)
    page = browser.get(page_of(campaign))
    assert "The rest waits for the canary wave: 0 of 1 are released." in text_of(page)
    assert page_of(campaign, "release") in text_of(page)
    assert page_of(campaign, "start") not in text_of(page)
    answer = browser.post(page_of(campaign, "release"), follow=True)
    assert "1 are being released" in text_of(answer)
    work_and_wait(1)
    browser.post(page_of(campaign, "release"))
    work_and_wait(1)
    fragment = text_of(browser.get(page_of(campaign, "progress")))
    assert "3 / 3" in fragment
    assert 'data-acts="export"' in fragment
    assert "data-live" not in fragment
    assert wechat.count(RELEASE) == 3
    campaign.refresh_from_db()
    assert campaign.state == "done"
    assert "3 / 3" in text_of(browser.get(LIST))
    acts = Operation.objects.filter(actor_name="boss").values_list("action", flat=True)
    assert {"create_campaign", "start_campaign", "release_campaign", "release"} <= set(acts)


def test_the_form_chooses_by_appid_merchant_name_and_state(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    merchant: User,
) -> None:
    first, second, third = make_shops(wechat, component, 3)
    Authorizer.objects.filter(pk=first.pk).update(owner=merchant, nick_name="山茶书店")

    def chosen(**more: str) -> set[int]:
        Campaign.objects.all().delete()
        browser.post(f"{LIST}add/", form(template, **more))
        return set(CampaignItem.objects.values_list("authorizer", flat=True))

    assert chosen() == {first.pk, second.pk, third.pk}
    assert chosen(merchant="merchant") == {first.pk}
    assert chosen(name="山茶") == {first.pk}
    assert chosen(state="needs_recovery") == set()
    appids = f"{second.appid}，\n {third.appid}"
    assert chosen(appids=appids) == {second.pk, third.pk}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"appids": "wx00000000000000ff"}, "wx00000000000000ff"),
        ({"ext": "[1]"}, "must be an object"),
        ({"ext": '{"nonsense": 1}'}, "nonsense"),
        ({"merchant": "nobody"}, "no user of that name"),
        ({"name": "zzz"}, "No mini program fits"),
        ({"concurrency": "0"}, "greater than or equal to 1"),
        ({"user_version": "x" * 65}, "64"),
    ],
)
def test_what_is_wrong_is_told_in_the_form(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    wrong: dict[str, str],
    told: str,
) -> None:
    make_shops(wechat, component, 1)
    answer = browser.post(f"{LIST}add/", form(template, **wrong))
    assert answer.status_code == 200
    assert told in text_of(answer)
    assert not Campaign.objects.exists()


def test_failures_are_shown_with_reasons_and_retried_or_skipped_one_by_one(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 2)
    wechat.fault(COMMIT, times=2, errcode=85046)
    campaign = make_campaign(template, boss)
    work_and_wait(1)
    first, second = campaign.items.order_by("id")
    fragment = text_of(browser.get(page_of(campaign, "progress")))
    assert "(85046)" in fragment
    assert f"{ITEMS}{first.pk}/change/" in fragment
    assert browser.get(f"{ITEMS}{first.pk}/change/").status_code == 200
    assert "in line again" in text_of(browser.post(f"{ITEMS}{first.pk}/retry/", follow=True))
    data = {"action": "skip", "_selected_action": [second.pk], "index": "0"}
    assert "skipped" in text_of(browser.post(ITEMS, data, follow=True))
    work_and_wait(1)
    listed = browser.get(f"{ITEMS}?campaign__id__exact={campaign.pk}&state__exact=passed")
    assert first.authorizer.appid in text_of(listed)
    assert second.authorizer.appid not in text_of(listed)
    appid = first.authorizer.appid
    log = Operation.objects.filter(appid=appid, actor_name="boss").values_list("action", flat=True)
    assert "retry_campaign_item" in log


def test_what_does_not_fit_the_state_is_refused_in_a_sentence(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss)
    browser.post(page_of(campaign, "pause"))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.because) == ("paused", "Paused by boss.")
    assert "The campaign is paused." in text_of(
        browser.post(page_of(campaign, "pause"), follow=True)
    )
    browser.post(page_of(campaign, "resume"))
    browser.post(page_of(campaign, "stop"))
    campaign.refresh_from_db()
    assert campaign.state == "stopped"
    assert "The campaign is stopped." in text_of(
        browser.post(page_of(campaign, "resume"), follow=True)
    )


@pytest.mark.parametrize("group", ["", "operators", "releasers"])
def test_every_act_takes_its_own_permission(
    client: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    group: str,
) -> None:
    make_shops(wechat, component, 2)
    campaign = make_campaign(template, boss, canary_size=1)
    work_and_wait(1)
    item = campaign.items.all()[0]
    user = User.objects.create_user("someone", password="someone-password", is_staff=True)
    user.groups.set(Group.objects.filter(name=group))
    user.user_permissions.add(Permission.objects.get(codename="view_campaign"))
    client.force_login(user)
    acts = ("start", "pause", "resume", "go-on", "retry-failed", "stop")
    for url in (f"{LIST}add/", *(page_of(campaign, act) for act in acts),
                f"{ITEMS}{item.pk}/retry/", f"{ITEMS}{item.pk}/skip/"):  # fmt: skip
        assert client.get(url).status_code == (200 if group == "operators" else 403), url
    may_release = group == "releasers"
    url = page_of(campaign, "release")
    assert client.get(url).status_code == (200 if may_release else 403)
    assert (url in text_of(client.get(page_of(campaign)))) == may_release
    assert client.post(url).status_code == (302 if may_release else 403)
    assert client.get(page_of(campaign, "export")).status_code == 200
    asked = text_of(client.get(f"{LIST}add/")) if group == "operators" else ""
    assert "auto_release" not in asked


def test_an_operator_cannot_smuggle_in_that_it_releases_by_itself(
    client: Client, wechat: WeChat, component: Component, template: CodeTemplate, staff: User
) -> None:
    make_shops(wechat, component, 1)
    client.force_login(staff)
    client.post(f"{LIST}add/", form(template, auto_release="on"))
    assert Campaign.objects.get().auto_release is False


def test_others_see_nothing(
    client: Client, wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    [shop] = make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss)
    item = campaign.items.get()
    client.force_login(User.objects.create_user("new", password="new-password", is_staff=True))
    for url in (LIST, page_of(campaign), page_of(campaign, "progress"), page_of(campaign, "export"),
                page_of(campaign, "stop"), ITEMS, f"{ITEMS}{item.pk}/change/"):  # fmt: skip
        answer = client.get(url)
        assert answer.status_code == 403, url
        assert shop.appid not in text_of(answer)


def test_the_csv_is_read_by_a_spreadsheet_and_runs_nothing(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    [shop] = make_shops(wechat, component, 1)
    Authorizer.objects.update(nick_name='=HYPERLINK("http://evil.test")')
    campaign = make_campaign(template, boss)
    answer = browser.get(page_of(campaign, "export"))
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert body.startswith("\ufeff")
    titles, row = csv.reader(io.StringIO(body.removeprefix("\ufeff")))
    assert titles[0] == "appid"
    assert row[:2] == [shop.appid, '\'=HYPERLINK("http://evil.test")']
    assert answer["Content-Disposition"] == f'attachment; filename="campaign-{campaign.pk}.csv"'
    assert Operation.objects.filter(action="export_campaign", actor_name="boss").exists()


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_a_cell_that_looks_like_a_formula_is_text(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    django_assert_max_num_queries: Any,
) -> None:
    for _number in range(5):
        make_shops(wechat, component, 1)
        make_campaign(template, boss)
    with django_assert_max_num_queries(8):
        assert browser.get(LIST).status_code == 200


# Before it is started.


def test_the_form_chooses_by_tag_and_live_version_and_may_only_upload(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate
) -> None:
    old, never, odd = make_shops(wechat, component, 3)
    tag = Tag.objects.create(name="tea")
    old.tags.add(tag)
    Release.objects.create(authorizer=old, kind="release", state="done", live_after="1.0.0")
    Release.objects.create(authorizer=odd, kind="revert", state="done")
    for shop in (old, odd):
        summarise_code(shop.pk)

    def chosen(**more: str) -> set[int]:
        Campaign.objects.all().delete()
        browser.post(f"{LIST}add/", form(template, **more))
        return set(CampaignItem.objects.values_list("authorizer", flat=True))

    assert chosen(tag="tea") == {old.pk}
    assert chosen(live_below="2.0") == {old.pk}
    assert chosen(never_live="on") == {never.pk}
    assert chosen(live_below="2.0", never_live="on", only_uploads="on") == {old.pk, never.pk}
    assert Campaign.objects.get().submits is False
    answer = browser.post(f"{LIST}add/", form(template, live_below="newest"))
    assert "No number is in it" in text_of(answer)
    both = form(template, only_uploads="on", auto_release="on", tag="tea")
    assert "cannot be released" in text_of(browser.post(f"{LIST}add/", both))


def test_the_plan_shows_what_each_would_get_and_what_stands_in_the_way(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
) -> None:
    shops = make_shops(wechat, component, 25)
    save_values(shops[0], {"ext": {"shop": 7}}, by=boss, seen=0)
    Authorizer.objects.filter(pk=shops[1].pk).update(state="needs_reauthorization")
    browser.post(f"{LIST}add/", form(template, state=""))
    campaign = Campaign.objects.get()
    assert page_of(campaign, "plan") in text_of(browser.get(page_of(campaign)))
    calls = len(wechat.ledger)

    page = text_of(browser.get(page_of(campaign, "plan")))

    assert "25 mini programs" in page
    assert "1 of them are not bound any more" in page
    assert "&quot;shop&quot;: 7" in page
    assert "not bound to the platform any more" in page
    assert page.count("takes one submission of this month") == 19
    assert "1 / 2" in page
    assert "1 / 2" not in text_of(browser.get(f"{page_of(campaign, 'plan')}?page=2"))
    assert len(wechat.ledger) == calls
    preflight = f"{page_of(campaign, 'plan')}{campaign.items.order_by('id')[0].pk}/preflight/"
    assert preflight in page
    piece = text_of(browser.get(preflight))
    assert "Preflight" in piece or "staff-problem" in piece
    assert wechat.count(COMMIT) == wechat.count(SUBMIT) == 0


def test_the_dry_run_has_all_of_them(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
) -> None:
    shops = make_shops(wechat, component, 3)
    browser.post(f"{LIST}add/", form(template))
    campaign = Campaign.objects.get()
    answer = browser.get(page_of(campaign, "dry-run"))
    body = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    _titles, *rows = csv.reader(io.StringIO(body.removeprefix("\ufeff")))
    assert [row[0] for row in rows] == [shop.appid for shop in shops]
    assert all('"theme": "green"' in row[-1] for row in rows)
    assert Operation.objects.filter(action="dry_run_campaign", actor_name="boss").exists()
    assert wechat.count(COMMIT) == 0


def test_the_forecast_is_a_sentence(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate
) -> None:
    make_shops(wechat, component, 3)
    wechat.reviews.audit_limit = 50
    browser.post(f"{LIST}add/", form(template, daily_budget="1"))
    campaign = Campaign.objects.get()
    url = page_of(campaign, "forecast")
    assert url in text_of(browser.get(page_of(campaign)))
    piece = text_of(browser.get(url))
    assert "3 submissions are to be made; WeChat has 50 of 50 left" in piece
    assert "The last is submitted on" in piece
    wechat.reviews.audit_limit = 0
    assert "does not end within three years" in text_of(browser.get(url))
    wechat.fault("/wxa/queryquota", status=500, times=None)
    assert "staff-unknown" in text_of(browser.get(url))


def test_no_campaign_is_offered_for_accounts_that_are_not_authorised_any_more(
    browser: Client, template: CodeTemplate
) -> None:
    page = browser.get(f"{LIST}add/")
    choices = dict(page.context["form"].fields["state"].choices)
    assert Authorizer.State.BOUND in choices
    assert Authorizer.State.UNBOUND not in choices


def test_what_is_held_back_is_told_and_not_called_submitted(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 2)
    campaign = make_campaign(template, boss, canary_size=1)
    held = "1 of the canary wave are held back: mend what is in the way and retry"
    assert held not in text_of(browser.get(page_of(campaign)))
    campaign.items.filter(is_canary=True).update(state=CampaignItem.State.HELD_BACK)
    page = text_of(browser.get(page_of(campaign)))
    assert held in page
    assert "0 of 2 at their end</strong> · 1 held back" in page
    assert "Retry failed and held back" in page
    question = text_of(browser.get(page_of(campaign, "retry-failed")))
    assert "held back again where nothing was mended" in question
    home = text_of(browser.get("/admin/"))
    assert "0 of 2 at their end · 1 held back" in home
    campaign.items.filter(is_canary=False).update(state=CampaignItem.State.IN_REVIEW)
    piece = text_of(browser.get(page_of(campaign, "forecast")))
    assert "Held back and not submitted: 1." in piece
    assert "All of it is submitted." not in piece
    campaign.items.update(state=CampaignItem.State.IN_REVIEW)
    piece = text_of(browser.get(page_of(campaign, "forecast")))
    assert "All of it is submitted." in piece
    assert "Held back" not in piece


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        ((0, 0), "Lately nine of ten verdicts came within an hour."),
        ((0, 5), "Lately half of the verdicts came within an hour, nine of ten within 5.0 hours."),
        ((3, 5), "Lately half of the verdicts came within 3.0 hours, nine of ten within 5.0."),
    ],
)
def test_how_long_reviews_took_is_never_no_time(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    hours: tuple[int, int],
    sentence: str,
) -> None:
    [shop] = make_shops(wechat, component, 1)
    for number in range(6):
        audit = CodeAudit.objects.create(
            authorizer=shop, auditid=f"{number}", status=CodeAudit.Status.PASSED
        )
        end = audit.create_time + timedelta(hours=hours[number > 3])
        CodeAudit.objects.filter(pk=audit.pk).update(decided_at=end)
    piece = text_of(browser.get(page_of(make_campaign(template, boss), "forecast")))
    assert sentence in piece


@pytest.mark.parametrize("act", ["plan", "dry-run", "forecast"])
def test_who_may_not_see_campaigns_sees_no_plan_either(
    client: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    act: str,
) -> None:
    [shop] = make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss)
    client.force_login(User.objects.create_user("new", password="new-password", is_staff=True))
    answer = client.get(page_of(campaign, act))
    assert answer.status_code == 403
    assert shop.appid not in text_of(answer)


def test_a_plan_takes_as_many_queries_for_many_as_for_few(
    browser: Client,
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    django_assert_max_num_queries: Any,
) -> None:
    make_shops(wechat, component, 20)
    browser.post(f"{LIST}add/", form(template))
    campaign = Campaign.objects.get()
    with django_assert_max_num_queries(22):
        assert browser.get(page_of(campaign, "plan")).status_code == 200


def test_an_address_may_say_what_the_form_begins_with(
    browser: Client, wechat: WeChat, component: Component, template: CodeTemplate
) -> None:
    page = text_of(browser.get(f"{LIST}add/?template={template.pk}&live_below=2.0.0&nonsense=1"))
    assert f'<option value="{template.pk}" selected' in page
    assert page.count('value="2.0.0"') == 2
    assert browser.get(f"{LIST}add/?template=999&tag=zzz&state=zzz").status_code == 200
