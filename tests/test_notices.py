"""What happened is told: to whom, by which channel, in which words."""

import base64
import hashlib
import hmac
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook

from miniprograms.models import Tag
from notices.kinds import KINDS, MERCHANT_DEFAULTS, Severity
from notices.models import Addressing, Channel, Message, Notice
from notices.tasks import send_notices
from tests.channels import Street, email_channel, later, publish
from tests.channels import street as street
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer

# Messages are sent in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)

REASON = "1:小程序内容不符合规则：<br>(1) 首页无法打开"


def test_a_verdict_reaches_three_channels_each_in_its_language(desk: Desk, street: Street) -> None:
    wecom = street.receiver("wecom", kinds=("audit.rejected",), language="zh-hans")
    feishu = street.receiver("feishu")
    email_channel()
    desk.submit()
    desk.judge("reject", REASON, pictures=2)
    send_notices()
    [chinese], [english], [letter] = wecom.texts, feishu.texts, mail.outbox
    shop = f"{desk.shop.nick_name} ({desk.shop.appid})"
    audit = desk.shop.audits.get()
    link = f"http://testserver/admin/audits/codeaudit/{audit.pk}/change/"
    assert "版本 1.0.0 未通过审核" in chinese
    assert english.startswith(f"{shop}: version 1.0.0 was rejected in review\n")
    for text in (chinese, english, letter.body):
        assert "首页无法打开" in text
        assert link in text
        assert "<br>" not in text
    assert "WeChat has sent pictures of it" in english
    assert (letter.subject, letter.to) == (english.partition("\n")[0], ["staff@example.com"])
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    later(minutes=30)
    assert len(wecom.texts + feishu.texts + mail.outbox) == 3


def test_what_did_not_happen_is_not_told(desk: Desk, street: Street) -> None:
    """A verdict that changes nothing, and a transaction that is taken back."""
    receiver = street.receiver(kinds=("audit.passed",))
    desk.submit()
    desk.judge("pass")
    desk.tell("weapp_audit_success", time.time())
    send_notices()
    assert len(receiver.texts) == 1
    assert Notice.objects.count() == 1


def test_a_merchant_is_told_by_mail_of_what_they_must_act_on(desk: Desk) -> None:
    """By default: to the address of their login, in Chinese, with a link to their own page."""
    merchant = desk.shop.owner
    assert merchant
    merchant.email = "merchant@example.com"
    merchant.save()
    desk.submit()
    desk.judge("reject", REASON)
    publish("authorizer.needs_reauthorization", appid=desk.shop.appid)
    send_notices()
    assert [letter.to for letter in mail.outbox] == [["merchant@example.com"]] * 2
    first = mail.outbox[0]
    assert "未通过审核" in first.subject
    assert f"http://testserver/portal/{desk.shop.appid}/" in first.body
    assert "/admin/" not in first.body
    assert "由我们的工作人员处理" in first.body
    channel = Channel.objects.get()
    assert sorted(channel.rules.values_list("kind", flat=True)) == sorted(MERCHANT_DEFAULTS)
    channel.rules.all().delete()  # they have chosen not to be told
    publish("audit.rejected", appid=desk.shop.appid)
    send_notices()
    assert len(mail.outbox) == 2


def test_a_merchant_is_told_of_their_own_accounts_alone(desk: Desk, street: Street) -> None:
    from_here = street.receiver("wecom", owner=desk.shop.owner)
    other = make_authorizer(desk.shop.component, desk.staff)
    publish("account.banned", appid=other.appid)
    publish("ticket.late", once="1", component="x")
    publish("account.banned", appid=desk.shop.appid)
    send_notices()
    assert len(from_here.texts) == 1
    assert desk.shop.appid in from_here.texts[0]


def test_rules_choose_by_kind_tag_and_severity(desk: Desk, street: Street) -> None:
    tag = Tag.objects.create(name="vip")
    kind = street.receiver("wecom", kinds=("account.banned",))
    urgent = street.receiver("dingtalk", rule={"least_severity": Severity.URGENT})
    tagged = street.receiver("feishu", rule={"tag": tag})
    off = street.receiver("wecom", is_on=False)
    publish("release.reverted", appid=desk.shop.appid)
    publish("account.banned", appid=desk.shop.appid)
    desk.shop.tags.add(tag)
    send_notices()
    assert [len(one.texts) for one in (kind, urgent, tagged, off)] == [1, 1, 2, 0]


def test_one_notice_that_fits_two_rules_is_told_once(desk: Desk, street: Street) -> None:
    receiver = street.receiver(kinds=("", "account.banned"))
    publish("account.banned", appid=desk.shop.appid)
    send_notices()
    assert len(receiver.texts) == 1


def test_the_same_event_is_told_once(street: Street) -> None:
    receiver = street.receiver()
    for _ in range(3):
        publish("ticket.late", once="wx1 17", component="Platform")
    publish("ticket.late", once="wx1 18", component="Platform")
    send_notices()
    assert len(receiver.texts) == 2


def test_many_at_once_are_one_message_and_the_urgent_come_first(desk: Desk, street: Street) -> None:
    receiver, program = street.receiver(), street.receiver("webhook")
    for number in range(30):
        publish("audit.passed", appid=desk.shop.appid, user_version=f"1.{number}")
    publish("account.frozen", appid=desk.shop.appid)
    send_notices()
    [text], [body] = receiver.texts, program.bodies
    lines = text.splitlines()
    assert lines[0] == "31 notices"
    assert lines[2].startswith("· WeChat has frozen")
    assert "and 11 more" in text
    assert "http://testserver/admin/notices/notice/" in text
    assert body["type"] == "notice.digest"
    assert len(body["data"]["notices"]) == 31


def test_a_flood_becomes_few_messages(desk: Desk, street: Street) -> None:
    """A campaign's verdicts come for an hour: what is not urgent is then told every ten minutes."""
    receiver = street.receiver()
    for _round in range(120):
        publish("audit.passed", appid=desk.shop.appid, user_version="1")
        publish("audit.passed", appid=desk.shop.appid, user_version="2")
        later(seconds=30)
    assert 20 <= len(receiver.texts) <= 30
    publish("account.banned", appid=desk.shop.appid)
    send_notices()
    assert "banned" in receiver.texts[-1]
    later(minutes=11)
    assert not Addressing.objects.filter(message=None).exists()


def test_quiet_hours_hold_back_what_can_wait(desk: Desk, street: Street) -> None:
    now = timezone.localtime()
    quiet: dict[str, Any] = {
        "quiet_from": (now - timedelta(hours=1)).time(),
        "quiet_until": (now + timedelta(hours=2)).time(),
    }
    receiver = street.receiver(**quiet)
    publish("audit.passed", appid=desk.shop.appid, user_version="1.0.0")
    publish("account.banned", appid=desk.shop.appid)
    send_notices()
    assert len(receiver.texts) == 1
    assert "banned" in receiver.texts[0]
    later(hours=1)
    assert len(receiver.texts) == 1
    later(hours=1, minutes=1)
    assert "passed the review" in receiver.texts[1]


def test_dingtalk_is_signed_with_its_secret(street: Street) -> None:
    receiver = street.receiver("dingtalk", secret="SEC0123456789")
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    [(path, _headers, _body)] = receiver.requests
    query = {name: value for name, [value] in parse_qs(urlsplit(path).query).items()}
    at = query["timestamp"]
    assert abs(int(at) / 1000 - time.time()) < 60
    key, text = b"SEC0123456789", f"{at}\nSEC0123456789".encode()
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    assert query["sign"] == expected
    assert query["access_token"] == "dingtalk-token-0123456789"


def test_feishu_is_signed_with_its_secret(street: Street) -> None:
    receiver = street.receiver("feishu", secret="feishu-secret")
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    [body] = receiver.bodies
    key = f"{body['timestamp']}\nfeishu-secret".encode()
    assert body["sign"] == base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def test_a_program_gets_it_signed_as_messages_are(desk: Desk, street: Street) -> None:
    receiver = street.receiver("webhook")
    publish("audit.passed", appid=desk.shop.appid, user_version="1.0.0")
    send_notices()
    [(_path, headers, body)] = receiver.requests
    payload = Webhook(receiver.channel.secret).verify(body, headers)
    message = Message.objects.get()
    assert headers["webhook-id"] == f"notice_{message.reference}"
    assert payload["type"] == "notice.audit.passed"
    assert payload["data"]["facts"] == {"user_version": "1.0.0"}
    assert payload["data"]["appid"] == desk.shop.appid
    assert payload["data"]["severity"] == "news"


def test_what_others_write_cannot_call_people_or_grow_without_bounds(
    desk: Desk, street: Street
) -> None:
    desk.shop.nick_name = '店铺\n<at user_id="all">'
    desk.shop.save()
    wecom, feishu = street.receiver("wecom"), street.receiver("feishu")
    email_channel()
    publish("audit.rejected", appid=desk.shop.appid, user_version="1", reason="很长" * 3000)
    send_notices()
    [body] = wecom.bodies
    assert body["msgtype"] == "text"
    assert len(body["text"]["content"].encode()) <= 2048
    assert "http://testserver/admin/" in body["text"]["content"]
    [post] = feishu.bodies
    assert post["content"]["post"]["zh_cn"]["content"][0][0]["tag"] == "text"
    assert "\n" not in mail.outbox[0].subject


def test_every_kind_has_words_in_both_languages(street: Street) -> None:
    """Whatever is published, also by a version that knows fewer facts."""
    chinese, english = street.receiver("wecom", language="zh-hans"), street.receiver("wecom")
    for name in KINDS:
        Notice.objects.create(kind=name, appid="wx0123456789abcdef")
        later(minutes=1)
    assert len(chinese.texts) == len(english.texts) >= 20
    for text in english.texts:
        assert text.isascii() or "–" in text
    for text in chinese.texts:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in text.partition("\n")[0])


def test_without_a_mail_server_the_log_says_so(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    email_channel()
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    message = Message.objects.get()
    assert message.state == Message.State.DUE
    assert "EMAIL_URL" in message.last_error
