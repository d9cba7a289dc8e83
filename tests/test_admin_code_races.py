"""Releases when several things happen at once."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import CodeAudit, CodeTemplate, Release
from audits.services import committing, submitting, templates
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.test_admin_code_acts import RELEASE_CALL, do, judge, make_releaser, text_of, url
from tests.threads import together

pytestmark = pytest.mark.django_db(transaction=True)

CLICKS = 20


@pytest.fixture
def template(wechat: WeChat, component: Component, ticket: str) -> CodeTemplate:
    draft = wechat.upload_draft()
    templates.add_template(component, draft.draft_id, by=None)
    return CodeTemplate.objects.get()


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(nick_name="Tea house")


def new_audit(shop: Authorizer, template: CodeTemplate, version: str) -> CodeAudit:
    committing.commit_template(shop, template, user_version=version, user_desc="new", by=None)
    return submitting.submit_newest_version(shop, by=None)


@pytest.fixture
def passed(shop: Authorizer, template: CodeTemplate, wechat: WeChat, deliver: Deliver) -> CodeAudit:
    audit = new_audit(shop, template, "1.2.0")
    judge(wechat, deliver, audit, "pass")
    return audit


def clicks(passed: CodeAudit) -> list[Any]:
    clients = [make_releaser(f"releaser {number}") for number in range(CLICKS)]

    def click(client: Client) -> str:
        said = {"auditid": passed.auditid, "confirmed": "yes"}
        return text_of(client.post(url(passed.authorizer, "release"), said, follow=True))

    return together([partial(click, client) for client in clients])


def test_twenty_clicks_at_once_are_one_release(passed: CodeAudit, wechat: WeChat) -> None:
    wechat.fault(RELEASE_CALL, delay=0.5)
    told = clicks(passed)
    assert not [one for one in told if isinstance(one, Exception)]
    assert wechat.count(RELEASE_CALL) == 1
    assert wechat.accounts[passed.appid].program.released == 1
    assert Release.objects.filter(state="done").count() == 1
    for page in told:
        # Or there was no place to wait for WeChat at.
        answers = ("is online", "release is still under way", "many are waiting for it")
        assert any(answer in page for answer in answers)
    passed.refresh_from_db()
    assert passed.released_at
    assert passed.events.filter(after="released").count() == 1


def test_a_version_submitted_here_and_passed_meanwhile_is_not_released_instead(
    passed: CodeAudit, template: CodeTemplate, wechat: WeChat, deliver: Deliver
) -> None:
    """The page that asks was open for long."""
    releaser, shop = make_releaser("releaser"), passed.authorizer
    shown = releaser.get(url(shop, "release")).context["form"].initial
    assert shown == {"auditid": passed.auditid}
    newer = new_audit(shop, template, "1.3.0")
    judge(wechat, deliver, newer, "pass")
    for act in ("release", "gray-release"):
        said = {**shown, "percentage": "20"}
        told = text_of(releaser.post(url(shop, act), said, follow=True))
        assert f"The newest audit {newer.auditid} has not passed (another version" in told
    assert wechat.count(RELEASE_CALL) == wechat.count("/wxa/grayrelease") == 0
    assert "version 1.3.0 is online" in do(releaser, shop, "release")


def test_a_version_passed_elsewhere_is_not_released_instead(
    passed: CodeAudit, wechat: WeChat, deliver: Deliver
) -> None:
    """Somebody submitted with another tool: only WeChat knows of it."""
    releaser, shop = make_releaser("releaser"), passed.authorizer
    shown = releaser.get(url(shop, "release")).context["form"].initial
    elsewhere = submit_elsewhere(wechat, shop)
    told = text_of(releaser.post(url(shop, "release"), shown, follow=True))
    assert f"The newest audit {elsewhere} has not passed (another version" in told
    assert wechat.count(RELEASE_CALL) == 0
    passed.refresh_from_db()
    assert passed.released_at is None


def submit_elsewhere(wechat: WeChat, shop: Authorizer) -> str:
    """What another client of WeChat's does; its pushes do not reach us."""
    account = wechat.accounts[shop.appid]
    with wechat.lock:
        trial = account.program.need_trial()
        audit = wechat.reviews.submit(wechat.component, account, trial, {})
    wechat.judge(shop.appid, "pass")
    wechat.outbox.clear()
    return str(audit.auditid)


def test_a_released_audit_is_not_released_twice(passed: CodeAudit, wechat: WeChat) -> None:
    releaser, shop = make_releaser("releaser"), passed.authorizer
    for _click in range(2):
        assert "version 1.2.0 is online" in do(releaser, shop, "release")
    assert wechat.count(RELEASE_CALL) == 1
    assert User.objects.filter(username="releaser").exists()
