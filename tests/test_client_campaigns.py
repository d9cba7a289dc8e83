"""Campaigns by a client's key: of its accounts alone, and released only with the scope for that."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audits.models import CampaignItem, CodeTemplate
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.rollouts import make_shops, make_template
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.test_api_code import post

pytestmark = pytest.mark.django_db(transaction=True)

CAMPAIGNS = "/api/v1/campaigns/"


@pytest.fixture
def template(wechat: WeChat, ticket: str, component: Component) -> CodeTemplate:
    return make_template(wechat, component)


@pytest.fixture
def shops(wechat: WeChat, component: Component, template: CodeTemplate) -> list[Authorizer]:
    return make_shops(wechat, component, 3)


@pytest.fixture
def boss(db: None) -> User:
    user = User.objects.create_user("boss", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    return user


def prepare(client: Client, template: CodeTemplate, **rules: Any) -> Any:
    texts = {"user_version": "2.0.0", "user_desc": "x"}
    return post(client, CAMPAIGNS, {"template_id": template.template_id, **texts, **rules})


def test_it_goes_to_no_account_but_the_clients(
    boss: User, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    narrow = bearer(make_key(boss, "code:write", appids=shops[0].appid))
    assert prepare(narrow, template, state="bound").status_code == 201
    [item] = CampaignItem.objects.all()
    assert item.authorizer == shops[0]
    answer = prepare(narrow, template, appids=[shops[1].appid])
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["appids"])


def test_one_that_is_about_other_accounts_is_not_there(
    boss: User, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    wide = bearer(make_key(boss, "code:write"))
    narrow = bearer(make_key(boss, "code:write", appids=f"{shops[0].appid},{shops[1].appid}"))
    own = prepare(narrow, template, appids=[shops[0].appid]).json()["id"]
    other = prepare(wide, template, appids=[shops[1].appid, shops[2].appid]).json()["id"]
    listed = [row["id"] for row in narrow.get(CAMPAIGNS).json()["results"]]
    assert listed == [own]
    for end in ("", "items/", "plan/"):
        statuses = [narrow.get(f"{CAMPAIGNS}{pk}/{end}").status_code for pk in (own, other)]
        assert statuses == [200, 404], end
    assert post(narrow, f"{CAMPAIGNS}{other}/start/").status_code == 404
    assert len(wide.get(CAMPAIGNS).json()["results"]) == 2


def test_releases_need_their_own_scope(
    boss: User, template: CodeTemplate, shops: list[Authorizer]
) -> None:
    writer = bearer(make_key(boss, "code:write"))
    releaser = bearer(make_key(boss, "code:write", "code:release"))
    refused = (403, "missing_scope")
    assert (
        status_and_code(prepare(writer, template, state="bound", release="when_passed")) == refused
    )
    pk = prepare(releaser, template, state="bound", release="when_passed").json()["id"]
    for act in ("start", "release", "go-on", "retry"):
        assert status_and_code(post(writer, f"{CAMPAIGNS}{pk}/{act}/")) == refused, act
    assert post(releaser, f"{CAMPAIGNS}{pk}/start/").status_code == 200
    assert post(writer, f"{CAMPAIGNS}{pk}/pause/").status_code == 200
    assert status_and_code(post(writer, f"{CAMPAIGNS}{pk}/resume/")) == refused
    only_release = bearer(make_key(boss, "code:release"))
    assert status_and_code(post(only_release, f"{CAMPAIGNS}{pk}/release/")) == refused
