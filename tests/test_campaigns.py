"""Campaigns: one template's code for many mini programs, by waves, at most so many a day."""

import html

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, CodeVersion
from audits.problems import CannotAct, NeedsSecondPerson
from audits.services import campaigns
from audits.services.committing import commit_template
from audits.services.rollout.items import FencedOff
from audits.services.rollout.obstacles import MAX_STEP_FAILURES
from audits.services.rollout.runner import find_items
from audits.services.rollout.steps import begin_item
from audits.services.submitting import submit_newest_version
from audits.tasks import run_campaigns
from miniprograms.models import Authorizer
from platform_auth.errcodes import explain_errcode
from platform_auth.models import Component, Heartbeat, Operation
from sandbox.world import WeChat
from tests.rollouts import (
    CHECK,
    COMMIT,
    RELEASE,
    SUBMIT,
    effects,
    make_campaign,
    make_shops,
    make_template,
    pass_time,
    states,
    work,
    work_and_wait,
)

pytestmark = pytest.mark.django_db(transaction=True)

State = CampaignItem.State
LOG, ACCOUNTS = "/admin/platform_auth/operation/", "/admin/miniprograms/authorizer/"


@pytest.fixture(autouse=True)
def _groups_and_ticket(wechat: WeChat, ticket: str) -> None:
    wechat.reviews.review_seconds = 0


@pytest.fixture
def template(wechat: WeChat, component: Component) -> CodeTemplate:
    return make_template(wechat, component)


@pytest.fixture
def boss(db: None) -> User:
    """May do everything to a campaign."""
    user = User.objects.create_user("boss", password="boss-password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    return user


def test_all_are_uploaded_submitted_followed_and_released(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 5)
    campaign = make_campaign(template, boss, auto_release=True, ext={"ext": {"theme": "green"}})
    work_and_wait()
    campaign.refresh_from_db()
    assert states(campaign) == {"released": 5}
    assert (campaign.state, campaign.finished_at is None) == ("done", False)
    for path in (COMMIT, SUBMIT, RELEASE):
        assert list(effects(wechat, path).values()) == [1] * 5
    online = [wechat.accounts[row.appid].program.online for row in Authorizer.objects.all()]
    assert {one and one.version.user_version for one in online} == {"2.0.0"}
    assert CodeVersion.objects.filter(ext_json__contains="green").count() == 5
    acts = Operation.objects.values_list("action", flat=True)
    assert {"create_campaign", "start_campaign", "finish_campaign"} <= set(acts)


def test_what_it_does_is_logged_as_its_own_in_the_name_of_whoever_started_it(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User, client: Client
) -> None:
    (shop,) = make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss, auto_release=True)
    wechat.fault(COMMIT, errcode=85013)
    work_and_wait()
    campaigns.retry_item(CampaignItem.objects.get(), by=boss)
    work_and_wait()
    acts = ["commit", "submit_audit", "release"]
    rows = Operation.objects.filter(appid=shop.appid, action__in=acts)
    assert {(row.actor_name, row.through) for row in rows} == {
        ("boss", f"audits.campaign:{campaign.pk} 2.0.0")
    }
    assert not Operation.objects.exclude(through="").filter(action="start_campaign").exists()
    client.force_login(boss)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    for page in (LOG, f"{LOG}{rows[0].pk}/change/", f"{ACCOUNTS}{shop.pk}/log/"):
        text = html.unescape(client.get(page).content.decode())
        link = f'<a href="/admin/audits/campaign/{campaign.pk}/change/"'
        assert link in text, page
        assert f"campaign {campaign.pk} (2.0.0)" in text, page


def test_the_task_does_it_and_leaves_its_mark(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss)
    run_campaigns()
    assert states(campaign) == {"in_review": 1}
    assert Heartbeat.objects.filter(name="run_campaigns").exists()


def test_nothing_is_called_before_it_is_started(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 2)
    chosen = campaigns.choose_programs(template)
    campaign = campaigns.create_campaign(
        template, chosen, by=boss, user_version="2.0.0", user_desc="x"
    )
    work()
    assert states(campaign) == {"waiting": 2}
    assert wechat.count(COMMIT) == 0


def test_the_rest_waits_for_the_canary_wave(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 5)
    campaign = make_campaign(template, boss, canary_size=2)
    work_and_wait(2)
    assert states(campaign) == {"passed": 2, "waiting": 3}
    assert campaigns.release_passed(campaign, by=boss) == 2
    work_and_wait(2)
    campaign.refresh_from_db()
    assert campaign.is_past_canary
    assert states(campaign) == {"released": 2, "passed": 3}
    assert Operation.objects.filter(action="canary_passed", actor_name="system").count() == 1


def test_a_rejected_canary_holds_the_rest_until_somebody_says_go_on(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 4)
    wechat.reviews.outcome = "reject"
    campaign = make_campaign(template, boss, canary_size=1, auto_release=True)
    work_and_wait(2)
    assert states(campaign) == {"rejected": 1, "waiting": 3}
    [canary] = campaign.items.filter(is_canary=True)
    assert "小程序内容不符合规则" in canary.reason
    wechat.reviews.outcome = "pass"
    campaigns.pass_canary(campaign, by=boss)
    work_and_wait(2)
    assert states(campaign) == {"rejected": 1, "released": 3}
    with pytest.raises(CannotAct):
        campaigns.pass_canary(campaign, by=boss)


def test_no_more_than_so_many_are_at_work_at_once(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 6)
    wechat.reviews.check_seconds = 60
    campaign = make_campaign(template, boss, concurrency=2)
    work_and_wait(2)
    assert states(campaign) == {"committed": 2, "waiting": 4}


def test_no_more_than_so_many_are_submitted_a_day(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 6)
    campaign = make_campaign(template, boss, daily_budget=4)
    work_and_wait(3)
    assert wechat.count(SUBMIT) == 4
    assert states(campaign)["waiting"] == 2
    yesterday = campaign.items.exclude(submitted_at=None)
    yesterday.update(submitted_at="2020-01-01T00:00:00Z")
    work_and_wait(1)
    assert wechat.count(SUBMIT) == 6


@pytest.mark.parametrize("where", [CHECK, SUBMIT])
def test_while_the_code_is_checked_only_the_submission_is_tried_again(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User, where: str
) -> None:
    make_shops(wechat, component, 1)
    wechat.fault(where, times=3, errcode=61039)
    campaign = make_campaign(template, boss)
    work()
    assert states(campaign) == {"committed": 1}
    assert "61039" in campaign.items.get().reason
    work_and_wait(4)
    assert states(campaign) == {"passed": 1}
    assert wechat.count(COMMIT) == 1
    assert effects(wechat, SUBMIT) == {campaign.items.get().authorizer.appid: 1}


def test_the_months_quota_pauses_it_with_a_sentence(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 4)
    wechat.reviews.audit_limit = 2
    campaign = make_campaign(template, boss, concurrency=1)
    work_and_wait(2)
    campaign.refresh_from_db()
    assert campaign.state == "paused"
    assert "85085" in campaign.because
    assert states(campaign) == {"passed": 2, "committed": 1, "waiting": 1}
    wechat.reviews.audit_limit = 4
    campaigns.resume_campaign(campaign, by=boss)
    work_and_wait(2)
    campaign.refresh_from_db()
    assert campaign.because == ""
    assert states(campaign) == {"passed": 4}
    assert wechat.count(COMMIT) == 4


def test_too_many_failures_pause_it(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 30)
    wechat.fault(COMMIT, times=None, errcode=85046)
    campaign = make_campaign(template, boss, concurrency=5, most_failures=20)
    work()
    campaign.refresh_from_db()
    assert campaign.state == "paused"
    assert "20 %" in campaign.because
    found = states(campaign)
    # Ten have to have begun, at most five more may be under way; 20 % of ten are two.
    assert 2 <= found["failed"] <= 15
    wechat.faults.clear()
    campaigns.resume_campaign(campaign, by=boss)
    assert campaigns.retry_failed(campaign, by=boss) == found["failed"]
    work_and_wait(2)
    assert states(campaign) == {"passed": 30}


def test_a_pause_begins_nothing_and_still_follows(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 3)
    campaign = make_campaign(template, boss, daily_budget=1, auto_release=True)
    work()
    campaigns.pause_campaign(campaign, by=boss)
    Campaign.objects.update(daily_budget=None)
    work_and_wait(2)
    assert states(campaign) == {"passed": 1, "waiting": 2}
    assert wechat.count(RELEASE) == 0
    campaigns.resume_campaign(campaign, by=boss)
    work_and_wait(2)
    assert states(campaign) == {"released": 3}


def test_stopping_leaves_every_item_final(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 4)
    wechat.reviews.review_seconds = None
    campaign = make_campaign(template, boss, daily_budget=2)
    work()
    campaigns.stop_campaign(campaign, by=boss)
    campaign.refresh_from_db()
    assert states(campaign) == {"skipped": 4}
    assert (campaign.state, campaign.finished_at is None) == ("stopped", False)
    words = gettext("The campaign was stopped; its audit goes on at WeChat.")
    assert campaign.items.filter(reason=words).count() == 2
    with pytest.raises(CannotAct):
        campaigns.retry_item(campaign.items.all()[0], by=boss)
    work_and_wait(1)
    assert wechat.count(COMMIT) == 2


def test_a_submission_under_way_when_it_is_stopped_is_settled_first(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 1)
    wechat.fault(SUBMIT, drop="after")
    campaign = make_campaign(template, boss)
    work()
    campaigns.stop_campaign(campaign, by=boss)
    assert states(campaign) == {"submitting": 1}
    work_and_wait(2)
    campaign.refresh_from_db()
    assert states(campaign) == {"skipped": 1}
    assert campaign.finished_at is not None


@pytest.mark.parametrize(("choice", "outcome"), [("wait", "waiting"), ("skip", "skipped")])
def test_anothers_open_audit_is_minded(
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    choice: str,
    outcome: str,
) -> None:
    wechat.reviews.review_seconds = None
    [shop] = make_shops(wechat, component, 1)
    commit_template(shop, template, user_version="1.0.0", user_desc="by hand", by=boss)
    theirs = submit_newest_version(shop, by=boss)
    campaign = make_campaign(template, boss, when_open=choice)
    work()
    assert states(campaign) == {outcome: 1}
    assert theirs.auditid in campaign.items.get().reason
    wechat.judge(shop.appid, "pass")
    work_and_wait(2)
    assert states(campaign) == {"in_review" if choice == "wait" else "skipped": 1}


def test_an_open_audit_that_only_wechat_knows_is_minded(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    wechat.reviews.review_seconds = None
    [shop] = make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss, concurrency=1)
    wechat.fault(SUBMIT, errcode=85009, effect=True)
    work()
    audit = CodeAudit.objects.exclude(auditid="").get()
    # It is of this very version: somebody's hand, or ours that came late.
    assert states(campaign) == {"in_review": 1}
    assert campaign.items.get().audit == audit
    wechat.judge(shop.appid, "pass")
    work_and_wait(2)
    assert states(campaign) == {"passed": 1}
    assert effects(wechat, SUBMIT) == {shop.appid: 1}


def test_another_version_uploaded_in_between_is_not_submitted(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    wechat.reviews.check_seconds = 3600
    [shop] = make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss)
    work()
    commit_template(shop, template, user_version="9.9.9", user_desc="by hand", by=boss)
    wechat.accounts[shop.appid].program.check_ends = 0
    work_and_wait(1)
    assert states(campaign) == {"failed": 1}
    assert wechat.count(SUBMIT) == 0
    campaigns.retry_item(campaign.items.get(), by=boss)
    wechat.reviews.check_seconds = 0
    work_and_wait(2)
    assert states(campaign) == {"passed": 1}
    assert wechat.count(COMMIT) == 3


@pytest.mark.parametrize("path", [COMMIT, SUBMIT, RELEASE])
@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_lost_answer_is_settled_and_nothing_done_twice(
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    path: str,
    drop: str,
) -> None:
    [shop] = make_shops(wechat, component, 1)
    wechat.fault(path, drop=drop)
    campaign = make_campaign(template, boss, auto_release=True)
    work_and_wait(5)
    assert states(campaign) == {"released": 1}
    assert effects(wechat, path) == {shop.appid: 1}


def test_a_lost_submission_that_never_arrived_is_made_again(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    [shop] = make_shops(wechat, component, 1)
    wechat.fault(SUBMIT, drop="after", effect=False)
    campaign = make_campaign(template, boss)
    work_and_wait(6)
    assert states(campaign) == {"passed": 1}
    assert effects(wechat, SUBMIT) == {shop.appid: 1}
    assert wechat.count(SUBMIT) == 2
    assert wechat.count(COMMIT) == 1


def test_wechats_system_error_is_tried_again_and_then_given_up(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 1)
    wechat.fault(SUBMIT, times=None, errcode=-1)
    campaign = make_campaign(template, boss)
    work_and_wait(MAX_STEP_FAILURES + 2)
    assert states(campaign) == {"failed": 1}
    assert wechat.count(SUBMIT) == MAX_STEP_FAILURES + 1
    wechat.faults.clear()
    campaigns.retry_item(campaign.items.get(), by=boss)
    work_and_wait(2)
    assert states(campaign) == {"passed": 1}
    assert wechat.count(COMMIT) == 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_refusal_that_a_worker_noted_is_read_in_ones_own_language(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User, client: Client,
    language: str,
) -> None:  # fmt: skip
    make_shops(wechat, component, 1)
    wechat.fault(COMMIT, errcode=85013)
    campaign = make_campaign(template, boss)
    work_and_wait(2)
    item = campaign.items.get()
    client.force_login(boss)
    client.cookies["django_language"] = language
    with translation.override(language):
        sentence = explain_errcode(85013)
    for page in (f"campaign/{campaign.pk}/change/", f"campaignitem/{item.pk}/change/"):
        assert sentence in client.get(f"/admin/audits/{page}").content.decode()
    CampaignItem.objects.update(reason="Somebody's own words (85013)")
    page = client.get(f"/admin/audits/campaignitem/{item.pk}/change/").content.decode()
    assert "own words (85013)" in page


def test_a_retry_after_a_refused_release_only_releases(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 1)
    wechat.fault(RELEASE, errcode=87011)
    campaign = make_campaign(template, boss, auto_release=True)
    work_and_wait(2)
    assert states(campaign) == {"failed": 1}
    assert "(87011)" in campaign.items.get().reason
    campaigns.retry_item(campaign.items.get(), by=boss)
    work_and_wait(2)
    assert states(campaign) == {"released": 1}
    assert (wechat.count(COMMIT), wechat.count(SUBMIT), wechat.count(RELEASE)) == (1, 1, 2)


def test_a_mini_program_that_is_no_longer_bound_fails_in_plain_words(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    [shop] = make_shops(wechat, component, 1)
    campaign = make_campaign(template, boss)
    Authorizer.objects.update(state="unbound", access_token="", refresh_token="", expires=0)
    work()
    assert states(campaign) == {"failed": 1}
    words = gettext("The mini program is not bound to the platform any more.")
    assert campaign.items.get().reason == words
    assert wechat.count(COMMIT) == 0


def test_skipping_and_retrying_one(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 2)
    campaign = make_campaign(template, boss, daily_budget=1)
    work()
    [left_out] = campaign.items.filter(state="waiting").select_related("campaign")
    campaigns.skip_item(left_out, by=boss)
    with pytest.raises(CannotAct):
        campaigns.skip_item(left_out, by=boss)
    assert left_out.state == "skipped"
    campaigns.retry_item(left_out, by=boss)
    Campaign.objects.update(daily_budget=None)
    work_and_wait(1)
    assert states(campaign) == {"passed": 2}


def test_a_mini_program_is_in_one_unfinished_campaign(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 2)
    make_campaign(template, boss)
    with pytest.raises(CannotAct):
        make_campaign(template, boss)
    make_shops(wechat, component, 1)
    assert make_campaign(template, boss).items.count() == 1


def test_appids_that_are_not_ours_are_named(
    wechat: WeChat, component: Component, template: CodeTemplate
) -> None:
    [shop] = make_shops(wechat, component, 1)
    assert list(campaigns.choose_programs(template, appids=[shop.appid])) == [shop]
    with pytest.raises(CannotAct, match="wx00000000000000ff"):
        campaigns.choose_programs(template, appids=[shop.appid, "wx00000000000000ff"])


def test_with_two_people_one_approves_and_another_releases(
    wechat: WeChat,
    component: Component,
    template: CodeTemplate,
    boss: User,
    staff: User,
    settings: object,
) -> None:
    settings.RELEASE_NEEDS_TWO = True  # type: ignore[attr-defined]
    staff.groups.add(Group.objects.get(name="releasers"))
    make_shops(wechat, component, 2)
    with pytest.raises(CannotAct):
        make_campaign(template, boss, auto_release=True)
    campaign = make_campaign(template, boss)
    work_and_wait(1)
    assert campaigns.release_passed(campaign, by=boss) == 0
    with pytest.raises(NeedsSecondPerson):
        campaigns.release_passed(campaign, by=boss)
    work()
    assert wechat.count(RELEASE) == 0
    assert campaigns.release_passed(campaign, by=staff) == 2
    work()
    assert states(campaign) == {"released": 2}


def test_whoever_comes_back_late_is_fenced_off(
    wechat: WeChat, component: Component, template: CodeTemplate, boss: User
) -> None:
    make_shops(wechat, component, 1)
    make_campaign(template, boss)
    [late] = find_items(1, ())
    assert late.take_lease()
    pass_time()
    CampaignItem.objects.update(epoch=late.epoch + 1)  # somebody else took it meanwhile
    with pytest.raises(FencedOff):
        begin_item(late)
    assert wechat.count(COMMIT) == 0
    assert not CodeVersion.objects.exists()
    work()
    assert wechat.count(COMMIT) == 1
