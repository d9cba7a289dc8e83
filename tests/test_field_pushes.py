"""
What WeChat really sends, honestly sealed: whatever it holds, it is kept, answered `success`, and
shown as far as it can be read. Each case is from a public report; see docs/failures.md.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.models import Conversation, Delivery, ForwardRule, Target
from messaging.services.descriptions import describe_message
from miniprograms.models import Binding
from miniprograms.services.unclaimed import assign_unclaimed
from platform_auth.models import DuePush, Push, PushRefusal
from sandbox.wire import crypto
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN, Bound
from tests.knocking import COMPONENT_DOOR, FORBIDDEN, SUCCESS, Knock, at_the_door, message_push
from webhooks import processing
from wechat import push as wire
from wechat.envelope import sign
from wechat.messages import read_message

pytestmark = pytest.mark.django_db

OURS = "wxaaaaaaaaaaaaaaaa"
USER_NAME = "gh_aaaaaaaaaaaa"
OPENID = "oUser0000000000000000000001"


@pytest.fixture
def account(bound: Bound) -> str:
    """An account of ours, and an empty inbox."""
    bound(OURS, user_name=USER_NAME)
    Push.objects.all().delete()
    return OURS


Send = Callable[..., Any]


@pytest.fixture
def send(wechat: WeChat, account: str) -> Send:
    """Seals any bytes for the account, and brings them to its URL."""

    def bring(inner: bytes, *, appid: str = OURS, path: str = "", json: bool = False) -> Any:
        stamp, nonce = str(int(wechat.clock())), "1234567890"
        encrypt = crypto.seal(inner, aes_key=AES_KEY, appid=APPID, random16=b"0123456789abcdef")
        query = {
            "timestamp": stamp,
            "nonce": nonce,
            "encrypt_type": "aes",
            "msg_signature": sign(TOKEN, stamp, nonce, encrypt),
        }
        body = f"<xml><ToUserName>{USER_NAME}</ToUserName><Encrypt>{encrypt}</Encrypt></xml>"
        if json:
            body = f'{{"ToUserName":"{USER_NAME}","Encrypt":"{encrypt}"}}'
        return Knock(path or f"/wechat/{appid}/push/", query, body.encode()).answer()

    return bring


def message(content: str | bytes, more: str = "", **fields: str) -> bytes:
    """A text message of a user's, whose Content is written as it is, in a CDATA section."""
    values = {
        "ToUserName": USER_NAME,
        "FromUserName": OPENID,
        "CreateTime": str(int(datetime.now(UTC).timestamp())),
        "MsgType": "text",
        **fields,
    }
    head = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in values.items())
    text = content if isinstance(content, bytes) else content.encode()
    tail = f"]]></Content>{more}</xml>"
    return f"<xml>{head}<Content><![CDATA[".encode() + text + tail.encode()


def event(kind: str, second: int = 0, **fields: str) -> bytes:
    created = int(datetime.now(UTC).timestamp()) + second
    values = {
        "ToUserName": USER_NAME,
        "FromUserName": OPENID,
        "CreateTime": str(created),
        "MsgType": "event",
        "Event": kind,
        **fields,
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<xml>{inner}</xml>".encode()


def shown() -> str:
    """What the newest push says, as pages show it."""
    row = Push.objects.order_by("-pk")[0]
    return str(describe_message(read_message(wire.read_push(row.message))).text)


@pytest.mark.parametrize("code", [0x01, 0x02, 0x08, 0x0B, 0x10, 0x1B, 0x1F])
def test_a_character_that_xml_forbids(send: Send, code: int) -> None:
    for number in range(20):
        assert send(message(f"a{chr(code)}b", MsgId=str(number))) == SUCCESS
    assert shown() == "a\ufffdb"
    row = Push.objects.order_by("-pk")[0]
    assert chr(code).encode() in row.message, "the bytes are kept as they came"
    assert Conversation.objects.get().unread == 20


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("中".encode()[:2], "\ufffd"),
        ("好的".encode()[:-1], "好\ufffd"),
        (b"\xff\xfe ok", "\ufffd\ufffd ok"),
        (b"a]]>b", "a]]>b"),
        (b"]]>", "]]>"),
        (b"<xml><![CDATA[x]]></xml>", "<xml><![CDATA[x]]></xml>"),
        (b"<![CDATA[", "<![CDATA["),
        (b"x]]></Content>y", "x]]></Content>y"),
    ],
)
def test_text_that_is_no_xml(send: Send, content: bytes, text: str) -> None:
    assert send(message(content)) == SUCCESS
    assert shown() == text
    assert Push.objects.get().state == Push.State.DONE


def test_a_very_long_text(send: Send) -> None:
    assert send(message("字" * 55_000)) == SUCCESS
    assert len(shown()) == 55_000


def test_one_element_twice_and_deep_ones(send: Send) -> None:
    more = "<detail>1</detail><detail>2</detail>" + "<a>" * 900 + "x" + "</a>" * 900
    assert send(message("hello", more)) == SUCCESS
    fields = wire.read_push(Push.objects.get().message).fields
    assert fields["detail"] == ["1", "2"]
    assert shown() == "hello"


@pytest.mark.parametrize(
    "created", [None, "", "0", "1700000000000", "1700000000.5", "yesterday", "-5"]
)
def test_a_create_time_that_cannot_be_read(send: Send, created: str | None) -> None:
    inner = message("hello", **({} if created is None else {"CreateTime": created}))
    if created is None:
        inner = inner.replace(b"<CreateTime>", b"<Created>").replace(
            b"</CreateTime>", b"</Created>"
        )
    assert send(inner) == SUCCESS
    row = Push.objects.get()
    assert row.is_undated
    assert abs(row.created - row.received_at) < timedelta(seconds=1)
    assert Conversation.objects.get().unread == 1
    assert send(inner) == SUCCESS
    assert Push.objects.count() == 1


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_json_outside_and_inside(send: Send, outside: bool, inside: bool) -> None:
    created = int(datetime.now(UTC).timestamp())
    text = (
        f'{{"ToUserName":"{USER_NAME}","FromUserName":"{OPENID}","CreateTime":{created},'
        '"MsgType":"text","Content":"你好","MsgId":77}'
    )
    assert send(text.encode() if inside else message("你好"), json=outside) == SUCCESS
    assert shown() == "你好"
    assert Conversation.objects.get().unread == 1


@pytest.mark.parametrize(
    "events",
    [
        [event("TEMPLATESENDJOBFINISH", MsgID=str(number), Status="success") for number in (1, 2)],
        [event("user_get_card", CardId=f"card{number}") for number in range(3)],
        [event("subscribe_msg_sent_event", List=f"<TemplateId>{n}</TemplateId>") for n in "ab"],
        [event("xpay_goods_deliver_notify", OutTradeNo=str(number)) for number in (1, 2)],
    ],
)
def test_events_of_one_second_are_told_apart_by_all_they_say(
    send: Send, events: list[bytes]
) -> None:
    for inner in [*events, events[0]]:
        assert send(inner) == SUCCESS
    assert Push.objects.count() == len(events)


def test_what_cannot_be_read_at_all_is_kept_for_staff(
    send: Send, admin_client: Client, staff: Any
) -> None:
    assert send(b"\x00\x01 not XML at all") == SUCCESS
    row = Push.objects.get()
    assert (row.state, row.appid, row.kind) == (Push.State.FAILED, OURS, "")
    assert row.message == b"\x00\x01 not XML at all"
    page = admin_client.get(f"/admin/platform_auth/push/{row.pk}/change/")
    assert page.status_code == 200
    processing.replay(row)
    assert row.state == Push.State.FAILED


any_bytes = settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@any_bytes
@given(inner=st.binary(max_size=300))
def test_arbitrary_bytes_are_kept(send: Send, inner: bytes) -> None:
    before = set(Push.objects.values_list("pk", flat=True))
    assert send(inner) == SUCCESS
    row = Push.objects.get(business_key=sha256(APPID.encode() + b"\0" + inner).hexdigest())
    assert row.message == inner
    assert row.state in (Push.State.FAILED, Push.State.IGNORED)
    assert len(set(Push.objects.values_list("pk", flat=True)) - before) <= 1


@any_bytes
@given(content=st.binary(max_size=200), name=st.text("ABCdef_", min_size=1, max_size=5))
def test_a_message_of_any_content_is_kept_once(send: Send, content: bytes, name: str) -> None:
    inner = message(content, f"<{name}>x</{name}>")
    before = Push.objects.count()
    assert [send(inner), send(inner)] == [SUCCESS, SUCCESS]
    assert Push.objects.count() - before <= 1
    assert any(row.message == inner for row in Push.objects.all())
    assert not DuePush.objects.exists()


# Refusals


def reasons() -> dict[tuple[str, str], int]:
    return {(row.door, row.reason): row.count for row in PushRefusal.objects.all()}


def test_refusals_are_counted_by_reason(wechat: WeChat, account: str, send: Send) -> None:
    ticket = at_the_door(wechat.push("component_verify_ticket", {}).sealed)
    honest = message_push(wechat, OURS)
    for knock in (
        Knock(ticket.path, {**ticket.query, "msg_signature": "0" * 40}, ticket.body),
        Knock(f"/wechat/{OURS}/push/", ticket.query, ticket.body),
        Knock(f"/{COMPONENT_DOOR}", ticket.query, ticket.body),
        Knock(honest.path, honest.query, honest.body, environ={"CONTENT_LENGTH": None}),
        Knock(COMPONENT_DOOR, honest.query, honest.body),
    ):
        assert knock.answer() == FORBIDDEN
    assert reasons() == {
        ("component", "signature"): 1,
        ("message", "door"): 1,
        ("component", "path"): 1,
        ("message", "length"): 1,
        ("component", "component"): 1,
    }
    metrics = Client().get("/metrics").content.decode()
    assert 'wechat_pushes_refused_total{door="component",reason="signature"} 1.0' in metrics


def test_urls_without_their_last_slash_are_served(wechat: WeChat, account: str) -> None:
    for push in (message_push(wechat, OURS), at_the_door(wechat.push("authorized", {}).sealed)):
        slashless = Knock(push.path.rstrip("/"), push.query, push.body)
        assert slashless.answer() == SUCCESS


# Accounts that nobody here has yet


def test_what_comes_for_an_unclaimed_account_is_kept_until_it_is_assigned(
    wechat: WeChat, ticket: str, component: Any, merchant: Any, staff: Any, deliver: Any
) -> None:
    theirs = wechat.create_account(appid="wxcccccccccccccccc")
    Binding.objects.create(
        component=component,
        appid=theirs.appid,
        status=Binding.Status.UNCLAIMED,
        parked_because=Binding.UnclaimedReason.NOBODY_ASKED,
        refresh_token="refreshtoken@@@x",
    )
    assert message_push(wechat, theirs.appid).answer() == SUCCESS
    row = Push.objects.get(appid=theirs.appid)
    assert (row.state, DuePush.objects.exists()) == (Push.State.UNCLAIMED, False)
    assign_unclaimed(Binding.objects.get(appid=theirs.appid), user=merchant, by=staff)
    processing.process_due()
    row.refresh_from_db()
    assert row.state == Push.State.DONE
    assert Conversation.objects.get(authorizer__appid=theirs.appid).unread == 1


# Twins


@pytest.mark.parametrize("count", [1, 2])
def test_known_repeatables_are_always_lists(send: Send, count: int) -> None:
    target = Target.objects.create(name="erp", url="https://erp.example/hook")
    ForwardRule.objects.create(target=target)
    items = "<List><TemplateId>t</TemplateId></List>" * count
    inner = event("subscribe_msg_sent_event").replace(
        b"</xml>", f"<SubscribeMsgSentEvent>{items}</SubscribeMsgSentEvent></xml>".encode()
    )
    assert send(inner) == SUCCESS
    assert Delivery.objects.count() == 1
    fields = wire.read_push(Push.objects.get().message).fields
    assert fields["SubscribeMsgSentEvent"]["List"] == [{"TemplateId": "t"}] * count
