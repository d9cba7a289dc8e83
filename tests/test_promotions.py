"""REST: the draft that a machine has just uploaded becomes a template, and a campaign begins."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from audits.models import Campaign, CodeTemplate, Promotion
from audits.services.ext_values import save_values
from audits.services.templates import sync_templates
from audits.tasks import reconcile_acts
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.rollouts import make_shops
from tests.test_api_authorizers import client_of
from tests.test_api_campaigns import client_in
from tests.test_api_code import post
from wechat import code_templates

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.any_database,
    pytest.mark.usefixtures("ticket"),
]

PROMOTE = "/api/v1/drafts/promote/"
ADD, LIST = "/wxa/addtotemplate", "/wxa/gettemplatelist"
SOURCE, OTHER = "wx5a0d1e2f3b4c5dff", "wx5a0d1e2f3b4c5dfe"


@pytest.fixture
def operator(db: None) -> Client:
    return client_in("operators")


def described(wechat: WeChat, **more: Any) -> dict[str, Any]:
    """What a machine says of what it uploaded within this minute."""
    since = datetime.fromtimestamp(wechat.clock(), UTC) - timedelta(minutes=1)
    return {"newer_than": since.isoformat(), **more}


def promote(client: Client, wechat: WeChat, key: str = "", **more: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return post(client, PROMOTE, described(wechat, **more), **headers)


def test_the_newest_fitting_draft_becomes_a_template(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft(user_version="1.0.0", source_appid=OTHER)
    draft = wechat.upload_draft(user_version="2.0.0", user_desc="会员中心")

    answer = promote(operator, wechat, source_appid=SOURCE, user_version="2.0.0")

    assert answer.status_code == 201, answer.content
    data = answer.json()
    [template] = wechat.component.library.templates.values()
    assert (data["status"], data["template_id"]) == ("done", template.template_id)
    assert (data["draft_id"], data["source_appid"]) == (draft.draft_id, SOURCE)
    assert (data["user_version"], data["user_desc"]) == ("2.0.0", "会员中心")
    assert (data["component"], data["campaign"]) == (component.appid, None)
    assert CodeTemplate.objects.get().template_id == template.template_id
    assert Operation.objects.filter(action="add_template", actor_name="operators").exists()


def test_the_right_template_is_found_among_others_of_the_same_version(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    for _number in range(3):
        theirs = wechat.upload_draft(user_version="2.0.0")
        wechat.component.library.keep(theirs.draft_id, 0, int(wechat.clock()))
    sync_templates(component)
    draft = wechat.upload_draft(user_version="2.0.0")

    data = promote(operator, wechat).json()

    kept = wechat.component.library.templates[data["template_id"]]
    assert kept.draft is draft


@pytest.mark.parametrize(
    "wanted",
    [{"user_version": "9.9.9"}, {"user_desc": "another"}, {"source_appid": OTHER}, {"late": True}],
)
def test_where_none_fits_nothing_is_added(
    operator: Client, wechat: WeChat, component: Component, wanted: dict[str, Any]
) -> None:
    wechat.upload_draft(user_version="2.0.0")
    body = described(wechat, **wanted)
    if body.pop("late", False):
        body["newer_than"] = datetime.fromtimestamp(wechat.clock() + 60, UTC).isoformat()

    answer = post(operator, PROMOTE, body)

    assert (answer.status_code, answer.json()["code"]) == (409, "no_fitting_draft")
    assert wechat.count(ADD) == 0


def test_two_that_fit_are_named(operator: Client, wechat: WeChat, component: Component) -> None:
    first = wechat.upload_draft(user_version="2.0.0", source_appid=OTHER)
    second = wechat.upload_draft(user_version="2.0.0")

    answer = promote(operator, wechat, user_version="2.0.0")

    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_draft")
    candidates = {one["source_appid"]: one["draft_id"] for one in answer.json()["candidates"]}
    assert candidates == {OTHER: first.draft_id, SOURCE: second.draft_id}
    assert wechat.count(ADD) == 0
    assert promote(operator, wechat, source_appid=OTHER).status_code == 201


def test_it_is_added_once_however_often_it_is_asked_for(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()
    body, key = described(wechat), {"Idempotency-Key": "build-7"}
    first = post(operator, PROMOTE, body, **key)
    replayed = post(operator, PROMOTE, body, **key)
    again = post(operator, PROMOTE, body)
    assert [answer.status_code for answer in (first, replayed, again)] == [201, 201, 200]
    assert first.json() == replayed.json() == again.json()
    assert replayed["Idempotency-Replayed"] == "true"
    assert wechat.count(ADD) == 1


def test_a_lost_answer_is_asked_about_at_once(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()
    wechat.fault(ADD, drop="after")
    answer = promote(operator, wechat)
    assert (answer.status_code, answer.json()["status"]) == (201, "done")
    assert wechat.count(ADD) == 1


def test_what_may_have_been_lost_is_never_repeated_blindly(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    draft = wechat.upload_draft()
    wechat.fault(ADD, drop="after", effect=False)
    for _time in range(4):
        answer = promote(operator, wechat)
        assert (answer.status_code, answer.json()["status"]) == (202, "unknown")
        assert answer.json()["template_id"] is None
    assert wechat.count(ADD) == 1
    # It came late.
    kept = wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    answer = promote(operator, wechat)
    assert (answer.status_code, answer.json()["template_id"]) == (200, kept.template_id)


def test_what_never_arrived_may_be_tried_again_once_that_is_sure(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()
    wechat.fault(ADD, drop="after", effect=False)
    promote(operator, wechat)
    for _look in range(3):
        Promotion.objects.exclude(due_at=None).update(due_at=Now())
        reconcile_acts()
    assert Promotion.objects.get().state == "refused"
    assert promote(operator, wechat).status_code == 201
    assert len(wechat.component.library.templates) == 1


def test_nothing_is_added_while_the_library_cannot_be_read(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()
    wechat.fault(LIST, status=500, times=None)
    answer = promote(operator, wechat)
    assert (answer.status_code, answer.json()["code"]) == (502, "wechat_unreachable")
    assert wechat.count(ADD) == 0
    wechat.faults.clear()
    assert promote(operator, wechat).status_code == 201


def test_what_wechat_refuses_is_told(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()
    wechat.fault(ADD, errcode=85064)
    answer = promote(operator, wechat)
    assert answer.status_code == 422
    assert answer.json()["wechat"]["errcode"] == 85064
    assert Promotion.objects.get().state == "refused"
    assert promote(operator, wechat).status_code == 201


def test_a_full_library_is_said_before_the_call(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    for number in range(code_templates.LIBRARY_LIMIT):
        draft = wechat.upload_draft(user_version=f"1.0.{number}")
        wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    wechat.upload_draft(user_version="2.0.0")
    answer = promote(operator, wechat)
    assert (answer.status_code, answer.json()["code"]) == (409, "library_full")
    assert wechat.count(ADD) == 0


def test_several_platforms_must_be_told_apart(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()
    register_component(appid="wx0123456789abcd00", secret="s" * 32, token="t" * 8, aes_key="k" * 43)
    answer = promote(operator, wechat)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["component"])
    assert promote(operator, wechat, component=component.appid).status_code == 201
    assert promote(operator, wechat, component="wx404").status_code == 400


@pytest.mark.parametrize("newer_than", [None, "yesterday"])
def test_when_it_was_uploaded_must_be_said(
    operator: Client, component: Component, newer_than: str | None
) -> None:
    answer = post(operator, PROMOTE, {"newer_than": newer_than} if newer_than else {})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["newer_than"])


def test_the_draft_box_can_be_looked_at(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    draft = wechat.upload_draft(user_version="2.0.0", developer="王开发")
    [row] = operator.get("/api/v1/drafts/").json()["results"]
    assert (row["draft_id"], row["developer"]) == (draft.draft_id, "王开发")
    assert row["uploaded_at"].endswith("Z")


# A campaign of it.


@pytest.fixture
def shops(wechat: WeChat, component: Component) -> list[Authorizer]:
    return make_shops(wechat, component, 2)


def test_a_campaign_of_it_is_made_and_started(
    operator: Client, wechat: WeChat, shops: list[Authorizer]
) -> None:
    wechat.upload_draft(user_version="2.0.0", user_desc="会员中心")
    rules = {"state": "bound", "canary": 1, "start": True}

    data = promote(operator, wechat, campaign=rules).json()

    campaign = data["campaign"]
    assert (campaign["state"], campaign["total"]) == ("running", 2)
    assert campaign["template_id"] == data["template_id"]
    assert (campaign["user_version"], campaign["user_desc"]) == ("2.0.0", "会员中心")
    assert Campaign.objects.get().run_by == Campaign.objects.get().created_by


def test_what_is_wrong_with_the_campaign_is_found_before_the_draft_is_added(
    operator: Client, wechat: WeChat, shops: list[Authorizer]
) -> None:
    wechat.upload_draft()
    wrong: list[tuple[dict[str, Any], int]] = [
        ({}, 400),
        ({"appids": ["wx00000000000000ff"]}, 400),
        ({"tag": "nobody"}, 400),
        ({"state": "bound", "release": "when_passed"}, 403),
        ({"search": "nobody is called so"}, 409),
    ]
    for rules, status in wrong:
        assert promote(operator, wechat, campaign=rules).status_code == status, rules
    assert wechat.count(ADD) == 0


def test_a_campaign_takes_more_rights_than_a_template(
    wechat: WeChat, shops: list[Authorizer]
) -> None:
    user = User.objects.create_user("librarian", is_staff=True)
    user.groups.set(Group.objects.filter(name="operators"))
    librarian = client_of(user)
    may_submit = Permission.objects.get(codename="submit_audit")
    Group.objects.get(name="operators").permissions.remove(may_submit)
    wechat.upload_draft()
    assert promote(librarian, wechat, campaign={"state": "bound"}).status_code == 403
    assert wechat.count(ADD) == 0
    assert promote(librarian, wechat).status_code == 201


def test_defaults_and_schema_of_the_template_before_it_go_on(
    operator: Client, staff: User, wechat: WeChat, shops: list[Authorizer]
) -> None:
    wechat.upload_draft(user_version="1.0.0")
    promote(operator, wechat)
    first = CodeTemplate.objects.get()
    save_values(first, {"ext": {"theme": "green"}}, by=staff, seen=0)
    wechat.upload_draft(user_version="2.0.0")
    data = promote(operator, wechat, campaign={"state": "bound"}).json()
    plan = operator.get(f"/api/v1/campaigns/{data['campaign']['id']}/plan/").json()
    assert all('"theme": "green"' in row["ext_json"] for row in plan["results"])


@pytest.mark.postgres
def test_two_machines_at_once_make_one_template(
    operator: Client, wechat: WeChat, component: Component
) -> None:
    wechat.upload_draft()

    def ask(_number: int) -> int:
        try:
            return int(promote(operator, wechat).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(ask, range(6)))
    assert set(statuses) <= {200, 201, 202}
    assert wechat.count(ADD) == 1
    assert promote(operator, wechat).json()["status"] == "done"
