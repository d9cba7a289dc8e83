"""What the two doors answer, byte for byte: `success`, or the one 403 that tells nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine

from miniprograms.models import Authorizer
from platform_auth.models import Component, Push
from sandbox.wire import crypto
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN, Bound
from tests.knocking import (
    COMPONENT_DOOR,
    FORBIDDEN,
    SUCCESS,
    Knock,
    at_the_door,
    message_push,
    send,
    ticket_push,
)
from wechat.envelope import sign

pytestmark = pytest.mark.both_databases("the inbox is written by an INSERT of our own")

OURS = "wxaaaaaaaaaaaaaaaa"
THEIRS = "wxbbbbbbbbbbbbbbbb"
MESSAGE_DOOR = f"/wechat/{OURS}/push/"

World = tuple[WeChat, Knock, Knock]


@pytest.fixture
def world(wechat: WeChat, bound: Bound) -> World:
    """Two bound accounts, and an honest push for each door; the inbox is empty."""
    bound(OURS, user_name="gh_ours")
    bound(THEIRS, user_name="gh_theirs")
    Push.objects.all().delete()
    return wechat, ticket_push(wechat), message_push(wechat, OURS)


def test_a_proven_push_is_answered_success_and_nothing_more(world: World) -> None:
    _, ticket, message = world
    assert ticket.answer() == SUCCESS
    assert message.answer() == SUCCESS
    assert sorted(Push.objects.values_list("kind", "appid")) == [
        ("component_verify_ticket", ""),
        ("text", OURS),
    ]


def rewrapped(knock: Knock, outer: str) -> Knock:
    """The same sealed text at the % in another OUTER envelope; the signature still holds."""
    found = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]></Encrypt>", knock.body)
    assert found
    return replace(knock, body=outer.encode().replace(b"%", found[1]))


def resigned(knock: Knock, encrypt: str, **query: str) -> Knock:
    """ENCRYPT under a signature with the right token."""
    told = knock.query | query
    told["msg_signature"] = sign(TOKEN, told["timestamp"], told["nonce"], encrypt)
    body = f"<xml><AppId>{APPID}</AppId><Encrypt>{encrypt}</Encrypt></xml>".encode()
    return replace(knock, query=told, body=body)


def sealed_inside(knock: Knock, inner: str) -> Knock:
    """Any INNER text, sealed and signed for real."""
    encrypt = crypto.seal(
        inner.encode(), aes_key=AES_KEY, appid=APPID, random16=b"0123456789abcdef"
    )
    return resigned(knock, encrypt)


def with_query(knock: Knock, **query: str) -> Knock:
    return replace(knock, query=knock.query | query)


def with_environ(knock: Knock, **environ: Any) -> Knock:
    return replace(knock, environ=environ)


def signed_by(knock: Knock, token: str) -> Knock:
    found = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]></Encrypt>", knock.body)
    assert found
    parts = knock.query["timestamp"], knock.query["nonce"], found[1].decode()
    return with_query(knock, msg_signature=sign(token, *parts))


# What is wrong with an otherwise honest push; each at either door.
WRONG: dict[str, Callable[[Knock], Knock]] = {
    "method PUT": lambda push: replace(push, method="PUT"),
    "method PATCH": lambda push: replace(push, method="PATCH"),
    "method DELETE": lambda push: replace(push, method="DELETE"),
    "method OPTIONS": lambda push: replace(push, method="OPTIONS"),
    "method TRACE": lambda push: replace(push, method="TRACE"),
    "a method of one's own": lambda push: replace(push, method="PUSH"),
    "GET with a push's query": lambda push: replace(push, method="GET", body=b""),
    "no body": lambda push: replace(push, body=b""),
    "no length": lambda push: with_environ(push, CONTENT_LENGTH=None),
    "an empty length": lambda push: with_environ(push, CONTENT_LENGTH=""),
    "a length that is no number": lambda push: with_environ(push, CONTENT_LENGTH="many"),
    "a negative length": lambda push: with_environ(push, CONTENT_LENGTH="-1"),
    "a length in superscript": lambda push: with_environ(push, CONTENT_LENGTH="\u00b2"),
    "a length of 5000 digits": lambda push: with_environ(push, CONTENT_LENGTH="9" * 5000),
    "a length beyond 256 KiB": lambda push: with_environ(push, CONTENT_LENGTH=str(256 * 1024 + 1)),
    "a length beyond Django's own limit": lambda push: with_environ(push, CONTENT_LENGTH="9999999"),
    "a body beyond 256 KiB": lambda push: replace(push, body=push.body + b" " * 256 * 1024),
    "a body cut short": lambda push: replace(push, body=push.body[:-8]),
    "chunked": lambda push: with_environ(
        push, CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"
    ),
    "not XML": lambda push: replace(push, body=b'{"Encrypt": "x"}'),
    "not UTF-8": lambda push: replace(push, body=push.body.replace(b"<xml>", b"<xml>\xff")),
    "another root": lambda push: replace(push, body=push.body.replace(b"xml>", b"yml>")),
    "a DOCTYPE": lambda push: replace(push, body=b"<!DOCTYPE xml>" + push.body),
    "an entity": lambda push: replace(
        push, body=b'<!DOCTYPE xml [<!ENTITY e "x">]>' + push.body.replace(b"<xml>", b"<xml>&e;")
    ),
    "an undeclared entity": lambda push: rewrapped(push, "<xml>&e;<Encrypt>%</Encrypt></xml>"),
    "an external entity": lambda push: replace(
        push, body=b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd">' + push.body
    ),
    "Encrypt nested": lambda push: rewrapped(push, "<xml><a><Encrypt>%</Encrypt></a></xml>"),
    "Encrypt twice": lambda push: rewrapped(
        push, "<xml><Encrypt>%</Encrypt><Encrypt>%</Encrypt></xml>"
    ),
    "another element twice": lambda push: rewrapped(
        push, "<xml><AppId>wx</AppId><AppId>wx</AppId><Encrypt>%</Encrypt></xml>"
    ),
    "an element in Encrypt": lambda push: rewrapped(push, "<xml><Encrypt><a>%</a></Encrypt></xml>"),
    "no Encrypt": lambda push: rewrapped(push, "<xml><AppId>wx</AppId></xml>"),
    "an empty Encrypt": lambda push: rewrapped(push, "<xml><Encrypt></Encrypt></xml>"),
    "two roots": lambda push: replace(push, body=push.body + b"<xml></xml>"),
    "80,000 open tags": lambda push: replace(push, body=b"<xml>" + b"<a>" * 80_000),
    "a space in Encrypt": lambda push: rewrapped(push, "<xml><Encrypt> %</Encrypt></xml>"),
    "no query": lambda push: replace(push, query={}),
    "no msg_signature": lambda push: with_query(push, msg_signature=""),
    "a wrong msg_signature": lambda push: with_query(push, msg_signature="0" * 40),
    "msg_signature in capitals": lambda push: with_query(
        push, msg_signature=push.query["msg_signature"].upper()
    ),
    "the plain signature in its place": lambda push: with_query(
        push, msg_signature=push.query["signature"]
    ),
    "another token": lambda push: signed_by(push, "anothertoken"),
    "an empty token": lambda push: signed_by(push, ""),
    "another timestamp": lambda push: with_query(push, timestamp="1436881222"),
    "another nonce": lambda push: with_query(push, nonce="1"),
    "timestamp and nonce swapped": lambda push: with_query(
        push, timestamp=push.query["nonce"], nonce=push.query["timestamp"]
    ),
    "a digit moved over": lambda push: with_query(
        push,
        timestamp=push.query["timestamp"] + push.query["nonce"][0],
        nonce=push.query["nonce"][1:],
    ),
    "a thousand and one parameters": lambda push: with_query(
        push, **{f"p{number}": "" for number in range(1001)}
    ),
    "an unknown path": lambda push: replace(push, path="/wechat/"),
    "a path below": lambda push: replace(push, path=push.path + "more"),
    "a path with a dot": lambda push: replace(push, path="/wechat/../admin/"),
    "an appid that is none": lambda push: replace(push, path="/wechat/component%0a/push/"),
    "an appid with a NUL": lambda push: replace(push, path="/wechat/\x00/push/"),
    "an endless appid": lambda push: replace(push, path=f"/wechat/wx{'a' * 10_000}/push/"),
    "a top-level element twice inside": lambda push: sealed_inside(
        push, "<xml><CreateTime>1</CreateTime><CreateTime>2</CreateTime></xml>"
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_whatever_is_wrong_the_answer_is_the_same_at_both_doors(world: World, how: str) -> None:
    _, ticket, message = world
    for push in (ticket, message):
        assert WRONG[how](push).answer() == FORBIDDEN
    assert not Push.objects.exists()


def test_a_head_request_gets_the_same_headers(world: World) -> None:
    for push in world[1:]:
        answer = replace(push, method="HEAD").answer()
        assert (answer.status, answer.headers) == (FORBIDDEN.status, FORBIDDEN.headers)


def wrong_by_wechat(world: World) -> dict[str, Knock]:
    """Pushes that WeChat itself sealed, for somebody or somewhere else."""
    wechat, ticket, message = world
    other = wechat.register_component(
        appid="wxfedcba9876543210", secret="s" * 32, token=TOKEN, aes_key=AES_KEY
    )
    foreign = wechat.push("component_verify_ticket", {}, component=other)
    unknown = wechat.create_account(appid="wxcccccccccccccccc", user_name="gh_unknown")
    old = int(wechat.clock()) - 31 * 86_400
    return {
        "a component push at the message door": replace(ticket, path=MESSAGE_DOOR),
        "a message at the component door": replace(message, path=COMPONENT_DOOR),
        "a message that says it is of our component": replace(
            message,
            path=COMPONENT_DOOR,
            body=message.body.replace(b"ToUserName", b"AppId").replace(b"gh_ours", APPID.encode()),
        ),
        "a message to another account": replace(message, path=f"/wechat/{THEIRS}/push/"),
        "another's message to this account": replace(
            message_push(wechat, THEIRS), path=MESSAGE_DOOR
        ),
        "a message to nobody's account": message_push(wechat, unknown.appid),
        "a known account under an unknown appid": replace(
            message, path=f"/wechat/{unknown.appid}/push/"
        ),
        "an unknown account under a known appid": replace(
            message_push(wechat, unknown.appid), path=MESSAGE_DOOR
        ),
        "another component's appid at the end": ticket_push(wechat, tail="wxfedcba9876543210"),
        "an authorizer's appid at the end": message_push(wechat, OURS, tail=OURS),
        "another component's push": at_the_door(foreign.sealed),
        "a ticket older than we remember": at_the_door(
            wechat.push("component_verify_ticket", {}, create_time=old).sealed
        ),
        "a message older than we remember": message_push(wechat, OURS, create_time=old),
        "another AES key": ticket_push(wechat, aes_key="B" * 42 + "A"),
        "another AppId inside": at_the_door(
            wechat.push("component_verify_ticket", {"AppId": "wxfedcba9876543210"}).sealed
        ),
    }


def test_what_wechat_sealed_for_another_is_refused_alike(world: World) -> None:
    for how, push in wrong_by_wechat(world).items():
        assert push.answer() == FORBIDDEN, how
    assert not Push.objects.exists()
    assert world[2].answer() == SUCCESS, "a captured message did not burn its digest elsewhere"


def test_a_push_as_old_as_the_retention_is_still_taken(world: World) -> None:
    wechat = world[0]
    created = int(wechat.clock()) - 29 * 86_400
    assert message_push(wechat, OURS, create_time=created).answer() == SUCCESS


def test_a_row_that_is_forgotten_cannot_be_replayed(world: World) -> None:
    message = world[2]
    assert message.answer() == SUCCESS
    Push.objects.all().delete()
    with time_machine.travel(world[0].clock() + 31 * 86_400):
        assert message.answer() == FORBIDDEN


@pytest.mark.django_db
@pytest.mark.usefixtures("unregistered")
def test_without_a_component_nothing_is_proven(wechat: WeChat) -> None:
    account = wechat.create_account()
    for push in (ticket_push(wechat), message_push(wechat, account.appid)):
        assert push.answer() == FORBIDDEN
    assert not Push.objects.exists()


def test_a_message_is_kept_before_its_account_has_a_profile(world: World) -> None:
    Authorizer.objects.filter(appid=OURS).update(user_name="", profile_due_at=None)
    assert world[2].answer() == SUCCESS
    assert Authorizer.objects.get(appid=OURS).profile_due_at is not None


def test_the_accounts_of_wechats_release_test_are_let_in(wechat: WeChat, ticket: str) -> None:
    account = wechat.create_account(appid="wx570bc396a51b8ff8", user_name="gh_3c884a361561")
    assert message_push(wechat, account.appid).answer() == SUCCESS
    other = wechat.create_account(appid="wxd101a85aa106f53e", user_name="gh_3c884a361561")
    assert message_push(wechat, other.appid).answer() == FORBIDDEN


def test_no_cookie_is_set_and_none_is_read(world: World) -> None:
    cookie = {"HTTP_COOKIE": "sessionid=x; csrftoken=y"}
    for push in world[1:]:
        assert replace(push, environ=cookie).answer() == SUCCESS
        assert replace(push, environ=cookie, query={}).answer() == FORBIDDEN


def test_no_host_or_scheme_is_minded(world: World, settings: Any) -> None:
    """A redirect, or a 400 for the name of a host, would lose the push."""
    settings.SECURE_SSL_REDIRECT = True
    strange = {"HTTP_HOST": "10.0.0.1:8000", "SERVER_NAME": "10.0.0.1"}
    assert replace(world[1], environ=strange).answer() == SUCCESS


@pytest.mark.parametrize(
    "content_type", ["text/xml", "application/json", "", "multipart/form-data"]
)
def test_the_content_type_is_not_minded(world: World, content_type: str) -> None:
    assert replace(world[1], environ={"CONTENT_TYPE": content_type}).answer() == SUCCESS


def test_the_order_of_the_query_is_not_minded(world: World) -> None:
    ticket = world[1]
    query = dict(reversed(ticket.query.items()))
    assert replace(ticket, query=query).answer() == SUCCESS


# The trial of a URL


def trial(**query: str) -> dict[str, str]:
    told = {"timestamp": "1436881222", "nonce": "296318614", "echostr": "5927782489442352469"}
    told |= query
    told.setdefault("signature", sign(TOKEN, told["timestamp"], told["nonce"]))
    return told


@pytest.mark.parametrize("door", [COMPONENT_DOOR, MESSAGE_DOOR])
def test_a_trial_of_the_url_is_echoed_as_plain_text(component: Component, door: str) -> None:
    answer = send("GET", door, urlencode(trial()), b"")
    assert (answer.status, answer.body) == (200, b"5927782489442352469")
    assert dict(answer.headers) == {
        "Content-Type": "text/plain",
        "Content-Length": "19",
        "X-Content-Type-Options": "nosniff",
    }
    assert not Push.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        {"signature": "0" * 40},
        {"signature": ""},
        {"echostr": ""},
        {"echostr": "x" * 257},
        {"echostr": "a b"},
        {"echostr": "é"},
        {"echostr": "a\r\nX: y"},
        {"timestamp": "143688122"},
        {"nonce": ""},
        {"nonce": "a-b"},
    ],
)
@pytest.mark.parametrize("door", [COMPONENT_DOOR, MESSAGE_DOOR])
def test_any_other_trial_gets_the_403(
    component: Component, door: str, query: dict[str, str]
) -> None:
    assert send("GET", door, urlencode(trial(**query)), b"") == FORBIDDEN


def test_a_trial_without_a_component_gets_the_403(unregistered: None) -> None:
    assert send("GET", COMPONENT_DOOR, urlencode(trial()), b"") == FORBIDDEN
