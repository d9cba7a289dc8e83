"""A mini program's code page: what staff may do there, through HTTP against WeChat's stand-in."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from audits.models import CodeAudit, CodeTemplate, CodeVersion, PreflightSummary, Release
from audits.services import templates
from audits.services.history import record_event
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/miniprograms/authorizer/"
AUDITS = "/admin/audits/codeaudit/"
COMMIT_CALL, SUBMIT_CALL, RELEASE_CALL = "/wxa/commit", "/wxa/submit_audit", "/wxa/release"

# Act → the permission it takes, beside those to look.
ACTS = {
    "commit": "commit_version",
    "submit": "submit_audit",
    "withdraw": "submit_audit",
    "speed-up": "submit_audit",
    "ask": "submit_audit",
    "approve": "release_audit",
    "release": "release_audit",
    "gray-release": "release_audit",
    "stop-gray-release": "release_audit",
    "revert": "release_audit",
    "open": "release_audit",
    "close": "release_audit",
}
LOOKS = ["view_authorizer", "view_codeaudit"]


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(nick_name="Tea house")


@pytest.fixture
def template(wechat: WeChat, component: Component, ticket: str) -> CodeTemplate:
    draft = wechat.upload_draft(user_version="1.0.0")
    templates.add_template(component, draft.draft_id, by=None)
    return CodeTemplate.objects.get()


def browser_of(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def operator(staff: User) -> Client:
    return browser_of(staff)


def make_releaser(name: str) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name="releasers"))
    return browser_of(user)


@pytest.fixture
def releaser(db: None) -> Client:
    return make_releaser("releaser")


def url(row: Authorizer, end: str = "") -> str:
    return f"{LIST}{row.pk}/code/{f'{end}/' if end else ''}"


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def answer_errors(answer: Any) -> Any:
    return answer.context["form"].errors if answer.context.get("form") else answer.status_code


def do(client: Client, row: Authorizer, act: str, **said: Any) -> str:
    """Ask for the page, post what it holds and what is SAID; the page afterwards."""
    asked = client.get(url(row, act))
    assert asked.status_code == 200, asked
    form = asked.context["form"]
    hidden = {field.html_name: field.value() or "" for field in form or [] if field.is_hidden}
    done = client.post(url(row, act), {**hidden, **said}, follow=True)
    assert done.redirect_chain == [(url(row), 302)], answer_errors(done)
    return text_of(done)


def commit(client: Client, row: Authorizer, template: CodeTemplate, version: str = "1.2.0") -> str:
    said = {"template": template.pk, "user_version": version, "user_desc": "new", "ext": "{}"}
    return do(client, row, "commit", **said)


@pytest.fixture
def submitted(operator: Client, shop: Authorizer, template: CodeTemplate) -> CodeAudit:
    commit(operator, shop, template)
    do(operator, shop, "submit")
    return CodeAudit.objects.get()


@pytest.fixture
def passed(submitted: CodeAudit, wechat: WeChat, deliver: Deliver) -> CodeAudit:
    judge(wechat, deliver, submitted, "pass")
    return submitted


def judge(wechat: WeChat, deliver: Deliver, audit: CodeAudit, outcome: str, **more: Any) -> None:
    wechat.judge(audit.appid, outcome, **more)
    wechat.deliver_all(deliver)
    audit.refresh_from_db()


def operations() -> list[str]:
    made = Operation.objects.exclude(actor_name__in=["system", "merchant"]).order_by("id")
    return list(made.values_list("action", flat=True))


# ── from template to release ────────────────────────────────────────────────────────────────────


def test_code_goes_from_a_template_to_the_users_and_back(
    operator: Client,
    releaser: Client,
    shop: Authorizer,
    template: CodeTemplate,
    wechat: WeChat,
    deliver: Deliver,
) -> None:
    for version in ("1.2.0", "1.3.0"):
        assert f"version {version} is uploaded" in commit(operator, shop, template, version)
        assert f"version {version} is submitted" in do(operator, shop, "submit")
        audit = CodeAudit.objects.newest_first()[0]
        judge(wechat, deliver, audit, "pass")
        assert f"version {version} is online" in do(releaser, shop, "release")
    past = releaser.get(url(shop, "now/past"))
    assert "1.2.0" in text_of(past)
    [(one, _when)] = past.context["past"]
    assert 'type="submit"' in text_of(past)
    asked = text_of(releaser.get(url(shop, "revert")))
    assert "Live now: version 1.3.0." in asked
    assert "rolled back; online is now 1.2.0" in do(
        releaser, shop, "revert", app_version=one.app_version
    )
    assert Release.objects.filter(state="done").count() == 3
    assert operations() == [*["commit", "submit_audit", "release"] * 2, "revert"]
    history = text_of(operator.get(url(shop)))
    for word in ("1.2.0", "1.3.0", "roll back", "released", audit.auditid):
        assert word in history
    assert history.count("released before, not live now") == 2  # in the header and in the card
    assert "To bring it back, upload it again, submit it and release it." in history
    nothing_before = text_of(releaser.get(url(shop, "now/past")))
    assert "WeChat has no earlier version to go back to." in nothing_before
    assert 'type="submit"' not in nothing_before


def test_a_get_asks_and_changes_nothing(
    operator: Client, releaser: Client, passed: CodeAudit, wechat: WeChat
) -> None:
    before = len([entry for entry in wechat.ledger if entry.effect])
    for client in (operator, releaser):
        for act, permission in ACTS.items():
            wanted = 200 if (permission == "release_audit") == (client is releaser) else 403
            assert client.get(url(passed.authorizer, act)).status_code == wanted, act
    assert len([entry for entry in wechat.ledger if entry.effect]) == before


def test_a_rejection_is_shown_with_its_reason_and_pictures_and_answered(
    operator: Client, submitted: CodeAudit, wechat: WeChat, deliver: Deliver
) -> None:
    shop = submitted.authorizer
    judge(wechat, deliver, submitted, "reject", reason="1. <b>Price<br>missing", pictures=2)
    assert "rejected" in do(operator, shop, "ask")
    page = text_of(operator.get(url(shop)))
    assert "1. &lt;b&gt;Price" in page
    assert submitted.screenshots.count() == 2
    for picture in submitted.screenshots.all():
        address = f"{AUDITS}{submitted.pk}/screenshots/{picture.pk}/"
        assert address in page
        shown = operator.get(address)
        assert shown.content == bytes(picture.content)
        assert shown["Content-Type"] == picture.content_type
        assert shown["X-Content-Type-Options"] == "nosniff"
    do(operator, shop, "submit", feedback_info="The price is there now.")
    again = CodeAudit.objects.newest_first()[0]
    assert again.fields == {"feedback_info": "The price is there now."}


def test_what_is_no_picture_is_never_shown_as_a_page(
    operator: Client, submitted: CodeAudit
) -> None:
    evil = submitted.screenshots.create(
        media_id="m", content_type="text/html", content=b"<script>alert(1)</script>"
    )
    shown = operator.get(f"{AUDITS}{submitted.pk}/screenshots/{evil.pk}/")
    assert shown["Content-Type"] == "application/octet-stream"
    assert shown["Content-Disposition"] == "attachment"


def test_a_submission_says_what_the_form_said(
    operator: Client, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, shop, template)
    piece = operator.get(url(shop, "now/items"))
    [value, _name] = piece.context["items"][0][0].fields["category"].widget.choices[1]
    said = {
        "version_desc": "Coupons",
        "privacy_api_not_use": "on",
        "ugc_scene": ["2", "4"],
        "ugc_method": ["1"],
        "ugc_desc": "by machine",
        "item1-address": "pages/index/index",
        "item1-title": "Home",
        "item1-tag": "tea shop",
        "item1-category": value,
    }
    do(operator, shop, "submit", **said)
    fields = CodeAudit.objects.get().fields
    [item] = fields.pop("item_list")
    assert item["address"] == "pages/index/index"
    assert item["first_class"]
    assert item["first_id"]
    assert fields == {
        "version_desc": "Coupons",
        "privacy_api_not_use": True,
        "ugc_declare": {
            "scene": [2, 4],
            "method": [1],
            "has_audit_team": 0,
            "audit_desc": "by machine",
        },
    }


@pytest.mark.parametrize("category", ["[1]", "{", "[[],2,3,4,5,6]", '["a","b","c",1e999,2,3]', ""])
def test_a_category_that_is_none_is_not_sent(
    operator: Client, shop: Authorizer, template: CodeTemplate, wechat: WeChat, category: str
) -> None:
    commit(operator, shop, template)
    said = {"item2-address": "pages/index/index", "item2-category": category}
    answer = operator.post(url(shop, "submit"), said)
    assert "Choose a category of the list." in text_of(answer)
    assert "item2-address=pages" in text_of(answer)  # what was said is not lost
    assert wechat.count(SUBMIT_CALL) == 0


@pytest.mark.parametrize("ext", ["[1]", "{", '{"nonsense": 1}', '{"ext": 1}'])
def test_ext_json_is_looked_at_before_it_is_sent(
    operator: Client, shop: Authorizer, template: CodeTemplate, wechat: WeChat, ext: str
) -> None:
    said = {"template": template.pk, "user_version": "1", "user_desc": "new", "ext": ext}
    answer = operator.post(url(shop, "commit"), said)
    assert (answer.status_code, answer.context["form"].errors.keys()) == (200, {"ext"})
    assert wechat.count(COMMIT_CALL) == 0


def test_a_template_of_another_component_or_a_deleted_one_is_no_choice(
    operator: Client, shop: Authorizer, template: CodeTemplate
) -> None:
    other = Component.objects.create(appid="wxfedcba9876543210")
    theirs = CodeTemplate.objects.create(component=other, template_id=7)
    gone = CodeTemplate.objects.create(
        component=template.component, template_id=8, gone_at="2026-01-01T00:00:00Z"
    )
    for one in (theirs, gone):
        said = {"template": one.pk, "user_version": "1", "user_desc": "new", "ext": "{}"}
        answer = operator.post(url(shop, "commit"), said)
        assert answer.context["form"].errors.keys() == {"template"}


def test_ext_json_is_for_this_upload_only_where_there_are_values_of_its_own(
    operator: Client, shop: Authorizer, template: CodeTemplate
) -> None:
    page = text_of(operator.get(url(shop, "commit")))
    assert "these become them" in page
    assert "for this upload" not in page
    upload = {"template": template.pk, "user_version": "1.2.0", "user_desc": "new"}
    do(operator, shop, "commit", **upload, ext='{"ext": {"theme": "red"}}')
    page = text_of(operator.get(url(shop, "commit")))
    assert "these become them" not in page
    assert "ext.json, for this upload" in page


def test_withdrawing_and_speeding_up_say_so(
    operator: Client, submitted: CodeAudit, wechat: WeChat
) -> None:
    shop = submitted.authorizer
    assert f"audit {submitted.auditid}" in do(operator, shop, "speed-up")
    assert "is withdrawn" in do(operator, shop, "withdraw")
    assert "There is no open audit." in do(operator, shop, "withdraw")
    assert operations()[-2:] == ["speed_up_audit", "withdraw_audit"]


def test_service_and_steps(releaser: Client, passed: CodeAudit, wechat: WeChat) -> None:
    shop = passed.authorizer
    do(releaser, shop, "release")
    program = wechat.accounts[shop.appid].program
    assert "closed to its users" in do(releaser, shop, "close")
    assert not program.is_open
    piece = text_of(releaser.get(url(shop, "now/rollout")))
    assert "It is closed to its users." in piece
    assert url(shop, "open") in piece
    assert url(shop, "close") not in piece
    assert "open to its users" in do(releaser, shop, "open")
    assert program.is_open


def test_a_release_in_steps_is_shown_and_stopped(
    operator: Client,
    releaser: Client,
    passed: CodeAudit,
    template: CodeTemplate,
    wechat: WeChat,
    deliver: Deliver,
) -> None:
    shop = passed.authorizer
    do(releaser, shop, "release")
    commit(operator, shop, template, "1.3.0")
    do(operator, shop, "submit")
    judge(wechat, deliver, CodeAudit.objects.newest_first()[0], "pass")
    assert "20 % of users" in do(releaser, shop, "gray-release", percentage="20")
    piece = text_of(releaser.get(url(shop, "now/rollout")))
    assert "20 % of users have the new version" in piece
    assert url(shop, "stop-gray-release") in piece
    assert "(85082)" in do(releaser, shop, "gray-release", percentage="10")
    assert "is stopped" in do(releaser, shop, "stop-gray-release")
    assert url(shop, "stop-gray-release") not in text_of(releaser.get(url(shop, "now/rollout")))
    refused = releaser.post(url(shop, "gray-release"), {"percentage": "101"})
    assert refused.context["form"].errors.keys() == {"percentage"}


def test_steps_too_are_refused_while_the_newest_audit_has_not_passed(
    releaser: Client, submitted: CodeAudit, wechat: WeChat
) -> None:
    told = do(releaser, submitted.authorizer, "gray-release", percentage="20")
    assert submitted.auditid in told
    assert "has not passed" in told
    assert wechat.count("/wxa/grayrelease") == 0


def test_where_nothing_is_online_nothing_is_opened_or_closed(
    releaser: Client, passed: CodeAudit
) -> None:
    shop = passed.authorizer
    Authorizer.objects.filter(pk=shop.pk).update(qrcode_url="https://example.com/official.png")
    piece = text_of(releaser.get(url(shop, "now/rollout")))
    assert "Nothing is online, so there is nothing to open or to close." in piece
    for absent in ("Users can open it", "official.png", url(shop, "close"), url(shop, "open")):
        assert absent not in piece
    assert "official.png" not in text_of(releaser.get(url(shop)))
    do(releaser, shop, "release")
    piece = text_of(releaser.get(url(shop, "now/rollout")))
    for shown in ("Users can open it.", "official.png", url(shop, "close")):
        assert shown in piece


def test_without_its_permission_set_no_act_is_offered_and_wechat_is_not_asked(
    operator: Client, passed: CodeAudit
) -> None:
    shop = passed.authorizer
    Authorizer.objects.filter(pk=shop.pk).update(func_info=[17, 19, 30])
    page = text_of(operator.get(url(shop)))
    assert "permission set 18 小程序开发与数据分析 is not granted" in page
    assert page.count("61007") == 1
    for absent in ("/now/rollout/", "/now/quota/", "/trial-qrcode/", "/code/commit/"):
        assert absent not in page
    Authorizer.objects.filter(pk=shop.pk).update(func_info=[17, 18, 19, 30])
    page = text_of(operator.get(url(shop)))
    assert "is not granted" not in page
    for shown in ("/now/rollout/", "/trial-qrcode/", "/code/commit/"):
        assert shown in page


def test_what_stood_in_the_way_of_the_code_before_is_not_told_of_new_code(
    operator: Client, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, shop, template)
    PreflightSummary.objects.update_or_create(
        authorizer=shop, defaults={"ok": False, "failing": ["uploaded"]}
    )
    assert "In the way of submitting version 1.2.0: code." in text_of(operator.get(url(shop)))
    commit(operator, shop, template, "1.3.0")
    assert "In the way of submitting" not in text_of(operator.get(url(shop)))


def test_the_header_of_the_code_page_has_no_link_to_itself(
    operator: Client, submitted: CodeAudit, wechat: WeChat, deliver: Deliver
) -> None:
    shop = submitted.authorizer
    judge(wechat, deliver, submitted, "reject", reason="1. Price missing")
    rejected, link = "reviewers have rejected version 1.2.0", "See the reason"
    page = text_of(operator.get(url(shop)))
    assert rejected in page
    assert link not in page
    page = text_of(operator.get(f"{LIST}{shop.pk}/change/"))
    assert rejected in page
    assert link in page


# ── what is said when it does not work ──────────────────────────────────────────────────────────


def test_a_second_submission_names_the_open_audit(
    operator: Client, submitted: CodeAudit, wechat: WeChat
) -> None:
    told = do(operator, submitted.authorizer, "submit")
    assert f"Audit {submitted.auditid} is still open" in told
    assert wechat.count(SUBMIT_CALL) == 1


def test_a_refusal_is_told_in_plain_words_with_its_errcode(
    operator: Client, shop: Authorizer, template: CodeTemplate, wechat: WeChat
) -> None:
    commit(operator, shop, template)
    wechat.fault(SUBMIT_CALL, errcode=85085)
    told = do(operator, shop, "submit")
    assert "submissions of this month are used up" in told
    assert "(85085)" in told


@pytest.mark.parametrize(
    ("language", "sentence", "system"),
    [
        ("en", "ext_json cannot be read, or names a wrong path.", "the system"),
        ("zh-hans", "ext_json 无法解析，或包含错误的路径。", "系统"),
    ],
)
def test_the_code_page_explains_refusals_and_names_the_system_in_the_readers_language(
    operator: Client, submitted: CodeAudit, wechat: WeChat, language: str, sentence: str,
    system: str, template: CodeTemplate,
) -> None:  # fmt: skip
    record_event(submitted, "mismatch")
    wechat.fault(COMMIT_CALL, errcode=85013)
    commit(operator, submitted.authorizer, template, "1.3.0")
    operator.cookies["django_language"] = language
    page = text_of(operator.get(url(submitted.authorizer)))
    assert f"{sentence} " in page
    assert f"<td>{system}</td>" in page
    assert "<td>system</td>" not in page


@pytest.mark.parametrize(
    ("act", "path", "state"),
    [
        ("commit", COMMIT_CALL, lambda: CodeVersion.objects.latest("id").state == "unknown"),
        ("submit", SUBMIT_CALL, lambda: CodeAudit.objects.latest("id").status == -3),
    ],
)
def test_a_lost_answer_is_told_as_such_and_repeated_by_nobody(
    operator: Client,
    shop: Authorizer,
    template: CodeTemplate,
    wechat: WeChat,
    act: str,
    path: str,
    state: Callable[[], bool],
) -> None:
    if act == "submit":
        commit(operator, shop, template)
    wechat.fault(path, drop="after")
    told = commit(operator, shop, template) if act == "commit" else do(operator, shop, act)
    assert "answer was lost" in told
    assert state()
    again = commit(operator, shop, template) if act == "commit" else do(operator, shop, act)
    assert "still" in again
    assert wechat.count(path) == 1


def test_a_lost_release_is_told_as_such(
    releaser: Client, passed: CodeAudit, wechat: WeChat
) -> None:
    wechat.fault(RELEASE_CALL, drop="after")
    assert "answer was lost" in do(releaser, passed.authorizer, "release")
    assert "release is still under way" in do(releaser, passed.authorizer, "release")
    assert wechat.count(RELEASE_CALL) == 1
    assert Release.objects.get().state == "unknown"


def test_a_lost_withdrawal_is_not_called_an_error(
    operator: Client, submitted: CodeAudit, wechat: WeChat
) -> None:
    wechat.fault("/wxa/undocodeaudit", drop="after")
    assert "not known whether it was done" in do(operator, submitted.authorizer, "withdraw")


def test_wechat_being_down_leaves_the_page_whole(
    operator: Client, releaser: Client, passed: CodeAudit, wechat: WeChat
) -> None:
    wechat.fault("*", drop="before", times=None)
    asked = wechat.count()
    page = operator.get(url(passed.authorizer))
    assert page.status_code == 200
    assert passed.auditid in text_of(page)
    assert wechat.count() == asked
    for name in ("versions", "rollout", "quota", "check", "items", "past"):
        piece = releaser.get(url(passed.authorizer, f"now/{name}"))
        assert piece.status_code == 200
        assert "Not known now" in text_of(piece)
    assert operator.get(url(passed.authorizer, "trial-qrcode")).status_code == 502
    wechat.clear_faults()


def test_pieces_say_what_wechat_says(operator: Client, passed: CodeAudit, wechat: WeChat) -> None:
    shop = passed.authorizer
    pieces = {
        name: text_of(operator.get(url(shop, f"now/{name}")))
        for name in ("versions", "quota", "check", "rollout")
    }
    assert "1.2.0" in pieces["versions"]
    assert "Nothing is online." in pieces["versions"]
    assert "Submissions left this month: 999 of 1000" in pieces["quota"]
    assert "found nothing" in pieces["check"]
    assert url(shop, "close") not in pieces["rollout"]  # an operator may not
    picture = operator.get(url(shop, "trial-qrcode"))
    assert picture["Content-Type"].startswith("image/")
    assert picture["X-Content-Type-Options"] == "nosniff"


def test_the_check_that_runs_is_no_error(
    operator: Client, shop: Authorizer, template: CodeTemplate, wechat: WeChat
) -> None:
    wechat.reviews.check_seconds = 600
    commit(operator, shop, template)
    assert "still checking" in text_of(operator.get(url(shop, "now/check")))
    assert "do not commit again" in do(operator, shop, "submit")


# ── who may ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("act", ACTS)
def test_each_act_needs_its_permission_also_without_its_button(
    passed: CodeAudit, wechat: WeChat, act: str
) -> None:
    everything = Permission.objects.filter(content_type__app_label__in=["audits", "miniprograms"])
    user = User.objects.create_user("almost", is_staff=True)
    user.user_permissions.set(everything.exclude(codename=ACTS[act]))
    before = len([entry for entry in wechat.ledger if entry.effect])
    answer = browser_of(user).post(url(passed.authorizer, act), {"percentage": "20"})
    assert answer.status_code == 403
    assert len([entry for entry in wechat.ledger if entry.effect]) == before
    user.user_permissions.set(Permission.objects.filter(codename__in=[ACTS[act], *LOOKS]))
    user = User.objects.get(pk=user.pk)
    assert browser_of(user).get(url(passed.authorizer, act)).status_code == 200


@pytest.mark.parametrize("missing", LOOKS)
def test_whoever_may_not_look_may_not_act_either(passed: CodeAudit, missing: str) -> None:
    everything = Permission.objects.filter(content_type__app_label__in=["audits", "miniprograms"])
    user = User.objects.create_user("blind", is_staff=True)
    user.user_permissions.set(everything.exclude(codename__in=[missing, "change_authorizer"]))
    client, row = browser_of(user), passed.authorizer
    ends = ["", *ACTS, "trial-qrcode", "now/versions", "now/items"]
    assert {client.get(url(row, end)).status_code for end in ends} == {403}
    assert {client.post(url(row, act)).status_code for act in ACTS} == {403}


def test_buttons_fit_the_state_and_the_person(
    operator: Client, releaser: Client, submitted: CodeAudit, wechat: WeChat, deliver: Deliver
) -> None:
    def buttons(client: Client) -> set[str]:
        return {act["name"] for act in client.get(url(submitted.authorizer)).context["acts"]}

    assert buttons(operator) == {"commit", "withdraw", "speed-up", "ask"}
    assert buttons(releaser) == set()
    judge(wechat, deliver, submitted, "pass")
    assert buttons(operator) == {"commit", "ask"}
    # Nothing is online yet: nothing to go back to, and the first version is for all users.
    assert buttons(releaser) == {"release"}
    do(releaser, submitted.authorizer, "release")
    assert buttons(releaser) == set()


def test_a_release_may_take_two_people(
    releaser: Client, passed: CodeAudit, wechat: WeChat, settings: LazySettings
) -> None:
    settings.RELEASE_NEEDS_TWO = True
    shop, other = passed.authorizer, make_releaser("second")
    assert "A second person must approve" in do(releaser, shop, "release")
    assert "you agreed to audit" in do(releaser, shop, "approve")
    assert "A second person must approve" in do(releaser, shop, "release")
    assert "A second person must approve" in do(releaser, shop, "gray-release", percentage="5")
    assert wechat.count(RELEASE_CALL) == 0
    assert "is online" in do(other, shop, "release")
    passed.refresh_from_db()
    assert (passed.approved_by and passed.approved_by.username) == "releaser"
    assert (passed.released_by and passed.released_by.username) == "second"


def test_only_what_has_passed_can_be_agreed_to(releaser: Client, submitted: CodeAudit) -> None:
    assert "has not passed" in do(releaser, submitted.authorizer, "approve")
    submitted.refresh_from_db()
    assert submitted.approved_by is None


def test_an_official_account_has_no_code(operator: Client, bound: Bound) -> None:
    row = bound(kind="official_account")
    Authorizer.objects.filter(pk=row.pk).update(kind="official_account")
    assert operator.get(url(row)).status_code == 404
    assert url(row) not in text_of(operator.get(f"{LIST}{row.pk}/change/"))


def test_the_account_page_leads_to_the_code(operator: Client, shop: Authorizer) -> None:
    assert url(shop) in text_of(operator.get(f"{LIST}{shop.pk}/change/"))
