"""
What WeChat would refuse is told before, and costs no quota: each refusal that the sandbox plays is
foretold, and where somebody submits despite it, WeChat answers what was foretold.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import translation

from audits.models import CampaignItem, CodeAudit, PreflightSummary
from audits.problems import AuditIsOpen, BadExtJson, PreflightFailed
from audits.services import campaigns
from audits.services.preflight.checking import (
    CHECKS,
    inspect,
    newest_upload,
    preflight_of,
    subject_of,
)
from audits.services.submission_profiles import Composed
from audits.services.wechat_answers import Answers
from miniprograms.models import Authorizer
from platform_auth.models import Operation
from sandbox.world import WeChat
from tests.desk import COMMIT, SUBMIT, Desk
from tests.desk import desk as desk
from tests.rollouts import make_campaign, states, work, work_and_wait
from tests.test_api_authorizers import client_of
from wechat.errors import Refused, WeChatError

pytestmark = pytest.mark.django_db

QUOTA = "/wxa/queryquota"
SOCIAL = {"first": "社交", "second": "社区/论坛"}


def used(wechat: WeChat) -> int:
    """Units of the month's quota that are spent."""
    return wechat.reviews.audit_limit - wechat.reviews.quota(wechat.component)["rest"]


def five_minutes_pass() -> None:
    """What WeChat answered so far is asked for again."""
    cache.clear()


def lack_basics(desk: Desk) -> None:
    desk.program.is_complete = False
    Authorizer.objects.update(profile_synced_at=None, signature="")
    desk.shop.refresh_from_db()


def lack_category(desk: Desk) -> None:
    desk.wechat.accounts[desk.shop.appid].categories = []


def lose_category(state: str) -> Callable[[Desk], None]:
    def lose(desk: Desk) -> None:
        desk.wechat.accounts[desk.shop.appid].categories.append(
            {"first": "医疗", "second": "公立医疗机构", "state": state}
        )

    return lose


def lack_code(desk: Desk) -> None:
    desk.program.trial = None


def be_checked(desk: Desk) -> None:
    desk.program.check_ends = desk.wechat.clock() + 600


def lack_permission(desk: Desk) -> None:
    desk.program.without_auth = ["wx.getLocation"]


def lack_declaration(desk: Desk) -> None:
    desk.program.without_conf = ["wx.chooseAddress"]


def lack_guide(desk: Desk) -> None:
    desk.program.found_privacy = ["Location", "PhoneNumber"]


def use_up_quota(desk: Desk) -> None:
    desk.wechat.reviews.audit_limit = used(desk.wechat)


def be_a_game(desk: Desk) -> None:
    desk.wechat.accounts[desk.shop.appid].service_type = 4
    Authorizer.objects.update(service_type=4)
    desk.shop.refresh_from_db()


def be_social(desk: Desk) -> None:
    desk.wechat.accounts[desk.shop.appid].categories = [SOCIAL]


def nothing(desk: Desk) -> None:
    """All is well but for what is submitted."""


def entry(desk: Desk, **more: Any) -> dict[str, Any]:
    [category] = desk.wechat.accounts[desk.shop.appid].review_categories()
    return {**category, **more}


def items(**more: Any) -> Callable[[Desk], dict[str, Any]]:
    return lambda desk: {"item_list": [entry(desk, **more)]}


Fields = Callable[[Desk], dict[str, Any]]
NO_FIELDS: Fields = lambda desk: {}  # noqa: E731

# What is wrong, what is submitted, the check that says so, and WeChat's errcode.
WALK: list[tuple[Callable[[Desk], None], Fields, str, int]] = [
    (lack_basics, NO_FIELDS, "basics", 86002),
    (lack_category, NO_FIELDS, "category", 85008),
    (lose_category("withdrawn"), NO_FIELDS, "certificate", 85077),
    (lose_category("expired"), NO_FIELDS, "certificate", 85077),
    (lack_code, NO_FIELDS, "uploaded", 85086),
    (be_checked, NO_FIELDS, "scanned", 61039),
    (lack_permission, NO_FIELDS, "private_interfaces", 61040),
    (lack_permission, lambda desk: {"privacy_api_not_use": True}, "private_interfaces", 61040),
    (lack_declaration, NO_FIELDS, "private_interfaces", 61040),
    (lack_guide, NO_FIELDS, "privacy_guide", 85086),
    (use_up_quota, NO_FIELDS, "quota", 85085),
    (be_a_game, NO_FIELDS, "account", 87006),
    (be_social, NO_FIELDS, "ugc", 85094),
    (nothing, lambda desk: {"item_list": []}, "items", 85023),
    (nothing, items(tag="字" * 21), "items", 85006),
    (nothing, items(title="字" * 33), "items", 85011),
    (nothing, items(address="pages/none"), "pages", 85007),
    (nothing, items(first_id=1), "item_categories", 85008),
    (nothing, lambda desk: {"feedback_stuff": "a|b|c|d|e|f"}, "texts", 85051),
    (nothing, lambda desk: {"preview_info": {"pic_id_list": ["x"] * 11}}, "media", 85093),
]


@pytest.fixture
def overruler(desk: Desk) -> User:
    """A member of staff who may submit what is held back."""
    permission = Permission.objects.get(codename="submit_despite_preflight")
    desk.staff.user_permissions.add(permission)
    user: User = User.objects.get(pk=desk.staff.pk)
    return user


@pytest.mark.parametrize(
    ("spoil", "fields", "code", "errcode"),
    WALK,
    ids=[f"{number}-{one[2]}-{one[3]}" for number, one in enumerate(WALK)],
)
def test_each_refusal_is_foretold_and_costs_nothing(
    desk: Desk, overruler: User, spoil: Any, fields: Fields, code: str, errcode: int
) -> None:
    desk.commit()
    spoil(desk)
    before = used(desk.wechat)
    submission: Any = fields(desk)
    with pytest.raises(PreflightFailed) as caught:
        desk.submit(None, fields=submission)
    assert code in {check.code for check in caught.value.checks}
    assert all(check.ok is False and check.detail for check in caught.value.checks)
    assert desk.asked(SUBMIT) == 0
    assert used(desk.wechat) == before
    assert not CodeAudit.objects.exists()
    desk.staff = overruler
    with pytest.raises(WeChatError) as refused:
        desk.submit(None, fields=submission, despite="I know better")
    assert isinstance(refused.value, Refused)
    assert refused.value.errcode == errcode
    assert used(desk.wechat) == before
    overruled = Operation.objects.get(action="submit_despite_preflight")
    assert code in overruled.result
    assert "I know better" in overruled.result


def test_an_audit_that_was_submitted_elsewhere_is_foretold(desk: Desk) -> None:
    desk.commit()
    program, reviews = desk.program, desk.wechat.reviews
    assert program.trial
    account = desk.wechat.accounts[desk.shop.appid]
    theirs = reviews.submit(desk.wechat.component, account, program.trial, {})
    with pytest.raises(AuditIsOpen) as caught:
        desk.submit(None)
    assert (caught.value.auditid, desk.asked(SUBMIT)) == (str(theirs.auditid), 0)


@pytest.mark.parametrize(
    ("names", "errcode"),
    [
        (["getMood"], 85310),
        (["getLocation", "getFuzzyLocation"], 85311),
        (["chooseAddress"], 85312),
    ],
)
def test_what_an_upload_would_be_refused_for_is_foretold(
    desk: Desk, names: list[str], errcode: int
) -> None:
    for interface in ("getLocation", "getFuzzyLocation"):
        account = desk.wechat.accounts[desk.shop.appid]
        desk.wechat.applications.grant_interface(account, interface)
    ext = {"requiredPrivateInfos": names}
    result = preflight_of(desk.shop, template=desk.template, ext=ext)
    assert [check.code for check in result.failing] == ["required_private_infos"]
    with pytest.raises(Refused) as caught:
        desk.commit(ext=ext)
    assert caught.value.errcode == errcode
    fitting = {"requiredPrivateInfos": ["getLocation"]}
    assert preflight_of(desk.shop, template=desk.template, ext=fitting).ok
    desk.commit(ext=fitting)
    assert preflight_of(desk.shop).ok
    desk.program.interfaces.clear()
    five_minutes_pass()
    assert [check.code for check in preflight_of(desk.shop).failing] == ["required_private_infos"]


def test_of_code_that_is_not_uploaded_yet_nobody_knows_the_scan(desk: Desk) -> None:
    result = preflight_of(desk.shop, template=desk.template)
    assert result.ok
    found = {check.code: check.ok for check in result.checks}
    assert found["scanned"] is found["uploaded"] is found["privacy_guide"] is None
    assert found["category"] is found["quota"] is True
    assert desk.asked(COMMIT) == 0
    assert not PreflightSummary.objects.exists()
    bad = preflight_of(desk.shop, template=desk.template, ext={"ext": 1})
    assert [check.code for check in bad.failing] == ["ext_json"]
    with pytest.raises(BadExtJson):
        desk.commit(ext={"ext": 1})


@pytest.mark.parametrize(
    ("status", "who"), [(2, "wechat"), (5, "merchant"), (1024, "merchant"), (1024 + 4, "merchant")]
)
def test_without_a_filing_nothing_is_submitted(desk: Desk, status: int, who: str) -> None:
    desk.commit()
    desk.program.icp_status = status
    [check] = preflight_of(desk.shop).failing
    assert (check.code, check.who) == ("filed", who)


def test_whom_wechat_wants_verified_is_told(desk: Desk) -> None:
    desk.commit()
    desk.wechat.accounts[desk.shop.appid].verify_type = -1
    Authorizer.objects.update(verify_type_info=-1)
    desk.shop.refresh_from_db()
    assert {check.code: check.ok for check in preflight_of(desk.shop).checks}["verified"] is None
    desk.program.icp_status = 1024 + 4
    five_minutes_pass()
    assert {check.code for check in preflight_of(desk.shop).failing} == {"verified", "filed"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "needs_reauthorization"}, "authorise us again"),
        ({"account_status": 16}, "banned"),
        ({"func_info": [30]}, "permission set 18"),
    ],
)
def test_an_account_that_cannot_submit_is_told(
    desk: Desk, change: dict[str, Any], words: str
) -> None:
    desk.commit()
    grant = desk.wechat.authorization(desk.shop.appid)
    assert grant
    grant.func_ids = change.get("func_info", grant.func_ids)
    desk.wechat.accounts[desk.shop.appid].account_status = change.get("account_status", 1)
    Authorizer.objects.update(**change)
    desk.shop.refresh_from_db()
    with translation.override("en"):
        [check] = preflight_of(desk.shop).failing
    assert (check.code, check.who) == ("account", "merchant")
    assert words in check.detail


# What is not known holds nobody back


def test_while_wechat_says_nothing_everything_is_unknown_and_little_is_asked(desk: Desk) -> None:
    desk.commit()
    for path in ("/wxa/get_category", "/wxa/get_latest_auditstatus"):
        desk.wechat.fault(path, times=None, status=500)
    before = len(desk.wechat.ledger)
    result = preflight_of(desk.shop)
    assert result.ok
    assert {check.ok for check in result.checks if check.code in ("category", "quota")} == {None}
    assert len(desk.wechat.ledger) - before <= 3  # the tries of the first call
    assert desk.submit(None).status == CodeAudit.Status.IN_REVIEW


def test_a_slow_wechat_is_asked_for_a_while_only(desk: Desk) -> None:
    desk.commit()
    before = len(desk.wechat.ledger)
    answers = Answers(desk.shop, patience=0)
    version = newest_upload(desk.shop)
    result = inspect(subject_of(desk.shop, version, Composed({}), answers))
    assert (result.ok, len(desk.wechat.ledger)) == (True, before)
    assert {check.code: check.ok for check in result.checks}["quota"] is None


def test_a_set_that_was_not_granted_makes_one_check_unknown(desk: Desk) -> None:
    desk.commit()
    grant = desk.wechat.authorization(desk.shop.appid)
    assert grant
    grant.func_ids = [18]
    Authorizer.objects.update(func_info=[18])
    desk.shop.refresh_from_db()
    result = preflight_of(desk.shop)
    assert result.ok
    assert {check.code: check.ok for check in result.checks}["certificate"] is None


# Answers are kept for a while


def test_a_second_look_asks_little_and_a_failing_one_is_asked_again(desk: Desk) -> None:
    desk.commit()
    preflight_of(desk.shop)
    before = len(desk.wechat.ledger)
    preflight_of(desk.shop)
    assert len(desk.wechat.ledger) - before == 1  # whether a review is open
    desk.program.found_privacy = ["Location"]
    assert preflight_of(desk.shop).ok  # a few minutes old
    desk.wechat.accounts[desk.shop.appid].categories = []
    desk.commit("1.0.1")  # other code, other answers
    [failing] = preflight_of(desk.shop).failing
    assert failing.code == "privacy_guide"


def test_nobody_is_held_back_by_what_was_so_a_moment_ago(desk: Desk) -> None:
    desk.commit()
    setting = desk.program.privacy
    desk.program.found_privacy = ["Location"]
    assert [check.code for check in preflight_of(desk.shop).failing] == ["privacy_guide"]
    use = {"privacy_key": "Location", "privacy_text": "配送"}
    setting[2] = {"setting_list": [use]}
    assert desk.submit(None).status == CodeAudit.Status.IN_REVIEW


def test_without_a_cache_it_is_asked_each_time(desk: Desk, dead_cache: None) -> None:
    desk.commit()
    assert preflight_of(desk.shop).ok
    assert preflight_of(desk.shop).ok
    assert desk.asked("/wxa/get_category") == 2


def test_it_is_kept_in_short_for_lists(desk: Desk) -> None:
    desk.commit()
    preflight_of(desk.shop)
    assert PreflightSummary.objects.get().ok
    lack_category(desk)
    desk.commit("1.0.1")
    with pytest.raises(PreflightFailed):
        desk.submit(None, fields={"item_list": []})
    summary = PreflightSummary.objects.get()
    assert (summary.ok, summary.failing) == (False, ["items"])


def test_the_words_are_there_in_both_languages(desk: Desk) -> None:
    for _code, title, _check in CHECKS:
        with translation.override("en"):
            english = str(title)
        with translation.override("zh-hans"):
            assert str(title) != english or title == "requiredPrivateInfos", title


# From every door


ONE = "/api/v1/authorizers/{}/"


def test_by_rest_it_is_looked_at_and_held_back(desk: Desk, overruler: User) -> None:
    desk.commit()
    lack_category(desk)
    address, key = ONE.format(desk.shop.appid), client_of(desk.staff)
    answer = key.get(f"{address}preflight/").json()
    assert (answer["ok"], len(answer["checks"])) == (False, len(CHECKS))
    [failing] = [check for check in answer["checks"] if check["ok"] is False]
    assert (failing["code"], failing["who"]) == ("category", "merchant")
    held = key.post(f"{address}audits/", {}, content_type="application/json")
    assert (held.status_code, held.json()["code"]) == (409, "preflight_failed")
    assert held.json()["checks"] == [failing]
    body = json.dumps({"despite_preflight": "the category is in force since a minute"})
    mine = key.post(f"{address}audits/", body, content_type="application/json")
    assert mine.status_code == 422  # WeChat's own answer
    assert desk.asked(SUBMIT) == 1


def test_who_may_not_overrule_is_refused(desk: Desk) -> None:
    desk.commit()
    address, key = ONE.format(desk.shop.appid), client_of(desk.staff)
    body = json.dumps({"despite_preflight": "please"})
    answer = key.post(f"{address}audits/", body, content_type="application/json")
    assert answer.status_code == 403
    assert desk.asked(SUBMIT) == 0


def test_merchants_read_what_they_must_see_to(desk: Desk, other_merchant: User) -> None:
    desk.program.is_complete = False
    Authorizer.objects.update(signature="")
    assert desk.shop.owner
    address = f"{ONE.format(desk.shop.appid)}preflight/"
    checks = client_of(desk.shop.owner).get(address).json()["checks"]
    assert {"code": "basics", "ok": False, "who": "merchant"}.items() <= checks[2].items()
    assert client_of(other_merchant).get(address).status_code == 404


def browser_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def test_staff_see_every_line_before_they_submit(desk: Desk) -> None:
    desk.commit()
    lack_category(desk)
    browser, page = browser_of(desk.staff), f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/"
    piece = browser.get(f"{page}now/preflight/").content.decode()
    assert "has no category that is in force" in piece
    assert "Who must act: the merchant." in piece
    for shown in (browser.get(page), browser.get(f"{page}submit/")):
        assert f"{page}now/preflight/" in shown.content.decode()
    assert "despite_preflight" not in browser.get(f"{page}submit/").content.decode()
    done = browser.post(f"{page}submit/", {"confirmed": "yes"}, follow=True).content.decode()
    assert "held back" in done
    assert "has no category that is in force" in done
    assert desk.asked(SUBMIT) == 0


def test_staff_with_the_right_give_a_reason(desk: Desk, overruler: User) -> None:
    desk.commit()
    desk.program.icp_status = 1024
    browser, page = (
        browser_of(overruler),
        f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/submit/",
    )
    assert "despite_preflight" in browser.get(page).content.decode()
    browser.post(page, {"despite_preflight": "it is filed today"}, follow=True)
    assert CodeAudit.objects.get().status == CodeAudit.Status.IN_REVIEW
    operation = Operation.objects.get(action="submit_despite_preflight")
    assert operation.result == "filed: it is filed today"


def test_a_reason_to_overrule_is_asked_for_only_where_something_is_in_the_way(
    desk: Desk, overruler: User
) -> None:
    desk.commit()
    browser = browser_of(overruler)
    page = f"/admin/miniprograms/authorizer/{desk.shop.pk}/code/"
    hidden, link = 'class="staff-only-if-blocked"', f"{page}submit/?despite=yes"
    assert hidden in browser.get(f"{page}submit/").content.decode()
    fine = browser.get(f"{page}now/preflight/").content.decode()
    assert "staff-blocked" not in fine
    assert link not in fine
    desk.program.icp_status = 1024
    five_minutes_pass()
    blocked = browser.get(f"{page}now/preflight/").content.decode()
    assert "staff-blocked" in blocked
    assert link in blocked  # the way without script
    shown = browser.get(link).content.decode()
    assert "despite_preflight" in shown
    assert hidden not in shown
    other = User.objects.create_user("other", is_staff=True)
    other.groups.set(desk.staff.groups.all())
    assert link not in browser_of(other).get(f"{page}now/preflight/").content.decode()
    assert hidden not in browser_of(other).get(f"{page}submit/").content.decode()


def test_of_many_each_is_held_back_for_its_own_reasons(desk: Desk, bound: Any) -> None:
    other = bound(nick_name="Book shop")
    desk.commit()
    first, desk.shop = desk.shop, other
    desk.commit()
    lack_category(desk)
    chosen = {
        "action": "submit_code",
        "_selected_action": [first.pk, other.pk],
        "confirmed": "yes",
    }
    browser = browser_of(desk.staff)
    done = browser.post("/admin/miniprograms/authorizer/", chosen, follow=True).content.decode()
    assert "is submitted" in done
    assert "has no category that is in force" in done
    assert CodeAudit.objects.get().authorizer == first
    summary = PreflightSummary.objects.get(authorizer=other)
    assert (summary.failing, summary.for_merchant) == (["category"], "category")


def test_many_are_looked_at_and_none_is_submitted(desk: Desk, bound: Any) -> None:
    other = bound(nick_name="Book shop")
    desk.commit()
    first, desk.shop = desk.shop, other
    desk.commit()
    desk.program.icp_status = 1024
    chosen = {"action": "check_code", "_selected_action": [first.pk, other.pk]}
    browser = browser_of(desk.staff)
    done = browser.post("/admin/miniprograms/authorizer/", chosen, follow=True).content.decode()
    assert "nothing that we know of stands in the way" in done
    assert "It has no ICP filing" in done
    assert {row.authorizer_id: row.ok for row in PreflightSummary.objects.all()} == {
        first.pk: True,
        other.pk: False,
    }
    assert not CodeAudit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_in_a_campaign_it_is_held_back_and_can_be_retried(desk: Desk) -> None:
    boss = User.objects.create_superuser("boss")
    desk.wechat.reviews.review_seconds = 0
    lack_category(desk)
    campaign = make_campaign(desk.template, boss)
    work_and_wait(2)
    assert states(campaign) == {"held_back": 1}
    item = CampaignItem.objects.get()
    assert "类目" in item.reason
    assert desk.asked(SUBMIT) == 0
    desk.wechat.accounts[desk.shop.appid].categories = [{"first": "工具", "second": "效率"}]
    assert campaigns.retry_failed(campaign, by=boss) == 1
    work_and_wait(2)
    assert states(campaign) == {"passed": 1}
    assert (desk.asked(COMMIT), desk.asked(SUBMIT)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_campaign_waits_for_the_check_of_the_code(desk: Desk) -> None:
    boss = User.objects.create_superuser("boss")
    desk.wechat.reviews.check_seconds = 600
    campaign = make_campaign(desk.template, boss)
    work()
    assert states(campaign) == {"committed": 1}
    desk.program.check_ends = 0
    work_and_wait(1)
    assert states(campaign) == {"in_review": 1}
