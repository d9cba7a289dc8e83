"""Whoever has asked for a message is told of it: what is told, to whom, and how it is proven."""

from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from messaging import tasks
from messaging.models import Delivery, ForwardRule, Target
from messaging.outbound import Undelivered
from messaging.services.forwarding.delivering import DELIVERIES
from messaging.services.forwarding.planning import plan_deliveries
from messaging.services.targets import SECRET_OVERLAP, rotate_secret, send_test
from miniprograms.models import Tag
from platform_auth.models import Operation, Push
from tests.conftest import Bound
from tests.forwards import IS_DOWN, TAKES, Town, log_of, pass_time
from tests.forwards import town as town
from wechat import push as wire

# Deliveries are carried out in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_told_as_json(town: Town) -> None:
    backend = town.backend()
    [said] = town.say(("openid1", "你好 <b>&amp;"))
    assert said.answer == b"success"
    tasks.forward()
    [told] = backend.told
    row = Push.objects.get(kind="text")
    assert told["type"] == "message.text"
    assert datetime.fromisoformat(told["timestamp"]) == row.created
    assert told["timestamp"].endswith("Z")
    data = told["data"]
    message = data.pop("message")
    assert data == {
        "appid": town.shop.appid,
        "user_name": town.shop.user_name,
        "openid": "openid1",
        "kind": "text",
        "msg_id": message["MsgId"],
        "created": int(row.created.astimezone(UTC).timestamp()),
    }
    assert (message["Content"], message["MsgType"]) == ("你好 <b>&amp;", "text")
    [(headers, _body)] = backend.requests
    assert headers["content-type"] == "application/json"


def test_an_event_is_told_by_its_name(town: Town) -> None:
    backend = town.backend()
    town.wechat.happen(town.shop.appid, "openid1", "user_enter_tempsession")
    town.deliver()
    DELIVERIES.run()
    [told] = backend.told
    assert told["type"] == "event.user_enter_tempsession"
    assert told["data"]["kind"] == "user_enter_tempsession"
    assert told["data"]["message"]["SessionFrom"]


def test_a_kind_that_nobody_here_knows_is_told_as_well(town: Town) -> None:
    backend = town.backend()
    fields = {"MsgType": "hologram", "Hologram": {"Depth": "3"}}
    town.wechat.push_message(town.shop.appid, fields)
    town.deliver()
    DELIVERIES.run()
    [told] = backend.told
    assert told["type"] == "message.hologram"
    assert told["data"]["message"]["Hologram"] == {"Depth": "3"}


def test_it_is_told_once_however_often_it_comes(town: Town) -> None:
    backend = town.backend()
    [said] = town.say(("openid1", "a"))
    for _ in range(2):
        town.wechat.deliver(said.push, town.carry)
        DELIVERIES.run()
    assert backend.said == [("openid1", "a")]
    row = Push.objects.get(kind="text")
    plan_deliveries(row, wire.read_push(row.message))
    assert Delivery.objects.count() == 1


def test_where_nobody_has_asked_there_is_nothing_to_do(
    town: Town, django_assert_max_num_queries: Any
) -> None:
    town.say(("openid1", "a"))
    assert Delivery.objects.count() == 0
    row = Push.objects.get(kind="text")
    with django_assert_max_num_queries(1):
        assert plan_deliveries(row, wire.read_push(row.message)).count == 0


# Rules

TEXT, ENTER = "text", "user_enter_tempsession"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("", [TEXT, ENTER]),
        ("text", [TEXT]),
        ("message.text", [TEXT]),
        ("message", [TEXT]),
        ("event", [ENTER]),
        (ENTER, [ENTER]),
        (f"event.{ENTER}", [ENTER]),
        ("image", []),
        ("event.text", []),
    ],
)
def test_a_rule_may_name_a_kind(town: Town, kind: str, told: list[str]) -> None:
    backend = town.backend(rule={"kind": kind})
    town.say(("openid1", "a"))
    town.wechat.happen(town.shop.appid, "openid1", ENTER)
    town.deliver()
    DELIVERIES.run()
    assert [payload["data"]["kind"] for payload in backend.told] == told


def test_a_rule_may_name_an_account_or_a_tag(town: Town, bound: Bound) -> None:
    other, third = bound(), bound()
    tag = Tag.objects.create(name="books")
    tag.authorizers.add(other, third)
    rules: list[dict[str, Any]] = [
        {"authorizer": town.shop},
        {"tag": tag},
        {"tag": tag, "authorizer": third},
        {"tag": tag, "authorizer": town.shop},
        {"tag": Tag.objects.create(name="none")},
    ]
    backends = [town.backend(rule=rule) for rule in rules]
    for text, shop in (("1", town.shop), ("2", other), ("3", third)):
        town.say(("openid1", text), shop=shop)
    DELIVERIES.run()
    told = [sorted(text for _openid, text in backend.said) for backend in backends]
    assert told == [["1"], ["2", "3"], ["3"], [], []]


def test_several_rules_that_fit_tell_it_once(town: Town) -> None:
    backend = town.backend()
    tag = Tag.objects.create(name="books")
    tag.authorizers.add(town.shop)
    for rule in ({"kind": "text"}, {"tag": tag}, {"authorizer": town.shop}):
        ForwardRule.objects.create(target=backend.target, **rule)
    town.say(("openid1", "a"))
    DELIVERIES.run()
    assert len(backend.told) == 1


def test_a_target_that_is_off_is_told_nothing(town: Town) -> None:
    backend, other = town.backend(), town.backend()
    town.say(("openid1", "a"))
    Target.objects.filter(pk=backend.target.pk).update(is_on=False)
    town.say(("openid1", "b"))
    DELIVERIES.run()
    assert backend.told == []
    assert other.said == [("openid1", "a"), ("openid1", "b")]
    Target.objects.update(is_on=True)
    DELIVERIES.run()
    assert backend.said == [("openid1", "a")]


def test_the_release_test_of_wechat_is_told_nobody(town: Town) -> None:
    town.backend()
    town.wechat.start_release_test()
    town.deliver()
    assert Delivery.objects.count() == 0


# Signatures


def test_every_try_has_the_same_id_and_a_time_of_its_own(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    other = town.backend(rule={"kind": "text"})
    town.say(("openid1", "a"))
    DELIVERIES.run()
    backend.answer = TAKES
    pass_time(minutes=1)
    DELIVERIES.run()
    [first, second] = backend.ids
    assert first == second
    assert backend.told[0] == backend.told[1]
    assert first in other.ids
    town.say(("openid1", "b"))
    DELIVERIES.run()
    assert len(set(backend.ids)) == 2


def test_while_a_secret_is_changed_both_verify(town: Town) -> None:
    backend = town.backend()
    old = backend.fresh.secret
    new = rotate_secret(backend.target, by=town.staff)
    assert new == backend.fresh.secret != old
    town.say(("openid1", "a"))
    DELIVERIES.run()
    pass_time(seconds=SECRET_OVERLAP.total_seconds())
    town.say(("openid1", "b"))
    DELIVERIES.run()
    (headers, body), (later, later_body) = backend.requests
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert Webhook(new).verify(later_body, later)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(later_body, later)
    assert len(later["webhook-signature"].split(" ")) == 1
    assert Operation.objects.filter(action="rotate_target_secret").count() == 1


def test_a_signature_is_of_this_body_this_id_and_this_time(town: Town) -> None:
    backend = town.backend()
    town.say(("openid1", "a"))
    DELIVERIES.run()
    [(headers, body)] = backend.requests
    webhook = Webhook(backend.fresh.secret)
    moment = str(int(headers["webhook-timestamp"]) + 1)
    for changed, content in (
        ({}, body + b" "),
        ({"webhook-id": "msg_0"}, body),
        ({"webhook-timestamp": moment}, body),
    ):
        with pytest.raises(WebhookVerificationError):
            webhook.verify(content, headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(Target(name="other").secret).verify(body, headers)


def test_secrets_lie_encrypted_and_are_all_different(town: Town) -> None:
    one, other = town.backend().fresh, town.backend().fresh
    assert one.secret.startswith("whsec_")
    assert one.secret != other.secret
    assert one.secret not in str(Target.objects.filter(pk=one.pk).values())


def test_a_target_whose_secret_is_lost_is_told_nothing_unsigned(town: Town) -> None:
    backend = town.backend()
    Target.objects.update(reference="moved")
    town.say(("openid1", "a"))
    DELIVERIES.run()
    assert backend.requests == []
    assert backend.states() == ["due"]


# The test button


def test_the_test_button_posts_and_tells(town: Town) -> None:
    backend = town.backend()
    assert "200" in send_test(backend.target, by=town.staff)
    [told] = backend.told
    assert (told["type"], told["data"]) == ("test", {"target": backend.target.name})
    assert backend.ids[0].startswith("test_")
    backend.answer = IS_DOWN
    with pytest.raises(Undelivered, match="503"):
        send_test(backend.target, by=town.staff)
    assert backend.fresh.failures == 0
    backend.target.url = "https://127.0.0.1/"
    with pytest.raises(Undelivered, match=r"127\.0\.0\.1"):
        send_test(backend.target, by=town.staff)
    assert Operation.objects.filter(action="test_target").count() == 3


# Bodies


def test_what_cannot_be_read_any_more_is_given_up(town: Town) -> None:
    backend = town.backend()
    town.say(("openid1", "a"), ("openid1", "b"))
    first, second = Delivery.objects.order_by("pk")
    foreign = Push.objects.filter(pk=second.push_id).values("body")
    Push.objects.filter(pk=first.push_id).update(body=foreign)
    DELIVERIES.run()
    assert backend.states() == ["dead", "done"]
    assert backend.said == [("openid1", "b")]
    [(status, why)] = log_of(first)
    assert status == 0
    assert why


def test_no_body_and_no_secret_is_logged(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    backend = town.backend(IS_DOWN)
    Target.objects.update(url=f"{backend.server.url}/hook?key=s3cret-of-theirs")
    town.say(("openid1", "words-of-the-user"))
    DELIVERIES.run()
    Target.objects.update(url="http://127.0.0.1:1/hook?key=s3cret-of-theirs")
    pass_time(minutes=1)
    DELIVERIES.run()
    row = Delivery.objects.get()
    kept = f"{caplog.text} {row.log} {row.last_error} {backend.fresh.last_error}"
    for secret in ("words-of-the-user", "s3cret-of-theirs", backend.fresh.secret):
        assert secret not in kept
    assert len(row.log) == 2
