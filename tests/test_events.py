"""What happens to accounts and their code is told to targets: signed, in order, never lost."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from jsonschema import Draft202012Validator

from audits.services import releasing, submitting, verdicts
from messaging import tasks
from messaging.models import ForwardRule
from messaging.services.event_types.catalogue import EVENT_TYPES
from miniprograms import tasks as miniprogram_tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding, trading
from miniprograms.services.reconciling import reconcile
from miniprograms.services.unbinding import unbind_locally
from miniprograms.services.unclaimed import assign_unclaimed
from miniprograms.tokens import authorizer_token
from platform_auth.models import Component
from sandbox.world.standing import ALERTED, FROZEN, NORMAL
from tests.conftest import Bound
from tests.desk import LIVE, RELEASE, UNDO, Desk
from tests.forwards import Backend, Town
from tests.forwards import town as town
from tests.rollouts import make_template
from wechat.errors import WeChatError

# Deliveries are carried out in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)

OWN = [{"kind": group} for group in ("authorizer", "audit", "release", "account")]


def listener(town: Town, *rules: dict[str, Any], **more: Any) -> Backend:
    """A target that is told of events of ours alone, unless RULES say otherwise."""
    first, *others = rules or OWN
    backend = town.backend(rule=first, **more)
    for rule in others:
        ForwardRule.objects.create(target=backend.target, **rule)
    return backend


def told(backend: Backend) -> list[tuple[str, dict[str, Any]]]:
    """The events that came, each verified and as the catalogue has it."""
    tasks.forward()
    payloads = backend.told
    for payload in payloads:
        Draft202012Validator(EVENT_TYPES[payload["type"]].schema).validate(payload)
    return [(payload["type"], payload["data"]) for payload in payloads]


def kinds(backend: Backend) -> list[str]:
    return [kind for kind, _data in told(backend)]


@pytest.fixture
def desk(town: Town, component: Component) -> Desk:
    template = make_template(town.wechat, component)
    return Desk(town.wechat, town.shop, template, town.staff, town.carry)


# Accounts


def test_a_binding_is_told_and_then_the_name(
    town: Town, bound: Bound, component: Component
) -> None:
    backend = listener(town)
    shop = bound(nick_name="新店", principal_name="新公司")
    (first, data), (second, changed) = told(backend)
    assert (first, second) == ("authorizer.bound", "authorizer.changed")
    assert (data["appid"], data["component_appid"]) == (shop.appid, component.appid)
    assert (data["state"], data["nick_name"]) == ("bound", "")
    assert data["func_info"] == shop.func_info
    assert "user_ref" not in data
    assert {"nick_name", "principal_name", "user_name"} <= set(changed["changed"])
    assert (changed["nick_name"], changed["principal_name"]) == ("新店", "新公司")
    assert all(identity.startswith("evt_") for identity in backend.ids)


def test_other_sets_are_a_change_and_a_cancellation_the_end(town: Town) -> None:
    backend = listener(town)
    town.wechat.update_authorization(town.shop.appid, [18])
    town.deliver()
    miniprogram_tasks.advance_bindings()
    miniprogram_tasks.fetch_profiles()
    town.wechat.cancel(town.shop.appid)
    town.deliver()
    [(first, changed), (second, unbound)] = told(backend)
    assert (first, changed["changed"]) == ("authorizer.changed", ["authorization", "func_info"])
    assert changed["func_info"] == [18]
    assert (second, unbound["reason"]) == ("authorizer.unbound", "cancelled")
    assert unbound["state"] == "unbound"


def test_a_cancellation_that_comes_twice_is_told_once(town: Town) -> None:
    backend = listener(town)
    for later in (0, 1):
        at = int(town.wechat.clock()) + later
        town.wechat.push("unauthorized", {"AuthorizerAppid": town.shop.appid}, create_time=at)
    town.deliver()
    unbind_locally(town.shop, by=town.staff)
    assert kinds(backend) == ["authorizer.unbound"]


def test_staff_unbind_and_the_owner_comes_back(town: Town, merchant: User) -> None:
    backend = listener(town)
    unbind_locally(town.shop, by=town.staff)
    Authorizer.objects.update(auth_time=1)
    opened = binding.start_binding(user=merchant, session="s")
    code = town.wechat.authorize(opened.pre_auth_code, town.shop.appid)
    trading.finish_binding(opened, code)
    first, second = told(backend)
    assert (first[0], first[1]["reason"]) == ("authorizer.unbound", "unbound_locally")
    assert second[0] == "authorizer.bound"


def test_a_click_binds_again_what_is_bound(town: Town, merchant: User) -> None:
    backend = listener(town)
    opened = binding.start_binding(user=merchant, session="s")
    trading.finish_binding(opened, town.wechat.authorize(opened.pre_auth_code, town.shop.appid))
    assert kinds(backend) == ["authorizer.bound"]


def lose_refresh_token(town: Town) -> None:
    """WeChat's list has none for the account any more."""
    authorization = town.wechat.authorization(town.shop.appid)
    assert authorization is not None
    authorization.refresh_token = ""


def test_tokens_that_are_lost_need_the_owner(town: Town) -> None:
    backend = listener(town)
    lose_refresh_token(town)
    town.wechat.fault("/cgi-bin/component/api_authorizer_token", times=None, errcode=61023)
    Authorizer.objects.update(expires=1, due_at=timezone.now())
    for _ in range(2):
        with pytest.raises(WeChatError):
            authorizer_token(town.shop.appid)
    [(kind, data)] = told(backend)
    assert (kind, data["state"]) == (
        "authorizer.needs_reauthorization",
        "needs_reauthorization",
    )
    assert data["reason"]


def test_what_the_list_gives_up_needs_its_owner_too(town: Town, component: Component) -> None:
    backend = listener(town)
    rows = Authorizer.objects.filter(pk=town.shop.pk)
    rows.update(state=Authorizer.State.NEEDS_RECOVERY, due_at=None)
    lose_refresh_token(town)
    reconcile(component)
    assert kinds(backend) == ["authorizer.needs_reauthorization"]


def test_what_the_list_finds_again_is_told_as_bound(town: Town, component: Component) -> None:
    rows = Authorizer.objects.filter(pk=town.shop.pk)
    rows.update(state="unbound", access_token="", refresh_token="", expires=0, auth_time=1)
    backend = listener(town)
    reconcile(component)
    authorizer_token(town.shop.appid)
    assert kinds(backend) == ["authorizer.bound"]


def test_an_account_that_nobody_asked_for_is_told_once_it_is_somebodys(
    town: Town, merchant: User
) -> None:
    backend = listener(town)
    theirs = town.wechat.create_account()
    code = town.wechat.new_pre_auth_code(town.wechat.component).value
    town.wechat.authorize(code, theirs.appid)
    town.deliver()
    miniprogram_tasks.advance_bindings()
    assert told(backend) == []
    assign_unclaimed(Binding.objects.unclaimed().get(), user=merchant, by=town.staff)
    assert kinds(backend)[0] == "authorizer.bound"


def test_a_new_name_and_a_punishment(town: Town) -> None:
    backend = listener(town)
    town.wechat.rename(town.shop.appid, "新名字")
    town.wechat.set_status(town.shop.appid, ALERTED)
    town.deliver()
    miniprogram_tasks.fetch_profiles()
    punished, changed, alerted = told(backend)
    assert (punished[0], punished[1]["cause"]) == ("account.alerted", "wxa_punish_event")
    assert punished[1]["details"]["illegal_reason"] == "涉嫌违规"
    assert changed[0] == "authorizer.changed"
    assert changed[1]["changed"] == ["nick_name", "account_status"]
    assert (alerted[0], alerted[1]["cause"]) == ("account.alerted", "account_status")
    assert alerted[1]["details"] == {"account_status": ALERTED, "previous_status": NORMAL}


ALERTING: dict[str, dict[str, Any]] = {
    "wxa_illegal_record": {"illegal_record_id": "r1", "illegal_reason": "违规"},
    "annual_renew": {"ExpiredTime": 1700827301},
    "verify_expired": {"ExpiredTime": 1700827301},
    "charge_service_quota_notify": {"event_type": 3, "spu_name": "短信", "total_quota": 100},
    "notify_3rd_wxa_wxverify": {"expired": 1700827301, "message": "请年审"},
}


@pytest.mark.parametrize("kind", ALERTING)
def test_what_wechat_has_against_an_account_is_told(town: Town, kind: str) -> None:
    backend = listener(town)
    fields = ALERTING[kind]
    if kind.startswith("notify"):
        town.wechat.push(kind, {"appid": town.shop.appid, **fields})
        town.wechat.push(kind, {"appid": "wx0000000000000000", **fields})
    else:
        town.wechat.push_message(town.shop.appid, {"MsgType": "event", "Event": kind, **fields})
    town.deliver()
    [(event, data)] = told(backend)
    assert (event, data["cause"], data["appid"]) == ("account.alerted", kind, town.shop.appid)
    details = {name: data["details"][name] for name in fields}
    assert details == {name: str(value) for name, value in fields.items()}
    assert not {"CreateTime", "ToUserName", "Event", "InfoType"} & set(data["details"])


def test_what_is_normal_again_is_no_alert(town: Town) -> None:
    Authorizer.objects.update(account_status=FROZEN)
    backend = listener(town)
    miniprogram_tasks.fetch_profiles()
    Authorizer.objects.update(profile_due_at=timezone.now())
    miniprogram_tasks.fetch_profiles()
    [(kind, data)] = told(backend)
    assert (kind, data["changed"]) == ("authorizer.changed", ["account_status"])


# Code


def test_a_review_and_a_release_are_told_in_their_order(town: Town, desk: Desk) -> None:
    backend = listener(town)
    audit = desk.submit("1.4.0")
    desk.judge("delay", "再等等")
    desk.judge("pass")
    desk.settle()
    desk.release(None)
    events = told(backend)
    assert [kind for kind, _data in events] == [
        "audit.submitted",
        "audit.delayed",
        "audit.passed",
        "release.published",
    ]
    for _kind, data in events:
        assert (data["auditid"], data["user_version"]) == (audit.auditid, "1.4.0")
        assert data["nick_name"] == town.shop.nick_name
    submitted, delayed, passed, released = (data for _kind, data in events)
    assert (submitted["status"], submitted["template_id"]) == (
        "in_review",
        desk.template.template_id,
    )
    assert (submitted["decided_at"], delayed["reason"]) == (None, "再等等")
    assert passed["decided_at"] > passed["submitted_at"]
    assert released["live_before"] == ""


def test_a_rejection_says_why(town: Town, desk: Desk) -> None:
    backend = listener(town)
    desk.submit()
    desk.judge("reject", "1:类目不符<br>2:截图")
    [_submitted, (kind, data)] = told(backend)
    assert (kind, data["status"], data["reason"]) == (
        "audit.rejected",
        "rejected",
        "1:类目不符\n2:截图",
    )


def test_a_withdrawal_and_a_roll_back(town: Town, desk: Desk) -> None:
    desk.release("1.0.0")
    desk.release("2.0.0")
    backend = listener(town)
    releasing.revert_release(town.shop, by=town.staff)
    desk.submit("3.0.0")
    submitting.withdraw_open_audit(town.shop, by=town.staff)
    events = told(backend)
    assert [kind for kind, _data in events] == [
        "release.reverted",
        "audit.submitted",
        "audit.withdrawn",
    ]
    assert (events[0][1]["live_before"], events[0][1]["app_version"]) == ("2.0.0", None)
    assert desk.done(UNDO) == 1


def test_what_wechat_did_not_take_is_no_news(town: Town, desk: Desk) -> None:
    backend = listener(town)
    town.wechat.fault("/wxa/submit_audit", errcode=85023)
    with pytest.raises(Exception, match="85023"):
        desk.submit()
    assert told(backend) == []


def test_what_was_submitted_elsewhere_is_told_when_it_is_found(town: Town, desk: Desk) -> None:
    audit = desk.submit()
    audit.events.all().delete()
    audit.delete()
    backend = listener(town)
    verdicts.adopt_newest_audit(town.shop)
    [(kind, data)] = told(backend)
    assert (kind, data["auditid"]) == ("audit.submitted", audit.auditid)


def test_a_release_whose_answer_was_lost_is_told_when_it_is_known(town: Town, desk: Desk) -> None:
    desk.approve()
    backend = listener(town)
    desk.lose(RELEASE, after=True)
    town.wechat.fault(LIVE, times=1)
    desk.release(None)
    assert told(backend) == []
    desk.settle()
    assert kinds(backend) == ["release.published"]
