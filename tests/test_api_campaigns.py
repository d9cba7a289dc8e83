"""REST: campaigns made, looked at, started, steered and watched; who may, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, Release
from audits.services import campaigns
from audits.services.committing import commit_template
from audits.services.ext_values import save_values
from miniprograms.models import Authorizer, Tag
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.rollouts import (
    COMMIT,
    RELEASE,
    SUBMIT,
    make_shops,
    make_template,
    states,
    work_and_wait,
)
from tests.test_api_authorizers import client_of
from tests.test_api_code import post

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

CAMPAIGNS = "/api/v1/campaigns/"


@pytest.fixture
def template(wechat: WeChat, ticket: str, component: Component) -> CodeTemplate:
    wechat.reviews.review_seconds = 0
    return make_template(wechat, component)


@pytest.fixture
def shops(wechat: WeChat, component: Component, template: CodeTemplate) -> list[Authorizer]:
    return make_shops(wechat, component, 4)


def client_in(*groups: str) -> Client:
    user = User.objects.create_user("-".join(groups), is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    return client_of(user)


@pytest.fixture
def operator(db: None) -> Client:
    return client_in("operators")


@pytest.fixture
def boss(db: None) -> Client:
    return client_in("operators", "releasers")


def body_of(template: CodeTemplate, **more: Any) -> dict[str, Any]:
    texts = {"user_version": "2.0.0", "user_desc": "第二版"}
    return {"template_id": template.template_id, **texts, **more}


def make(client: Client, template: CodeTemplate, **more: Any) -> dict[str, Any]:
    answer = post(client, CAMPAIGNS, body_of(template, **more))
    assert answer.status_code == 201, answer.content
    campaign: dict[str, Any] = answer.json()
    return campaign


def act(client: Client, campaign: dict[str, Any], name: str) -> Any:
    return post(client, f"{CAMPAIGNS}{campaign['id']}/{name}/")


def chosen(campaign: dict[str, Any]) -> set[str]:
    items = CampaignItem.objects.filter(campaign=campaign["id"])
    return set(items.values_list("authorizer__appid", flat=True))


def go_live(shop: Authorizer, version: str) -> None:
    """As if VERSION had been released for SHOP."""
    Release.objects.create(authorizer=shop, kind="release", state="done", live_after=version)


# From the first request to the last release.


def test_it_is_prepared_started_and_watched_to_its_end(
    boss: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    appids = [shop.appid for shop in shops]
    rules = {"canary": 1, "at_once": 10, "daily_limit": 50, "ext": {"ext": {"theme": "green"}}}
    campaign = make(boss, template, appids=appids, release="when_passed", **rules)
    assert (campaign["state"], campaign["total"], campaign["ended"]) == ("prepared", 4, 0)
    assert campaign["counts"] == {"waiting": 4}
    assert (campaign["canary"], campaign["at_once"], campaign["daily_limit"]) == (1, 10, 50)
    assert (campaign["submit"], campaign["release"]) == (True, "when_passed")
    work_and_wait(1)
    assert wechat.count(COMMIT) == 0

    answer = act(boss, campaign, "start")

    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert answer.json()["run_by"] == "operators-releasers"
    work_and_wait()
    done = boss.get(f"{CAMPAIGNS}{campaign['id']}/").json()
    assert (done["state"], done["counts"], done["ended"]) == ("done", {"released": 4}, 4)
    page = boss.get(f"{CAMPAIGNS}{campaign['id']}/items/?state=released&page_size=3").json()
    assert len(page["results"]) == 3
    rest = boss.get(page["next"]).json()["results"]
    items = page["results"] + rest
    assert {item["appid"] for item in items} == set(appids)
    assert all(item["auditid"] and item["released_at"] for item in items)
    assert [item["is_canary"] for item in items] == [False, False, False, True]
    [listed] = boss.get(CAMPAIGNS).json()["results"]
    assert listed == done
    acts = Operation.objects.filter(actor_name="operators-releasers")
    assert {"create_campaign", "start_campaign", "release"} <= set(
        acts.values_list("action", flat=True)
    )


def test_without_submission_it_uploads_and_ends(
    operator: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    wechat.reviews.review_seconds = None
    commit_template(shops[0], template, user_version="1.0.0", user_desc="x", by=None)
    campaign = make(operator, template, state="bound", submit=False, canary=1)
    act(operator, campaign, "start")
    work_and_wait(3)
    done = operator.get(f"{CAMPAIGNS}{campaign['id']}/").json()
    assert (done["state"], done["counts"]) == ("done", {"on_trial": 4})
    assert wechat.count(SUBMIT) == 0
    # It is free for the next.
    assert make(operator, template, state="bound")["total"] == 4


def test_it_is_paused_resumed_and_cancelled(
    operator: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    campaign = make(operator, template, state="bound")
    answers = [
        (name, act(operator, campaign, name))
        for name in ("pause", "start", "start", "pause", "resume", "cancel", "resume")
    ]
    assert [(name, answer.status_code) for name, answer in answers] == [
        ("pause", 409), ("start", 200), ("start", 409), ("pause", 200), ("resume", 200),
        ("cancel", 200), ("resume", 409),
    ]  # fmt: skip
    assert answers[3][1].json()["because"]
    assert answers[5][1].json()["counts"] == {"skipped": 4}
    assert answers[6][1].json()["code"] == "conflict"


def test_what_failed_is_tried_again_and_a_stuck_canary_passed(
    operator: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    wechat.fault(COMMIT, errcode=85046)
    campaign = make(operator, template, state="bound", canary=1)
    act(operator, campaign, "start")
    work_and_wait(1)
    answer = act(operator, campaign, "go-on")
    assert answer.json()["is_past_canary"] is True
    work_and_wait(1)
    counts = operator.get(f"{CAMPAIGNS}{campaign['id']}/").json()["counts"]
    assert counts == {"passed": 3, "failed": 1}
    act(operator, campaign, "retry")
    work_and_wait(1)
    assert states(Campaign.objects.get()) == {"passed": 4}


def test_what_has_passed_is_released_by_whoever_may(
    operator: Client, boss: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    campaign = make(operator, template, state="bound")
    act(operator, campaign, "start")
    work_and_wait(1)
    assert act(operator, campaign, "release").status_code == 403
    assert act(boss, campaign, "release").status_code == 200
    work_and_wait(1)
    assert wechat.count(RELEASE) == 4


# Who gets it.


def test_they_are_chosen_by_tag_live_version_state_and_name(
    operator: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    old, newer, odd, never = shops
    tag = Tag.objects.create(name="tea")
    newer.tags.add(tag)
    go_live(old, "1.0.0")
    go_live(old, "v1.9.3")
    go_live(newer, "1.10.0")
    go_live(odd, "开业版")
    Authorizer.objects.filter(pk=never.pk).update(nick_name="山茶书店", state="needs_recovery")

    def pick(**choice: Any) -> set[str]:
        campaign = make(operator, template, **choice)
        appids = chosen(campaign)
        Campaign.objects.all().delete()
        return appids

    assert pick(tag="tea") == {newer.appid}
    assert pick(live_below="1.10.0") == {old.appid}
    assert pick(live_below="2.0") == {old.appid, newer.appid}
    assert pick(live_below="1.10.0", never_live=True, state="needs_recovery") == {never.appid}
    assert pick(never_live=True, state="needs_recovery") == {never.appid}
    assert pick(search="茶书", state="needs_recovery") == {never.appid}
    assert pick(tag="tea", live_below="2.0.0") == {newer.appid}
    assert pick(state="bound") == {old.appid, newer.appid, odd.appid}
    assert pick(appids=[old.appid, never.appid]) == {old.appid, never.appid}


def test_a_foreign_or_unknown_appid_is_named(
    operator: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    appids = [shops[0].appid, "wx00000000000000ff"]
    answer = post(operator, CAMPAIGNS, body_of(template, appids=appids))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    [problem] = answer.json()["fields"]["appids"]
    assert "wx00000000000000ff" in problem
    assert shops[0].appid not in problem
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({}, "non_field_errors"),
        ({"never_live": False}, "non_field_errors"),
        ({"appids": []}, "appids"),
        ({"tag": "nobody has it"}, "tag"),
        ({"state": "asleep"}, "state"),
        ({"live_below": "newest"}, "live_below"),
        ({"state": "bound", "template_id": 404}, "template_id"),
        ({"state": "bound", "user_version": "x" * 65}, "user_version"),
        ({"state": "bound", "ext": {"nonsense": 1}}, "ext"),
        ({"state": "bound", "release": "at once"}, "release"),
        ({"state": "bound", "submit": False, "release": "when_passed"}, "release"),
        ({"state": "bound", "canary": -1}, "canary"),
        ({"state": "bound", "canery": 1}, "canery"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_prepared(
    boss: Client,
    template: CodeTemplate,
    shops: list[Authorizer],
    wrong: dict[str, Any],
    where: str,
) -> None:
    answer = post(boss, CAMPAIGNS, {**body_of(template), **wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert where in answer.json()["fields"]
    assert not Campaign.objects.exists()


def test_where_nobody_is_left_it_is_a_conflict(
    operator: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    make(operator, template, state="bound")
    answer = post(operator, CAMPAIGNS, body_of(template, state="bound"))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


# Who may.


def test_nobody_reads_or_acts_without_the_rights_of_the_staff_pages(
    template: CodeTemplate, shops: list[Authorizer], operator: Client, merchant: User
) -> None:
    campaign = make(operator, template, state="bound")
    one = f"{CAMPAIGNS}{campaign['id']}/"
    reading = (CAMPAIGNS, one, f"{one}items/", f"{one}plan/", f"{one}forecast/")
    releaser = client_in("releasers")
    assert [releaser.get(path).status_code for path in reading[:4]] == [200] * 4
    assert post(releaser, CAMPAIGNS, body_of(template, state="bound")).status_code == 403
    assert act(releaser, campaign, "start").status_code == 403
    plain = client_of(User.objects.create_user("plain", is_staff=True))
    for client in (client_of(merchant), plain):
        assert [client.get(path).status_code for path in reading] == [403] * 5
        assert act(client, campaign, "start").status_code == 403
    assert Campaign.objects.get().state == "prepared"


def test_releasing_by_itself_takes_the_right_to_release_at_each_step(
    operator: Client, boss: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    body = body_of(template, state="bound", release="when_passed")
    assert post(operator, CAMPAIGNS, body).status_code == 403
    campaign = make(boss, template, state="bound", release="when_passed")
    assert act(operator, campaign, "start").status_code == 403
    assert act(boss, campaign, "start").status_code == 200
    assert act(operator, campaign, "pause").status_code == 200
    assert act(operator, campaign, "resume").status_code == 403
    assert Campaign.objects.get().run_by.username == "operators-releasers"  # type: ignore[union-attr]


def test_an_unknown_campaign_is_not_found(operator: Client) -> None:
    for end in ("", "items/", "plan/", "forecast/"):
        assert operator.get(f"{CAMPAIGNS}404/{end}").status_code == 404
    assert post(operator, f"{CAMPAIGNS}404/start/").status_code == 404


def test_the_same_key_prepares_it_once(
    operator: Client, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    body = body_of(template, appids=[shops[0].appid])
    key = {"Idempotency-Key": "build-77"}
    first = post(operator, CAMPAIGNS, body, **key)
    again = post(operator, CAMPAIGNS, body, **key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert Campaign.objects.count() == 1
    other = post(operator, CAMPAIGNS, {**body, "canary": 1}, **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


# What it would do.


def test_the_plan_tells_of_each_what_would_be_done_and_calls_nothing_that_changes(
    operator: Client,
    staff: User,
    wechat: WeChat,
    template: CodeTemplate,
    shops: list[Authorizer],
) -> None:
    fine, gone, busy, refused = shops
    save_values(fine, {"ext": {"shop": 7}}, by=staff, seen=0)
    commit_template(fine, template, user_version="1.0.0", user_desc="x", by=None)
    go_live(fine, "1.0.0")
    Authorizer.objects.filter(pk=gone.pk).update(state="needs_reauthorization")
    CodeAudit.objects.create(
        authorizer=busy, appid=busy.appid, auditid="77", status=CodeAudit.Status.IN_REVIEW
    )
    CodeTemplate.objects.update(
        ext_schema={"properties": {"shop": {"type": "integer"}}, "required": ["theme"]}
    )
    save_values(refused, {"ext": {"shop": "seven"}}, by=staff, seen=0)
    calls = len(wechat.ledger)
    appids = [shop.appid for shop in shops]
    campaign = make(operator, template, appids=appids, ext={"ext": {"theme": "green"}})

    rows = operator.get(f"{CAMPAIGNS}{campaign['id']}/plan/").json()["results"]

    plans = {row["appid"]: row for row in rows}
    assert {appid: (row["outcome"], row["quota"]) for appid, row in plans.items()} == {
        fine.appid: ("submit", 1),
        gone.appid: ("fail", 0),
        busy.appid: ("wait", 1),
        refused.appid: ("fail", 0),
    }
    assert plans[fine.appid]["live_version"] == "1.0.0"
    assert plans[fine.appid]["changes"] == [{"path": "/ext/theme", "after": "green"}]
    assert '"shop": 7' in plans[fine.appid]["ext_json"]
    assert "77" in plans[busy.appid]["reason"]
    assert "shop" in plans[refused.appid]["reason"]
    assert len(wechat.ledger) == calls
    act(operator, campaign, "start")
    work_and_wait(1)
    assert states(Campaign.objects.get()) == {"passed": 1, "failed": 2, "waiting": 1}


def test_what_stands_in_the_way_of_one_is_asked_before_it_is_uploaded(
    operator: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    campaign = make(operator, template, state="bound")
    url = f"{CAMPAIGNS}{campaign['id']}/plan/{shops[0].appid}/preflight/"
    assert operator.get(url).json()["ok"] is True
    wechat.accounts[shops[1].appid].categories = []
    body = operator.get(url.replace(shops[0].appid, shops[1].appid)).json()
    assert body["ok"] is False
    assert "category" in {check["code"] for check in body["checks"] if check["ok"] is False}
    assert operator.get(url.replace(shops[0].appid, "wx404")).status_code == 404
    assert wechat.count(COMMIT) == wechat.count(SUBMIT) == 0


def test_the_forecast_counts_the_quota_and_how_long_reviews_took(
    operator: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    wechat.reviews.audit_limit = 100
    now = timezone.now()
    for number in range(10):
        CodeAudit.objects.create(
            authorizer=shops[0],
            appid=shops[0].appid,
            auditid=str(number),
            status=CodeAudit.Status.PASSED,
            create_time=now - timedelta(hours=30),
            decided_at=now - timedelta(hours=30 - number),
        )
    campaign = make(operator, template, state="bound", daily_limit=2)
    answer = operator.get(f"{CAMPAIGNS}{campaign['id']}/forecast/")
    assert answer.status_code == 200
    forecast = answer.json()
    assert (forecast["submissions"], forecast["rest"], forecast["limit"]) == (4, 100, 100)
    assert (forecast["median_hours"], forecast["slow_hours"]) == (4.0, 8.0)
    today = timezone.localtime(now).date()
    assert forecast["last_submission_on"] == str(today + timedelta(days=1))
    assert forecast["ends_on"] == str(today + timedelta(days=2))


def test_a_quota_of_nothing_never_ends(
    operator: Client, wechat: WeChat, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    wechat.reviews.audit_limit = 0
    campaign = make(operator, template, state="bound")
    forecast = operator.get(f"{CAMPAIGNS}{campaign['id']}/forecast/").json()
    assert (forecast["last_submission_on"], forecast["ends_on"]) == (None, None)


def test_the_list_costs_as_many_queries_for_many_as_for_one(
    operator: Client,
    template: CodeTemplate,
    shops: list[Authorizer],
    django_assert_max_num_queries: Any,
) -> None:
    for shop in shops:
        make(operator, template, appids=[shop.appid])
    with django_assert_max_num_queries(8):
        assert len(operator.get(CAMPAIGNS).json()["results"]) == 4
    campaigns.stop_campaign(Campaign.objects.all()[0], by=None)
