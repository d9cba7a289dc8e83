"""Notices by clicks: staff's channels and their log, and what merchants choose for themselves."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from notices.kinds import MERCHANT_DEFAULTS, MERCHANT_KINDS
from notices.models import Channel, Message, Notice, NoticeRule
from notices.services.own_channels import MAX_CHANNELS
from notices.services.sending import give_up_overdue
from notices.tasks import send_notices
from platform_auth.models import Operation
from tests.channels import PATHS, TAKES, Receiver, Street, later, publish
from tests.channels import street as street
from tests.desk import Desk
from tests.desk import desk as desk
from tests.sockets import ok, says
from tests.test_notice_troubles import IS_DOWN

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

CHANNELS, LOG, NOTICES = (f"/admin/notices/{name}/" for name in ("channel", "message", "notice"))
OWN = "/portal/notices/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


def browser_of(user: User, language: str = "en") -> Client:
    browser = Client(headers={"accept-language": language})
    browser.force_login(user)
    return browser


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return html.unescape(str(answer.content.decode()))


def url_of(receiver: Receiver) -> str:
    return receiver.server.url + PATHS[receiver.channel.type]


def form(type_: str, address: str, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {
        "name": "on call",
        "type": type_,
        "is_on": "on",
        "language": "en",
        "new_address": address,
        "rules-TOTAL_FORMS": str(len(rules)),
        "rules-INITIAL_FORMS": "0",
        **more,
    }
    for number, rule in enumerate(rules):
        for name, value in {"least_severity": "1", **rule}.items():
            data[f"rules-{number}-{name}"] = value
    return data


def click(browser: Client, path: str) -> str:
    """Ask for the page of an act, agree, and read what it led to."""
    assert browser.get(path).status_code == 200
    return text_of(browser.post(path, {"confirmed": "yes"}, follow=True))


# Staff


def test_staff_make_a_channel_and_are_told(browser: Client, desk: Desk, street: Street) -> None:
    receiver = street.receiver("dingtalk")
    receiver.channel.delete()
    assert browser.get(f"{CHANNELS}add/").status_code == 200
    rule = {"kind": "audit.rejected"}
    data = form("dingtalk", url_of(receiver), rule, new_secret="SEC0123456789")
    page = text_of(browser.post(f"{CHANNELS}add/", data, follow=True))
    channel = Channel.objects.get()
    assert (channel.address, channel.secret) == (url_of(receiver), "SEC0123456789")
    change = text_of(browser.get(f"{CHANNELS}{channel.pk}/change/"))
    for shown in (page, change, text_of(browser.get(CHANNELS))):
        assert "dingtalk-token" not in shown
        assert "SEC0123456789" not in shown
        assert f"127.0.0.1:{receiver.server.port}" in shown or shown == page
    assert "It took the test in" in click(browser, f"{CHANNELS}{channel.pk}/test/")
    desk.submit()
    desk.judge("reject", "首页无法打开")
    send_notices()
    assert "was rejected in review" in receiver.texts[1]
    assert "sign=" in receiver.requests[1][0]
    assert list(Operation.objects.filter(action__endswith="_channel").values_list("action")) == [
        ("add_channel",),
        ("test_channel",),
    ]


def test_an_address_left_empty_stays_as_it_is(browser: Client, street: Street) -> None:
    receiver = street.receiver("wecom")
    channel = receiver.channel
    [rule] = channel.rules.all()
    data = form("wecom", "", name="renamed") | {
        "rules-TOTAL_FORMS": "1",
        "rules-INITIAL_FORMS": "1",
        "rules-0-id": rule.pk,
        "rules-0-channel": channel.pk,
        "rules-0-least_severity": "3",
    }
    browser.post(f"{CHANNELS}{channel.pk}/change/", data, follow=True)
    channel.refresh_from_db()
    assert (channel.name, channel.address) == ("renamed", url_of(receiver))
    assert channel.rules.get().least_severity == 3


@pytest.mark.parametrize(
    ("type_", "address", "words"),
    [
        ("wecom", "http://10.0.0.1/hook", "not an address of the internet"),
        ("wecom", "https://169.254.169.254/latest", "not an address of the internet"),
        ("email", "nobody", "An e-mail address has one @"),
        ("email", "", "Where is it to be sent?"),
    ],
)
def test_an_address_that_cannot_be_is_not_taken(
    browser: Client, street: Street, type_: str, address: str, words: str
) -> None:
    page = text_of(browser.post(f"{CHANNELS}add/", form(type_, address)))
    assert words in page
    assert not Channel.objects.exists()


def test_the_secret_of_a_webhook_is_shown_once(browser: Client, street: Street) -> None:
    receiver = street.receiver("webhook")
    receiver.channel.delete()
    page = text_of(browser.post(f"{CHANNELS}add/", form("webhook", url_of(receiver)), follow=True))
    [secret] = set(SECRET.findall(page))
    channel = Channel.objects.get()
    assert channel.secret == secret
    assert not SECRET.search(text_of(browser.get(f"{CHANNELS}{channel.pk}/change/")))
    [newer] = set(SECRET.findall(click(browser, f"{CHANNELS}{channel.pk}/rotate-secret/")))
    assert newer != secret
    channel.refresh_from_db()
    assert channel.secret == newer


def test_a_channel_goes_with_what_was_sent_to_it(browser: Client, street: Street) -> None:
    receiver = street.receiver()
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    path = f"{CHANNELS}{receiver.channel.pk}/delete/"
    assert "Sent notices: 1" in text_of(browser.get(path)).replace("sent", "Sent")
    browser.post(path, {"post": "yes"})
    assert not Channel.objects.exists()
    assert not Message.objects.exists()
    assert Operation.objects.filter(action="delete_channel").exists()


def test_the_log_tells_why_and_sends_again(browser: Client, street: Street) -> None:
    receiver = street.receiver("dingtalk", says(ok(b'{"errcode":310000,"errmsg":"no sign"}')))
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    later(hours=25)
    give_up_overdue()
    message = Message.objects.get()
    assert message.state == Message.State.DEAD
    page = text_of(browser.get(f"{LOG}{message.pk}/change/"))
    assert "310000 no sign" in page
    assert "WeChat's ticket for Platform is late" in page
    assert "310000" in text_of(browser.get(LOG))
    receiver.answer = TAKES
    posts = len(receiver.requests)
    assert "it is sent again" in click(browser, f"{LOG}{message.pk}/resend/")
    later(minutes=10)
    assert len(receiver.requests) == posts + 1
    assert message.reference[:8] in receiver.texts[-1]


def test_what_happened_is_listed_in_the_readers_language(staff: User, street: Street) -> None:
    street.receiver()
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    [notice] = Notice.objects.all()
    for language, words in (("en", "Platform is late"), ("zh-hans", "Platform 的")):
        browser = browser_of(staff, language)
        assert words in text_of(browser.get(NOTICES))
        page = text_of(browser.get(f"{NOTICES}{notice.pk}/change/"))
        assert words in page
        assert "wecom" in page


# Merchants


def choose(browser: Client, where: str, prefix: str, *kinds: str, **more: str) -> str:
    data = {"is_on": "on", "language": "en", "kinds": kinds, **more}
    named = {f"{prefix}-{name}": value for name, value in data.items()}
    return text_of(browser.post(f"{OWN}{where}/", named, follow=True))


def test_a_merchant_without_an_address_is_told_whom_to_ask(merchant: User) -> None:
    page = text_of(browser_of(merchant).get(OWN))
    assert "We have no e-mail address of yours" in page
    assert 'href="/portal/notices/"' in page


def test_a_merchant_chooses_what_they_are_told_by_mail(desk: Desk, merchant: User) -> None:
    merchant.email = "merchant@example.com"
    merchant.save()
    browser = browser_of(merchant)
    page = text_of(browser.get(OWN))
    assert "merchant@example.com" in page
    checked = re.findall(r'value="([a-z_.]+)" id="id_email-kinds_\d+" checked', page)
    assert sorted(checked) == sorted(MERCHANT_DEFAULTS)
    assert not Channel.objects.exists()
    assert "Saved." in choose(browser, "email", "email", "release.published")
    assert "not one of the available choices" in choose(browser, "email", "email", "ticket.late")
    channel = Channel.objects.get()
    assert [rule.kind for rule in channel.rules.all()] == ["release.published"]
    publish("audit.rejected", appid=desk.shop.appid)
    publish("release.published", appid=desk.shop.appid, user_version="1.0.0")
    send_notices()
    [letter] = mail.outbox
    assert letter.subject.endswith("version 1.0.0 is online")
    data = {"quiet_from": "22:00", "quiet_until": ""}
    assert "need a beginning and an end" in choose(browser, "email", "email", **data)


def test_a_merchant_adds_tries_and_removes_a_bot(
    desk: Desk, merchant: User, street: Street
) -> None:
    receiver = street.receiver("feishu")
    receiver.channel.delete()
    browser = browser_of(merchant)
    data = {"type": "feishu", "name": "群", "address": url_of(receiver), "secret": "s3cret-s3cret"}
    page = text_of(browser.post(f"{OWN}add/", data, follow=True))
    assert "Added." in page
    assert "feishu-token" not in page
    assert "s3cret-s3cret" not in page
    channel = Channel.objects.get()
    assert channel.rules.count() == len(MERCHANT_KINDS)
    assert "It took the test" in text_of(browser.post(f"{OWN}{channel.pk}/test/", follow=True))
    publish("account.banned", appid=desk.shop.appid)
    send_notices()
    assert len(receiver.texts) == 2
    assert f"http://testserver/portal/{desk.shop.appid}/" in receiver.texts[1]
    assert "What was sent last" in text_of(browser.get(OWN))
    assert "Removed." in text_of(browser.post(f"{OWN}{channel.pk}/remove/", follow=True))
    assert not NoticeRule.objects.exists()


def test_a_bot_that_fails_says_so_and_is_sent_again(
    desk: Desk, merchant: User, street: Street
) -> None:
    receiver = street.receiver("wecom", IS_DOWN, owner=merchant)
    publish("account.banned", appid=desk.shop.appid)
    send_notices()
    browser = browser_of(merchant)
    assert "The last attempts failed" in text_of(browser.get(OWN))
    later(hours=25)
    give_up_overdue()
    receiver.answer = TAKES
    where = f"{OWN}{receiver.channel.pk}/resend/"
    assert "Sent again: 1." in text_of(browser.post(where, follow=True))
    later(minutes=10)
    assert Message.objects.get().state == Message.State.DONE


def test_a_merchant_cannot_reach_inside(merchant: User, street: Street) -> None:
    data = {"type": "wecom", "name": "x", "address": "https://127.0.0.1/hook", "secret": ""}
    page = text_of(browser_of(merchant).post(f"{OWN}add/", data))
    assert "not an address of the internet" in page
    assert not Channel.objects.exists()


def test_others_channels_are_not_there(
    merchant: User, other_merchant: User, street: Street
) -> None:
    receiver = street.receiver("wecom", owner=other_merchant)
    staffs = street.receiver("wecom")
    browser = browser_of(merchant)
    for channel in (receiver.channel, staffs.channel):
        for act in ("", "test/", "remove/", "resend/"):
            assert browser.post(f"{OWN}{channel.pk}/{act}").status_code == 404
    assert Channel.objects.count() == 2
    assert not receiver.requests


def test_a_merchant_has_only_so_many(merchant: User, street: Street) -> None:
    for _ in range(MAX_CHANNELS):
        receiver = street.receiver("wecom", owner=merchant)
    browser = browser_of(merchant)
    data = {"type": "wecom", "name": "x", "address": url_of(receiver), "secret": ""}
    assert "which is the most" in text_of(browser.post(f"{OWN}add/", data, follow=True))
    assert Channel.objects.count() == MAX_CHANNELS


def test_strangers_are_sent_to_log_in() -> None:
    for path in (OWN, f"{OWN}add/", f"{OWN}email/", f"{OWN}1/test/"):
        answer = Client().get(path) if path == OWN else Client().post(path)
        assert answer.status_code == 302
        assert "/login/" in answer.headers["Location"]


def test_a_test_by_mail_is_sent_in_the_language_of_the_channel(desk: Desk, merchant: User) -> None:
    merchant.email = "merchant@example.com"
    merchant.save()
    browser = browser_of(merchant, "zh-hans")
    choose(browser, "email", "email", "audit.rejected", language="zh-hans")
    channel = Channel.objects.get()
    page = text_of(browser.post(f"{OWN}{channel.pk}/test/", follow=True))
    assert "测试邮件已发出，请查看邮箱。" in page
    assert "毫秒" not in page
    [letter] = mail.outbox
    assert re.search(r"^编号 [0-9a-f]{8}$", str(letter.body), re.MULTILINE)
    assert "No. " not in letter.body


@pytest.mark.parametrize(
    "kind", ["authorizer.unbound", "account.banned", "account.frozen", "account.expiring"]
)
def test_who_has_chosen_nothing_is_mailed_what_cannot_wait(
    desk: Desk, merchant: User, kind: str
) -> None:
    merchant.email = "merchant@example.com"
    merchant.save()
    publish(kind, appid=desk.shop.appid)
    send_notices()
    assert [letter.to for letter in mail.outbox] == [["merchant@example.com"]]
