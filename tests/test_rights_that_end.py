"""Somebody's account or right ends while an act of theirs waits: it has no effect any more."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from audits.models import CampaignItem, CodeTemplate
from audits.problems import NeedsReleaseRight, NeedsSecondPerson
from audits.services import campaigns, releasing
from messaging.models import Conversation, Reply
from messaging.services import customer_service
from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding, trading
from platform_auth.models import Component, Operation
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.chatting import Chat
from tests.conftest import Bound
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rollouts import (
    COMMIT,
    RELEASE,
    SUBMIT,
    effects,
    make_campaign,
    make_shops,
    make_template,
    states,
    work,
    work_and_wait,
)
from wechat.replies import Text

pytestmark = pytest.mark.django_db(transaction=True)

State = CampaignItem.State
SEND = "/cgi-bin/message/custom/send"


def switch_off(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def take_rights(person: User) -> None:
    person.groups.clear()


def delete(person: User) -> None:
    User.objects.filter(pk=person.pk).delete()


ENDS = [switch_off, take_rights, delete]


def staff_member(name: str) -> User:
    user = User.objects.create_user(name, password=f"{name}-password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    return user


@pytest.fixture
def template(wechat: WeChat, component: Component, ticket: str) -> CodeTemplate:
    wechat.reviews.review_seconds = 0
    return make_template(wechat, component)


@pytest.mark.parametrize("end", ENDS)
def test_a_campaign_stops_before_its_first_upload(
    wechat: WeChat, component: Component, template: CodeTemplate, end: Any
) -> None:
    make_shops(wechat, component, 3)
    boss = staff_member("boss")
    campaign = make_campaign(template, boss)
    end(boss)

    work_and_wait(3)

    assert effects(wechat, COMMIT) == effects(wechat, SUBMIT) == {}
    campaign.refresh_from_db()
    assert campaign.state == campaign.State.PAUSED
    assert campaign.because
    assert "pause_campaign" in Operation.objects.values_list("action", flat=True)


@pytest.mark.parametrize("end", ENDS)
def test_a_campaign_stops_between_upload_and_submission(
    wechat: WeChat, component: Component, template: CodeTemplate, end: Any
) -> None:
    make_shops(wechat, component, 3)
    boss = staff_member("boss")
    campaign = make_campaign(template, boss)
    wechat.fault("/wxa/security/get_code_privacy_info", errcode=61039, times=9)
    work()
    assert states(campaign) == {State.COMMITTED: 3}
    end(boss)
    wechat.faults.clear()

    work_and_wait(3)

    assert effects(wechat, SUBMIT) == {}
    campaign.refresh_from_db()
    assert campaign.state == campaign.State.PAUSED


def test_whoever_resumes_it_answers_for_it(
    wechat: WeChat, component: Component, template: CodeTemplate
) -> None:
    make_shops(wechat, component, 3)
    boss, colleague = staff_member("boss"), staff_member("colleague")
    campaign = make_campaign(template, boss, auto_release=True)
    switch_off(boss)
    work()
    campaigns.resume_campaign(campaign, by=colleague)

    work_and_wait()

    assert states(campaign) == {State.RELEASED: 3}
    acts = Operation.objects.filter(action__in=["commit", "submit_audit", "release"])
    assert set(acts.values_list("actor_name", flat=True)) == {"colleague"}


def may_not_release(person: User) -> None:
    person.groups.remove(Group.objects.get(name="releasers"))


@pytest.mark.parametrize("end", [*ENDS, may_not_release])
def test_a_campaign_that_releases_by_itself_pauses_before_a_release(
    wechat: WeChat, component: Component, template: CodeTemplate, end: Any
) -> None:
    shops = make_shops(wechat, component, 3)
    boss, colleague = staff_member("boss"), staff_member("colleague")
    wechat.reviews.review_seconds = None
    campaign = make_campaign(template, boss, auto_release=True)
    work()
    assert states(campaign) == {State.IN_REVIEW: 3}
    end(boss)
    for shop in shops:
        wechat.judge(shop.appid, "pass")

    work_and_wait(3)

    assert effects(wechat, RELEASE) == {}
    assert states(campaign) == {State.PASSED: 3}
    campaign.refresh_from_db()
    assert campaign.state == campaign.State.PAUSED
    assert campaign.because
    may_not_release(colleague)
    with pytest.raises(NeedsReleaseRight):
        campaigns.resume_campaign(campaign, by=colleague)
    colleague.groups.add(Group.objects.get(name="releasers"))
    campaigns.resume_campaign(campaign, by=colleague)
    work_and_wait(3)
    assert states(campaign) == {State.RELEASED: 3}
    released = Operation.objects.filter(action="release").values_list("actor_name", flat=True)
    assert set(released) == {"colleague"}


@pytest.mark.parametrize("end", ENDS)
def test_a_release_that_waits_for_a_worker_is_refused(
    wechat: WeChat, component: Component, template: CodeTemplate, end: Any
) -> None:
    make_shops(wechat, component, 2)
    boss, colleague = staff_member("boss"), staff_member("colleague")
    campaign = make_campaign(template, boss)
    work_and_wait()
    assert states(campaign) == {State.PASSED: 2}
    campaigns.release_passed(campaign, by=colleague)
    end(colleague)

    work_and_wait(3)

    assert effects(wechat, RELEASE) == {}
    assert states(campaign) == {State.PASSED: 2}
    campaigns.release_passed(campaign, by=boss)
    work_and_wait(3)
    assert states(campaign) == {State.RELEASED: 2}


@pytest.mark.parametrize("end", ENDS)
def test_the_consent_of_somebody_who_has_left_releases_nothing(
    desk: Desk, settings: Any, end: Any
) -> None:
    settings.RELEASE_NEEDS_TWO = True
    first, second = staff_member("first"), staff_member("second")
    audit = desk.approve()
    releasing.approve_release(audit, by=first)
    end(first)

    with pytest.raises(NeedsSecondPerson):
        releasing.release_newest_audit(desk.shop, by=second)
    assert desk.asked(RELEASE) == 0

    releasing.approve_release(audit, by=staff_member("third"))
    releasing.release_newest_audit(desk.shop, by=second)
    assert desk.done(RELEASE) == 1


@pytest.fixture
def conversation(wechat: WeChat, bound: Bound, deliver: Deliver) -> Conversation:
    """A user has written."""
    Chat(wechat, bound(), deliver).say("hello")
    return Conversation.objects.select_related("authorizer").get()


def waiting_reply(wechat: WeChat, conversation: Conversation, by: User) -> Reply:
    """A message of BY's that WeChat was too busy to take."""
    wechat.fault(SEND, errcode=-1)
    reply = customer_service.send_message(conversation, Text("hi"), by=by)
    assert reply.state == Reply.State.DUE
    return reply


@pytest.mark.parametrize("end", ENDS)
def test_a_message_that_waits_is_not_sent_for_somebody_who_has_left(
    wechat: WeChat, conversation: Conversation, staff: User, end: Any
) -> None:
    reply = waiting_reply(wechat, conversation, staff)
    end(staff)

    Reply.objects.update(due_at=reply.at)
    customer_service.REPLIES.run()

    reply.refresh_from_db()
    assert reply.state == Reply.State.FAILED
    assert wechat.count(SEND, effect=True) == 0


def test_nor_for_a_merchant_whose_account_is_another_s_by_now(
    wechat: WeChat, conversation: Conversation, merchant: User, other_merchant: User
) -> None:
    merchant.groups.add(Group.objects.get(name="merchants who answer"))
    reply = waiting_reply(wechat, conversation, merchant)
    Authorizer.objects.update(owner=other_merchant)

    Reply.objects.update(due_at=reply.at)
    customer_service.REPLIES.run()

    reply.refresh_from_db()
    assert reply.state == Reply.State.FAILED
    assert wechat.count(SEND, effect=True) == 0


def test_a_colleague_may_send_it_again(
    wechat: WeChat, conversation: Conversation, staff: User
) -> None:
    reply = waiting_reply(wechat, conversation, staff)
    switch_off(staff)
    Reply.objects.update(due_at=reply.at)
    customer_service.REPLIES.run()
    reply.refresh_from_db()

    again = customer_service.resend_message(reply, by=staff_member("colleague"))

    assert again.state == Reply.State.SENT


@pytest.mark.parametrize("end", [switch_off, delete])
def test_what_a_merchant_binds_waits_for_staff_if_they_have_left(
    wechat: WeChat, ticket: str, merchant: User, end: Any
) -> None:
    theirs = wechat.create_account()
    opened = binding.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, theirs.appid)
    end(merchant)

    done = trading.finish_binding(opened, code)

    assert done.status == Binding.Status.UNCLAIMED
    assert done.refresh_token
    assert not Authorizer.objects.filter(appid=theirs.appid).exists()
