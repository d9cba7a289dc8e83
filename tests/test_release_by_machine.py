"""The whole road by REST alone: uploaded, promoted, rejected, mended, passed, released."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import resolve

from api.auth import CredentialsSerializer
from api.campaign_fields import CampaignRequestSerializer
from api.drafts import PromoteSerializer
from miniprograms.models import Authorizer, Tag
from platform_auth.models import Component
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.rollouts import COMMIT, SUBMIT, effects, make_shops, work_and_wait
from tests.test_api_code import post
from tests.test_promotions import SOURCE, described

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ticket")]

API = "/api/v1/"


@pytest.fixture
def machine(client: Client) -> Client:
    """A build machine: it logs in as the member of staff whose rights it has."""
    user = User.objects.create_user("build", password="build-password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    login = {"username": "build", "password": "build-password"}
    key = post(client, f"{API}auth/token/", login).json()["token"]
    client.defaults["HTTP_AUTHORIZATION"] = f"Token {key}"
    return client


def items_of(machine: Client, campaign: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = machine.get(f"{API}campaigns/{campaign}/items/").json()["results"]
    return rows


def test_from_the_draft_to_the_release(
    machine: Client, wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    shops = make_shops(wechat, component, 2)
    tea = Tag.objects.create(name="tea")
    for shop in shops:
        shop.tags.add(tea)
        values = {"ext": {"shop": shop.appid[-4:]}}
        url = f"{API}authorizers/{shop.appid}/ext/"
        answer = machine.put(url, values, content_type="application/json")
        assert answer.status_code == 200

    # A developer's machine uploads with WeChat's tool, and tells us.
    wechat.upload_draft(user_version="2.0.0", user_desc="会员中心", source_appid=SOURCE)
    upload = described(wechat, source_appid=SOURCE, user_version="2.0.0")
    campaign = {"tag": "tea", "start": True}
    answer = post(machine, f"{API}drafts/promote/", {**upload, "campaign": campaign})
    assert answer.status_code == 201, answer.content
    first = answer.json()["campaign"]["id"]
    work_and_wait(1)
    assert {row["state"] for row in items_of(machine, first)} == {"in_review"}

    # WeChat rejects it.
    for shop in shops:
        wechat.judge(shop.appid, "reject", "1:页面内容不完整")
    wechat.deliver_all(deliver)
    work_and_wait(1)
    rejected = items_of(machine, first)
    assert {row["state"] for row in rejected} == {"rejected"}
    assert all("页面内容不完整" in row["reason"] for row in rejected)
    assert machine.get(f"{API}campaigns/{first}/").json()["state"] == "done"

    # Mended, uploaded again, and brought to those that have not got it.
    wechat.upload_draft(user_version="2.0.1", user_desc="补充页面内容", source_appid=SOURCE)
    upload = described(wechat, source_appid=SOURCE, user_version="2.0.1")
    campaign = {"tag": "tea", "never_live": True, "start": True}
    answer = post(machine, f"{API}drafts/promote/", {**upload, "campaign": campaign})
    assert answer.status_code == 201, answer.content
    second = answer.json()["campaign"]["id"]
    work_and_wait(1)
    for shop in shops:
        wechat.judge(shop.appid, "pass")
    wechat.deliver_all(deliver)
    work_and_wait(1)
    assert {row["state"] for row in items_of(machine, second)} == {"passed"}

    # Released.
    assert post(machine, f"{API}campaigns/{second}/release/").status_code == 200
    work_and_wait(1)
    assert {row["state"] for row in items_of(machine, second)} == {"released"}
    for shop in shops:
        online = wechat.accounts[shop.appid].program.online
        assert online is not None
        assert online.version.user_version == "2.0.1"
        assert f'"shop": "{shop.appid[-4:]}"' in online.version.ext_json
        status = machine.get(f"{API}authorizers/{shop.appid}/").json()["audit"]["status"]
        assert status == "released"
    appids = {row.appid for row in Authorizer.objects.all()}
    assert effects(wechat, COMMIT) == effects(wechat, SUBMIT) == dict.fromkeys(appids, 2)

    # Nobody is left below it.
    below = {"template_id": answer.json()["template_id"], "user_version": "2.0.1"}
    answer = post(machine, f"{API}campaigns/", {**below, "user_desc": "x", "live_below": "2.0.1"})
    assert answer.status_code == 409


# The document says the same.

DOCUMENT = Path(__file__).parent.parent / "docs" / "releases-by-machine.md"
ADDRESS = re.compile(r'"\$PLATFORM(/[^?"]*)')
BODY = re.compile(r"-d '(\{.*\})'", re.DOTALL)
SHELL = re.compile(r"'\"\$(\w+)\"'")
FORMS = {
    "/api/v1/auth/token/": CredentialsSerializer,
    "/api/v1/drafts/promote/": PromoteSerializer,
    "/api/v1/campaigns/": CampaignRequestSerializer,
}


def documented() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [line for line in "\n".join(blocks).split("curl -s") if "$PLATFORM" in line]


@pytest.mark.parametrize("line", documented())
def test_what_the_document_sends_is_what_the_api_takes(line: str) -> None:
    [path] = ADDRESS.findall(line)
    assert resolve(path)
    if body := BODY.search(line):
        since = {"SINCE": "2026-01-01T00:00:00Z"}
        text = SHELL.sub(lambda match: since.get(match[1], match[1]), body[1])
        form = FORMS[path](data=json.loads(text))
        assert form.is_valid(), form.errors
