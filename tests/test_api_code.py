"""REST: from template to release, against WeChat's stand-in; who may, and what is said when not."""

from dataclasses import asdict
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from audits.models import CodeAudit, CodeTemplate, CodeVersion, Promotion, Release
from audits.services import templates
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from sandbox.world.faults import Fault
from tests.conftest import Bound
from tests.rows import make_authorizer
from tests.test_api_authorizers import client_of
from wechat import code, code_review
from wechat.http import File

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

APPID = "wx00000000000000a1"
ONE = f"/api/v1/authorizers/{APPID}/"
VERSIONS, AUDITS, RELEASE, REVERT = (
    f"{ONE}versions/",
    f"{ONE}audits/",
    f"{ONE}release/",
    f"{ONE}revert/",
)
JSON = "application/json"


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    """A mini program of the merchant's, bound."""
    return bound(APPID)


@pytest.fixture
def template(wechat: WeChat, component: Component, ticket: str) -> CodeTemplate:
    return new_template(wechat, component)


def new_template(wechat: WeChat, component: Component, **draft: Any) -> CodeTemplate:
    made = wechat.upload_draft(**draft)
    templates.add_template(component, made.draft_id, by=None)
    newest: CodeTemplate = CodeTemplate.objects.order_by("-template_id")[0]
    return newest


@pytest.fixture
def operator(staff: User) -> Client:
    return client_of(staff)


@pytest.fixture
def releaser(db: None) -> Client:
    user = User.objects.create_user("releaser", is_staff=True)
    user.groups.add(Group.objects.get(name="releasers"))
    return client_of(user)


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(path, {} if body is None else body, content_type=JSON, headers=headers)


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def commit(operator: Client, template: CodeTemplate, version: str = "1.2.0") -> Any:
    body = {"template_id": template.template_id, "user_version": version, "user_desc": "new"}
    answer = post(operator, VERSIONS, body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def submit(operator: Client) -> str:
    answer = post(operator, AUDITS)
    assert answer.status_code == 201, answer.content
    auditid: str = answer.json()["auditid"]
    return auditid


# The whole way


def test_a_version_goes_from_template_to_release_and_back(
    operator: Client,
    releaser: Client,
    wechat: WeChat,
    component: Component,
    shop: Authorizer,
    template: CodeTemplate,
) -> None:
    for version in ("1.0.0", "2.0.0"):
        commit(operator, template, version)
        auditid = submit(operator)
        wechat.judge(APPID, "pass")
        assert post(operator, f"{AUDITS}{auditid}/refresh/").json()["status"] == "passed"
        released = post(releaser, RELEASE)
        assert released.status_code == 200
        assert released.json() | {"at": ""} == {
            "kind": "release",
            "status": "done",
            "auditid": auditid,
            "user_version": version,
            "app_version": None,
            "live_version": version,
            "at": "",
        }
    back = post(releaser, REVERT)
    assert (back.status_code, back.json()["kind"]) == (200, "revert")
    assert back.json()["live_version"] == "1.0.0"


def test_the_templates_are_listed(operator: Client, template: CodeTemplate) -> None:
    CodeTemplate.objects.filter(pk=template.pk).update(notes="for shops")
    answer = operator.get("/api/v1/templates/").json()
    [row] = answer["results"]
    assert row["template_id"] == template.template_id
    assert (row["type"], row["user_version"], row["notes"]) == ("ordinary", "1.0.0", "for shops")
    assert row["component"] == template.component.appid


def test_templates_that_wechat_has_deleted_are_not(
    operator: Client, template: CodeTemplate, staff: User
) -> None:
    templates.delete_template(template, by=staff)
    assert operator.get("/api/v1/templates/").json()["results"] == []


# Uploading


def test_a_commit_is_told(operator: Client, shop: Authorizer, template: CodeTemplate) -> None:
    made = commit(operator, template)
    assert made | {"id": 0, "created_at": ""} == {
        "id": 0,
        "template_id": template.template_id,
        "user_version": "1.2.0",
        "user_desc": "new",
        "status": "committed",
        "errcode": None,
        "explanation": "",
        "created_at": "",
    }
    assert operator.get(VERSIONS).json()["results"] == [made]
    assert Operation.objects.get(action="commit").actor_name == "operator"


@pytest.mark.parametrize("ext", [{"ext": {"theme": "茶"}}, '{"ext": {"theme": "茶"}}', None])
def test_ext_json_is_an_object_or_text(
    operator: Client, shop: Authorizer, template: CodeTemplate, ext: Any
) -> None:
    body = {"template_id": template.template_id, "user_version": "1", "user_desc": "x"}
    answer = post(operator, VERSIONS, {**body, "ext_json": ext})
    assert answer.status_code == 201
    assert ("茶" in CodeVersion.objects.get().ext_json) is (ext is not None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"template_id": 999}, "template_id"),
        ({"template_id": -1}, "template_id"),
        ({"template_id": 10**30}, "template_id"),
        ({"user_version": "x" * 65}, "user_version"),
        ({"user_version": "\0"}, "user_version"),
        ({"user_version": ""}, "user_version"),
        ({"user_desc": None}, "user_desc"),
        ({"ext_json": []}, "ext_json"),
        ({"ext_json": "{"}, "ext_json"),
        ({"ext_json": "[1]"}, "ext_json"),
        ({"ext_json": '{"ext": NaN}'}, "ext_json"),
        ({"ext_json": {"nonsense": 1}}, "ext_json"),
        ({"ext_json": {"ext": 1}}, "ext_json"),
        ({"ext": {}}, "ext"),
    ],
)
def test_what_wechat_would_not_take_is_told_by_field(
    operator: Client, shop: Authorizer, template: CodeTemplate, change: Any, field: str
) -> None:
    body = {"template_id": template.template_id, "user_version": "1", "user_desc": "x"}
    answer = post(operator, VERSIONS, body | change)
    assert told(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == [field]
    assert not CodeVersion.objects.exists()


def test_a_template_that_our_mirror_lacks_is_looked_for_at_wechat(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    Promotion.objects.all().delete()
    CodeTemplate.objects.all().delete()
    commit(operator, template)


def test_a_second_commit_while_one_is_open(
    operator: Client, shop: Authorizer, template: CodeTemplate
) -> None:
    open_one(shop, template)
    body = {"template_id": template.template_id, "user_version": "1", "user_desc": "x"}
    assert told(post(operator, VERSIONS, body)) == (409, "commit_open")


def open_one(shop: Authorizer, template: CodeTemplate) -> None:
    CodeVersion.objects.create(authorizer=shop, template=template, state="unknown")


def test_a_lost_commit_is_accepted_with_an_unknown_outcome(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    wechat.faults.add(Fault("/wxa/commit", drop="after"))
    body = {"template_id": template.template_id, "user_version": "1", "user_desc": "x"}
    answer = post(operator, VERSIONS, body)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert wechat.ledger.count("/wxa/commit") == 1


# Submitting


def test_every_field_of_a_submission_reaches_wechat(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    category = asdict(call_as(APPID, code.get_category)[0])
    media_id = call_as(APPID, code_review.upload_media, File("image/png", b"picture"))
    item = {"address": "pages/index/index", "tag": "茶", "title": "Shop"}
    body = {
        "item_list": [item | {name: value for name, value in category.items() if value}],
        "preview_info": {"pic_id_list": [media_id]},
        "version_desc": "first",
        "feedback_info": "done",
        "feedback_stuff": media_id,
        "ugc_declare": {"scene": [1, 4], "method": [1], "has_audit_team": 1, "audit_desc": "us"},
        "privacy_api_not_use": True,
        "order_path": "pages/order/list",
    }
    answer = post(operator, AUDITS, body)
    assert answer.status_code == 201, answer.content
    [sent] = wechat.accounts[APPID].program.audits
    assert sent.submission == CodeAudit.objects.get().fields == body


def test_an_audit_in_the_account_and_in_the_list(
    operator: Client, merchant: User, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    for client in (operator, client_of(merchant)):
        audit = client.get(ONE).json()["audit"]
        assert audit | {"submitted_at": ""} == {
            "auditid": auditid,
            "status": "in_review",
            "reason": "",
            "submitted_at": "",
        }
        [listed] = client.get(AUDITS).json()["results"]
        assert listed.items() >= audit.items()
        assert listed["user_version"] == "1.2.0"
        assert (listed["decided_at"], listed["released_at"]) == (None, None)


def test_nothing_to_submit(operator: Client, shop: Authorizer) -> None:
    assert told(post(operator, AUDITS)) == (409, "nothing_committed")


def test_a_second_submission_names_the_open_audit(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    answer = post(operator, AUDITS)
    assert told(answer) == (409, "audit_open")
    assert answer.json()["auditid"] == auditid
    assert wechat.ledger.count("/wxa/submit_audit") == 1


def test_an_open_audit_without_a_number_yet_is_null(
    operator: Client, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    CodeAudit.objects.create(authorizer=shop, appid=APPID, status=CodeAudit.Status.SUBMITTING)
    assert post(operator, AUDITS).json()["auditid"] is None


def test_a_lost_submission_is_accepted_with_an_unknown_outcome(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    wechat.faults.add(Fault("/wxa/submit_audit", drop="after"))
    answer = post(operator, AUDITS)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert told(post(operator, AUDITS)) == (409, "audit_open")
    assert wechat.ledger.count("/wxa/submit_audit") == 1


def test_wechats_refusal_is_told_with_its_meaning(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    wechat.faults.add(Fault("/wxa/submit_audit", errcode=85085, errmsg="submit audit limit"))
    answer = post(operator, AUDITS)
    assert told(answer) == (422, "wechat_refused")
    wechat_said = answer.json()["wechat"]
    assert (wechat_said["errcode"], wechat_said["errmsg"]) == (85085, "submit audit limit")
    assert "(85085)" in wechat_said["explanation"]
    [listed] = operator.get(AUDITS).json()["results"]
    assert (listed["status"], listed["errcode"]) == ("refused", 85085)
    assert listed["explanation"] == wechat_said["explanation"]


def test_wechat_out_of_reach_before_anything_was_sent(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    wechat.faults.add(Fault("/wxa/submit_audit", drop="before"))
    assert told(post(operator, AUDITS)) == (502, "wechat_unreachable")
    submit(operator)


def test_an_account_that_is_not_bound_cannot_be_acted_for(
    operator: Client, component: Component, merchant: User, template: CodeTemplate
) -> None:
    make_authorizer(component, merchant, APPID, state="unbound")
    body = {"template_id": template.template_id, "user_version": "1", "user_desc": "x"}
    assert told(post(operator, VERSIONS, body)) == (503, "not_ready")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"item_list": [{}]}, "item_list"),
        ({"item_list": [{"addres": "x"}]}, "item_list"),
        ({"item_list": {}}, "item_list"),
        ({"version_desc": ""}, "version_desc"),
        ({"version_descr": "x"}, "version_descr"),
        ({"feedback_info": "x" * 201}, "feedback_info"),
        ({"order_path": "\0"}, "order_path"),
        ({"privacy_api_not_use": "perhaps"}, "privacy_api_not_use"),
        ({"ugc_declare": {"scene": "x"}}, "ugc_declare"),
        ({"preview_info": []}, "preview_info"),
        ({"preview_info": [{"pic_id_list": ["m1"]}]}, "preview_info"),
    ],
)
def test_a_submission_that_is_not_valid(
    operator: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
    body: Any,
    field: str,
) -> None:
    commit(operator, template)
    answer = post(operator, AUDITS, body)
    assert told(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == [field]
    assert wechat.count("/wxa/submit_audit") == 0


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b"1", b"[" * 100_000])
def test_a_body_that_is_no_object(operator: Client, shop: Authorizer, body: bytes) -> None:
    answer = operator.post(AUDITS, body, content_type=JSON)
    assert answer.status_code == 400


# Following


def test_a_refresh_brings_the_verdict(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    wechat.judge(APPID, "reject", "1:类目<br>2:内容", pictures=1)
    answer = post(operator, f"{AUDITS}{auditid}/refresh/").json()
    assert (answer["status"], answer["reason"]) == ("rejected", "1:类目\n2:内容")
    assert CodeAudit.objects.get().screenshots.count() == 1
    assert operator.get(ONE).json()["audit"]["status"] == "rejected"


def test_an_audit_of_nobodys_is_not_found(operator: Client, shop: Authorizer) -> None:
    for act in ("refresh", "withdraw"):
        assert told(post(operator, f"{AUDITS}1/{act}/")) == (404, "not_found")


def test_an_audit_of_another_account_is_not_found(
    operator: Client, component: Component, shop: Authorizer, merchant: User
) -> None:
    other = make_authorizer(component, merchant, "wx00000000000000a2")
    CodeAudit.objects.create(authorizer=other, appid=other.appid, auditid="7", status=2)
    assert told(post(operator, f"{AUDITS}7/refresh/")) == (404, "not_found")


def test_a_withdrawal(
    operator: Client, wechat: WeChat, shop: Authorizer, template: CodeTemplate
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    answer = post(operator, f"{AUDITS}{auditid}/withdraw/")
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    assert told(post(operator, f"{AUDITS}{auditid}/withdraw/")) == (409, "no_open_audit")
    assert wechat.ledger.count("/wxa/undocodeaudit") == 1


@pytest.mark.parametrize(
    ("drop", "status"), [("after", 202), ("before", 502)], ids=["lost", "never sent"]
)
def test_a_withdrawal_whose_answer_is_lost(
    operator: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
    drop: Any,
    status: int,
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    wechat.faults.add(Fault("/wxa/undocodeaudit", drop=drop))
    answer = post(operator, f"{AUDITS}{auditid}/withdraw/")
    assert answer.status_code == status
    assert status == 502 or answer.json()["status"] == "unknown"


# Releasing


def test_nothing_was_ever_submitted(releaser: Client, shop: Authorizer) -> None:
    answer = post(releaser, RELEASE)
    assert told(answer) == (409, "audit_not_passed")
    assert answer.json()["auditid"] is None


def test_an_audit_that_has_not_passed_is_not_released(
    operator: Client,
    releaser: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    answer = post(releaser, RELEASE)
    assert told(answer) == (409, "audit_not_passed")
    assert answer.json()["auditid"] == auditid
    assert wechat.ledger.count("/wxa/release") == 0


def test_another_audit_than_the_one_agreed_to_is_not_released(
    operator: Client,
    releaser: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
) -> None:
    commit(operator, template)
    auditid = submit(operator)
    wechat.judge(APPID, "pass")
    answer = post(releaser, RELEASE, {"auditid": "1"})
    assert told(answer) == (409, "audit_not_passed")
    assert answer.json()["auditid"] == auditid
    assert wechat.ledger.count("/wxa/release") == 0
    assert post(releaser, RELEASE, {"auditid": auditid}).status_code == 200


def test_a_release_is_done_once_however_often_it_is_asked_for(
    operator: Client,
    releaser: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
) -> None:
    commit(operator, template)
    submit(operator)
    wechat.judge(APPID, "pass")
    answers = [post(releaser, RELEASE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert wechat.ledger.count("/wxa/release") == 1


def test_a_lost_release_is_accepted_with_an_unknown_outcome(
    operator: Client,
    releaser: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
) -> None:
    commit(operator, template)
    submit(operator)
    wechat.judge(APPID, "pass")
    wechat.faults.add(Fault("/wxa/release", drop="after"))
    answer = post(releaser, RELEASE)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
    assert told(post(releaser, RELEASE)) == (409, "release_open")
    assert wechat.ledger.count("/wxa/release") == 1


def test_a_release_that_takes_two_people(
    operator: Client,
    releaser: Client,
    wechat: WeChat,
    shop: Authorizer,
    template: CodeTemplate,
    settings: Any,
) -> None:
    settings.RELEASE_NEEDS_TWO = True
    commit(operator, template)
    submit(operator)
    wechat.judge(APPID, "pass")
    assert told(post(releaser, RELEASE)) == (409, "needs_second_person")


def test_nothing_to_roll_back_to(releaser: Client, wechat: WeChat, shop: Authorizer) -> None:
    answer = post(releaser, REVERT, {"app_version": 3})
    assert told(answer) == (422, "wechat_refused")
    assert Release.objects.get().app_version == 3


@pytest.mark.parametrize("version", ["x", -1, 2**63, None])
def test_a_past_version_has_a_number(releaser: Client, shop: Authorizer, version: Any) -> None:
    assert told(post(releaser, REVERT, {"app_version": version})) == (400, "invalid")


# Who may


ACTS = [
    VERSIONS,
    AUDITS,
    f"{AUDITS}7/refresh/",
    f"{AUDITS}7/withdraw/",
    RELEASE,
    REVERT,
]


@pytest.fixture
def rows(component: Component, merchant: User) -> CodeAudit:
    row = make_authorizer(component, merchant, APPID)
    return CodeAudit.objects.create(authorizer=row, appid=APPID, auditid="7", status=2)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", ACTS)
def test_merchants_do_not_act(merchant: User, other_merchant: User, path: str) -> None:
    for user in (merchant, other_merchant):
        assert told(post(client_of(user), path)) == (403, "permission_denied")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", ACTS)
def test_staff_without_the_permission_do_not_act(path: str) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    assert told(post(client_of(clerk), path)) == (403, "permission_denied")


@pytest.mark.usefixtures("rows")
def test_operators_do_not_release_and_releasers_do_not_submit(
    operator: Client, releaser: Client
) -> None:
    for path in (RELEASE, REVERT):
        assert told(post(operator, path)) == (403, "permission_denied")
    for path in (VERSIONS, AUDITS, f"{AUDITS}7/withdraw/"):
        assert told(post(releaser, path)) == (403, "permission_denied")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("path", "owner", "other"),
    [(AUDITS, 200, 404), (VERSIONS, 403, 403), ("/api/v1/templates/", 403, 403)],
)
def test_what_merchants_may_read(
    merchant: User, other_merchant: User, path: str, owner: int, other: int
) -> None:
    assert client_of(merchant).get(path).status_code == owner
    assert client_of(other_merchant).get(path).status_code == other


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_whoever_may_only_read_may_do_nothing_else(
    shop: Authorizer, merchant: User, method: str
) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    for codename in ("view_authorizer", "view_codeaudit"):
        reader.user_permissions.add(Permission.objects.get(codename=codename))
    for user in (merchant, reader):
        assert client_of(user).get(AUDITS).status_code == 200
        assert told(client_of(user).generic(method, AUDITS)) == (403, "permission_denied")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("path", [RELEASE, REVERT, f"{AUDITS}7/refresh/"])
def test_acts_cannot_be_read(operator: Client, path: str) -> None:
    assert told(operator.get(path)) == (405, "method_not_allowed")


@pytest.mark.parametrize("appid", ["wx9", "%00", "x"])
def test_an_account_of_nobodys_is_not_found(operator: Client, appid: str) -> None:
    path = f"/api/v1/authorizers/{appid}/audits/"
    assert told(operator.get(path)) == (404, "not_found")
    assert told(post(operator, path)) == (404, "not_found")


# Lists


def test_audits_come_newest_first_in_pages_of_fifty(operator: Client, rows: CodeAudit) -> None:
    for number in range(60):
        CodeAudit.objects.create(
            authorizer=rows.authorizer, appid=APPID, auditid=str(100 + number), status=1
        )
    first = operator.get(AUDITS).json()
    second = operator.get(first["next"]).json()
    found = [audit["auditid"] for page in (first, second) for audit in page["results"]]
    assert found == [*(str(100 + number) for number in reversed(range(60))), "7"]
    assert len(first["results"]) == 50


def test_the_accounts_ask_for_their_audits_together(
    component: Component, merchant: User, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        row = make_authorizer(component, merchant, f"wx{number:016d}")
        for auditid in (1, 2):
            CodeAudit.objects.create(
                authorizer=row, appid=row.appid, auditid=f"{number}{auditid}", status=1
            )
    api = client_of(merchant)
    with django_assert_num_queries(4):
        listed = api.get("/api/v1/authorizers/").json()["results"]
    assert [row["audit"]["auditid"] for row in listed] == [f"{n}2" for n in reversed(range(20))]


@pytest.mark.parametrize(
    ("status", "values", "word"),
    [
        (0, {}, "passed"),
        (0, {"released_at": "2026-01-01T00:00:00Z"}, "released"),
        (1, {}, "rejected"),
        (2, {}, "in_review"),
        (3, {}, "withdrawn"),
        (4, {}, "delayed"),
        (-1, {}, "submitting"),
        (-2, {}, "refused"),
        (-3, {}, "unknown"),
    ],
)
def test_the_words_of_the_contract(
    merchant: User, component: Component, status: int, values: Any, word: str
) -> None:
    row = make_authorizer(component, merchant, APPID)
    CodeAudit.objects.create(authorizer=row, appid=APPID, status=status, **values)
    assert client_of(merchant).get(ONE).json()["audit"]["status"] == word


def test_more_acts_than_three_hundred_a_minute_are_too_many(
    operator: Client, rows: CodeAudit
) -> None:
    answers = [post(operator, f"{AUDITS}9/withdraw/").status_code for _ in range(301)]
    assert answers == [404] * 300 + [429]
    assert operator.get(AUDITS).status_code == 200
