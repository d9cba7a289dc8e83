"""What happens to accounts and their code is told to targets: signed, in order, never lost."""

import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from jsonschema import Draft202012Validator

from audits.services import releasing, submitting, verdicts
from devtools.imports import ROOT
from messaging import tasks
from messaging.models import Delivery, ForwardRule
from messaging.services.event_types.catalogue import EVENT_TYPES
from messaging.services.forwarding.planning import plan_events
from messaging.services.retention import delete_old_conversations
from miniprograms import tasks as miniprogram_tasks
from miniprograms.models import Authorizer, Binding, Tag
from miniprograms.services import binding, trading
from miniprograms.services.reconciling import reconcile
from miniprograms.services.unbinding import unbind_locally
from miniprograms.services.unclaimed import assign_unclaimed
from miniprograms.tokens import authorizer_token
from platform_auth.models import Component, PlatformEvent
from platform_auth.platform_events import EVENT_KINDS, publish_event
from sandbox.world.standing import ALERTED, FROZEN, NORMAL
from tests.conftest import Bound
from tests.desk import LIVE, RELEASE, UNDO, Desk
from tests.forwards import IS_DOWN, TAKES, Backend, Town, pass_time
from tests.forwards import town as town
from tests.rollouts import make_template
from tests.threads import together
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


# Who is told, and that it is never lost


def test_a_target_gets_what_it_has_asked_for(town: Town, bound: Bound) -> None:
    other = bound()
    other.tags.add(Tag.objects.create(name="north"))
    tagged = listener(town, {"kind": "authorizer", "tag": Tag.objects.get()})
    single = listener(town, {"kind": "authorizer.unbound"})
    own = listener(town, {"authorizer": town.shop})
    everything = listener(town, {})
    messages = listener(town, {"kind": "message"}, {"kind": "event"})
    off = listener(town, is_on=False)
    for appid in (town.shop.appid, other.appid):
        town.wechat.rename(appid, "新名字")
        town.deliver()
        miniprogram_tasks.fetch_profiles()
        town.wechat.cancel(appid)
        town.deliver()
    tasks.forward()
    assert [data["appid"] for _kind, data in told(tagged)] == [other.appid] * 2
    assert kinds(single) == ["authorizer.unbound"] * 2
    news = ["event.wxa_nickname_audit", "component.unauthorized"]
    changes = ["authorizer.changed", "authorizer.unbound"]
    assert sorted(kinds(own)) == sorted([*changes, *news])
    assert sorted(kinds(everything)) == sorted([*changes, *news] * 2)
    assert kinds(messages) == ["event.wxa_nickname_audit"] * 2
    assert told(off) == []


def test_a_target_hears_nothing_from_before_its_time(town: Town, bound: Bound) -> None:
    bound()
    assert told(listener(town)) == []
    assert not PlatformEvent.objects.filter(due_at__isnull=False).exists()


def test_events_of_an_account_wait_for_each_other(town: Town, bound: Bound) -> None:
    backend = listener(town)
    backend.answer = IS_DOWN
    publish_event("audit.passed", appid=town.shop.appid, data={"number": 1})
    publish_event("release.published", appid=town.shop.appid, data={"number": 2})
    publish_event("audit.passed", appid="wx00000000000000b2", data={"number": 3})
    tasks.forward()
    assert sorted(payload["data"]["number"] for payload in backend.told) == [1, 3]
    backend.answer = TAKES
    pass_time(minutes=5)
    tasks.forward()
    tasks.forward()
    numbers = [payload["data"]["number"] for payload in backend.told]
    assert [number for number in numbers if number != 3] == [1, 1, 2]
    same = [identity for identity, number in zip(backend.ids, numbers, strict=True) if number == 1]
    assert len(set(same)) == 1
    assert backend.states() == ["done"] * 3


def test_what_did_not_happen_is_not_told(town: Town) -> None:
    backend = listener(town)
    with transaction.atomic():
        publish_event("audit.passed", appid=town.shop.appid, data={})
        transaction.set_rollback(True)
    tasks.forward()
    assert backend.requests == []
    with pytest.raises(ValueError, match="made.up"):
        publish_event("made.up", appid=town.shop.appid, data={})


@pytest.mark.both_databases("who plans second waits for the first by a lock of the database's")
def test_two_who_plan_at_once_tell_it_once(town: Town) -> None:
    backend = listener(town)
    for number in range(30):
        publish_event("audit.passed", appid=town.shop.appid, data={"number": number})
    together([plan_events] * 4)
    assert Delivery.objects.filter(target=backend.target).count() == 30
    while "due" in backend.states():
        tasks.forward()
    assert [payload["data"]["number"] for payload in backend.told] == list(range(30))


def test_an_event_wakes_the_workers(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[Any] = []
    monkeypatch.setattr("platform_auth.platform_events.enqueue", woken.append)
    publish_event("audit.passed", appid=town.shop.appid, data={})
    assert woken == [tasks.forward]


def test_old_events_go_with_their_deliveries(town: Town, settings: Any) -> None:
    backend = listener(town)
    publish_event("audit.passed", appid=town.shop.appid, data={})
    tasks.forward()
    PlatformEvent.objects.update(at=timezone.now() - timedelta(days=settings.PUSH_RETENTION_DAYS))
    delete_old_conversations()
    assert not PlatformEvent.objects.exists()
    assert backend.states() == []


# What WeChat tells the platform of accounts


def test_news_of_accounts_reach_targets_without_their_codes(town: Town, bound: Bound) -> None:
    backend = listener(town, {"kind": "component"})
    town.wechat.push_ticket()
    town.wechat.update_authorization(town.shop.appid, [18])
    icp = {"authorizer_appid": town.shop.appid, "beian_status": 6}
    town.wechat.push("notify_apply_icpfiling_result", icp)
    town.wechat.push("brand_new_news", {"appid": town.shop.appid})
    town.deliver()
    first, second, third = told_raw(backend)
    assert first["type"] == "component.updateauthorized"
    assert first["data"]["message"]["AuthorizerAppid"] == town.shop.appid
    assert not {"AuthorizationCode", "PreAuthCode"} & set(first["data"]["message"])
    assert second["data"]["message"]["beian_status"] == "6"
    assert {data["appid"] for data in (first["data"], second["data"])} == {town.shop.appid}
    assert third["type"] == "component.brand_new_news"


def told_raw(backend: Backend) -> list[dict[str, Any]]:
    tasks.forward()
    return backend.told


def test_news_of_an_account_go_to_its_own_targets(town: Town, bound: Bound) -> None:
    other = bound()
    backend = listener(town, {"kind": "component", "authorizer": other})
    for appid in (town.shop.appid, other.appid):
        town.wechat.push("notify_3rd_wxa_auth", {"appid": appid, "taskid": "1"})
    town.deliver()
    [payload] = told_raw(backend)
    assert payload["data"]["appid"] == other.appid


def test_a_target_that_answers_answers_no_event(town: Town) -> None:
    backend = listener(town, answers=True)
    town.wechat.cancel(town.shop.appid)
    town.deliver()
    pass_time(minutes=1)
    assert kinds(backend) == ["authorizer.unbound"]
    assert backend.states() == ["done"]


def test_every_type_of_ours_is_in_the_catalogue() -> None:
    groups = {"authorizer", "account", "audit", "release"}
    listed = {name for name in EVENT_TYPES if EVENT_TYPES[name].group in groups}
    assert listed == set(EVENT_KINDS)


def test_targets_of_all_messages_are_told_of_these_alone_after_the_upgrade(town: Town) -> None:
    backend = listener(town, {}, {"authorizer": town.shop}, {"kind": "message.text"})
    migration = import_module("messaging.migrations.0004_events_to_targets")
    migration.keep_to_messages(apps, None)
    rules = ForwardRule.objects.filter(target=backend.target).order_by("authorizer", "kind")
    assert sorted((rule.kind, rule.authorizer_id or 0) for rule in rules) == [
        ("event", 0),
        ("event", town.shop.pk),
        ("message", 0),
        ("message", town.shop.pk),
        ("message.text", 0),
    ]


# The documentation


def snippets() -> list[str]:
    """What the section on events tells a receiver to run."""
    text = (ROOT / "docs" / "api.md").read_text().partition("\n## Events\n")[2]
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [block for block in blocks if "def " in block]


def test_the_code_of_the_documentation_verifies_an_event(town: Town) -> None:
    backend = listener(town)
    binding_of = {**EVENT_TYPES["authorizer.bound"].example["data"], "user_ref": "customer 4711"}
    publish_event("authorizer.bound", appid=town.shop.appid, data=binding_of)
    tasks.forward()
    [(headers, body)] = backend.requests
    by_library, by_hand = snippets()
    remembered: list[Any] = []
    names: dict[str, Any] = {
        "SECRET": backend.fresh.secret,
        "is_new": lambda identity: True,
        "remember": lambda *what: remembered.append(what),
    }
    exec(by_library, names)  # noqa: S102 -- what readers are told to run
    assert names["receive"](headers, body) == 200
    assert remembered == [(binding_of["appid"], "customer 4711")]
    exec(by_hand, names)  # noqa: S102
    assert names["is_ours"](backend.fresh.secret, headers, body)
    assert not names["is_ours"](backend.fresh.secret, headers, body + b" ")
