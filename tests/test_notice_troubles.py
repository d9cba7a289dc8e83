"""Channels that refuse, are down, or lose their worker: nothing is lost, nothing is told twice."""

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from messaging.outbound import Undelivered
from messaging.services.forwarding.circuit_breaker import MAX_FAILURES
from notices.models import Channel, Message, NoticeRule
from notices.services.planning import plan_notices
from notices.services.sending import (
    TriedJustNow,
    give_up_overdue,
    resend_messages,
    send_message,
    send_test,
)
from notices.tasks import send_notices
from platform_auth.models import Operation
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.channels import (
    PATHS,
    TAKES,
    Street,
    email_channel,
    later,
    mail_server,
    publish,
)
from tests.channels import street as street
from tests.desk import Desk
from tests.desk import desk as desk
from tests.processes import celery, kill, served
from tests.sockets import Answer, Server, ok, resets, says
from tests.test_worker import enqueue, wait_until
from tests.threads import together

pytestmark = pytest.mark.django_db(transaction=True)

IS_DOWN = says(b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n")
REFUSALS: dict[str, tuple[str, Answer, str]] = {
    "钉钉": ("dingtalk", says(ok(b'{"errcode":310000,"errmsg":"sign not match"}')), "310000 sign"),
    "企业微信": ("wecom", says(ok(b'{"errcode":93000,"errmsg":"invalid webhook url"}')), "93000"),
    "飞书": ("feishu", says(ok(b'{"code":19021,"msg":"sign match fail"}')), "19021 sign"),
    "no JSON": ("wecom", says(ok(b"<html>login</html>")), "无法理解"),
    "an error": ("feishu", IS_DOWN, "503"),
    "a program": ("webhook", IS_DOWN, "503"),
    "a redirect": (
        "webhook",
        says(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
        "302",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_a_failure_and_its_reason_is_in_the_log(street: Street, case: str) -> None:
    type_, answer, reason = REFUSALS[case]
    receiver = street.receiver(type_, answer)
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    message = Message.objects.get()
    assert message.state == Message.State.DUE
    assert reason in message.last_error
    assert reason in message.log[0][2]
    assert Channel.objects.get().failures == 1
    receiver.answer = TAKES
    later(seconds=10)
    message.refresh_from_db()
    assert message.state == Message.State.DONE
    assert [reason for _at, _milliseconds, reason in message.log][-1] == ""
    assert Channel.objects.get().failures == 0
    assert len(receiver.requests) == 2


def test_a_channel_that_is_down_is_left_alone_and_holds_up_nobody(street: Street) -> None:
    ill, well = street.receiver("wecom", IS_DOWN), street.receiver("feishu")
    for number in range(8):
        publish("ticket.late", once=str(number), component="Platform")
        later(seconds=40)
    assert len(well.texts) == 8
    channel = Channel.objects.get(pk=ill.channel.pk)
    assert channel.failures >= MAX_FAILURES
    assert channel.paused_until
    posts = len(ill.requests)
    send_notices()
    assert len(ill.requests) == posts
    ill.answer = TAKES
    later(minutes=6)
    assert not Message.objects.waiting().exists()
    assert len(set(ill.texts[posts:])) == 8


def test_after_a_day_it_is_a_dead_letter_that_can_be_sent_again(
    street: Street, staff: User
) -> None:
    receiver = street.receiver("wecom", resets)
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    later(hours=25)
    give_up_overdue()
    message = Message.objects.get()
    assert message.state == Message.State.DEAD
    reference, posts = message.reference, len(receiver.requests)
    receiver.answer = TAKES
    assert resend_messages(Message.objects.all(), by=staff) == 1
    assert resend_messages(Message.objects.all(), by=staff) == 0
    later(minutes=10)
    message.refresh_from_db()
    assert (message.state, message.reference) == (Message.State.DONE, reference)
    assert len(receiver.requests) == posts + 1
    assert Operation.objects.filter(action="resend_messages").count() == 1


def test_what_another_worker_has_is_not_sent_as_well(street: Street) -> None:
    receiver = street.receiver()
    publish("ticket.late", once="1", component="Platform")
    receiver.channel.is_on = False
    receiver.channel.save()
    assert together([send_notices] * 2) == [None, None]
    assert not receiver.texts  # switched off meanwhile
    publish("ticket.late", once="2", component="Platform")
    Channel.objects.update(is_on=True)
    assert together([send_notices] * 2) == [None, None]
    send_notices()
    assert len(receiver.texts) == 1


def test_an_address_inside_is_refused_when_it_is_sent_to(street: Street) -> None:
    """It was public when it was typed in; what it leads to now is judged again."""
    receiver = street.receiver()
    street.settings.FORWARD_INTERNAL_HOSTS = []
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    assert not receiver.requests
    assert Message.objects.get().last_error


def test_no_secret_is_in_a_log_or_in_the_database(
    street: Street, caplog: pytest.LogCaptureFixture, staff: User
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ["SECsigning0123456789"]
    for type_, path in PATHS.items():
        secret = path.rpartition("=")[2].rpartition("/")[2]
        secrets.append(secret)
        echo = f'{{"errcode": 1, "errmsg": "{secret} {secrets[0]}", "code": 1, "msg": "{secret}"}}'
        answer = says(ok(echo.encode())) if type_ != "webhook" else IS_DOWN
        receiver = street.receiver(type_, answer, secret=secrets[0])
        with pytest.raises(Undelivered) as failure:
            send_test(receiver.channel, by=staff)
        assert secret not in str(failure.value)
    publish("ticket.late", once="1", component="Platform")
    send_notices()
    assert Message.objects.filter(failures=1).count() == 4
    texts = [caplog.text, *_everything_kept()]
    assert not [secret for secret in secrets for text in texts if secret in text]


def _everything_kept() -> list[str]:
    tables = ("notices_channel", "notices_message", "notices_notice", "platform_auth_operation")
    with connection.cursor() as cursor:
        rows = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
            rows += cursor.fetchall()
    return [repr(row) for row in rows]


def test_a_test_says_what_came_of_it_and_not_too_often(street: Street, staff: User) -> None:
    receiver = street.receiver("dingtalk")
    assert "毫秒" in send_test(receiver.channel, by=staff)
    assert "Test" in receiver.texts[0]
    with pytest.raises(TriedJustNow):
        send_test(receiver.channel, by=staff)
    assert len(receiver.texts) == 1


def test_a_message_that_is_leased_is_not_taken(street: Street) -> None:
    receiver = street.receiver()
    publish("ticket.late", once="1", component="Platform")
    plan_notices()
    first, second = (Message.objects.with_clock().get() for _ in range(2))
    assert send_message(first)
    assert not send_message(second)
    assert len(receiver.texts) == 1


WORKER = ("worker", "-c", "1", "--without-gossip", "--without-mingle")


def test_three_channels_are_told_once_each_though_two_workers_are_killed(
    wechat: WeChat, desk: Desk, street: Street, deliver: Deliver, tmp_path: Path
) -> None:
    """
    A verdict that the sandbox pushes; each worker is killed while a channel has the message in hand
    and has not answered. Who gets it twice sees by its id that it is the same.
    """
    hangs: list[Server] = []

    def hang(connection: Any, server: Server) -> None:
        hangs.append(server)
        server.closing.wait(30)

    def is_sent_to_others() -> bool:
        return Message.objects.filter(state=Message.State.DONE).count() == 2

    wecom = street.receiver("wecom", hang, language="zh-hans")
    program = street.receiver("webhook")
    desk.submit()
    begun = time.monotonic()
    with mail_server() as mails, served(wechat):
        email_channel("staff@example.com", "audit.rejected", language="zh-hans")
        hosts = ",".join(street.settings.FORWARD_INTERNAL_HOSTS)
        more = {"FORWARD_INTERNAL_HOSTS": hosts, "EMAIL_URL": mails.url}
        desk.judge("reject", "首页无法打开")
        for kills in (1, 2):
            with celery(wechat, tmp_path, *WORKER, **more) as worker:
                enqueue("notices.tasks.send_notices", tmp_path)
                wait_until(lambda kills=kills: len(hangs) >= kills and is_sent_to_others())
                kill(worker)
        wecom.answer = TAKES
        with celery(wechat, tmp_path, *WORKER, **more):

            def is_all_sent() -> bool:
                enqueue("notices.tasks.send_notices", tmp_path)
                time.sleep(1)
                return not Message.objects.exclude(state=Message.State.DONE).exists()

            wait_until(is_all_sent)
        took = time.monotonic() - begun
    assert took < 60
    assert Message.objects.count() == 3
    assert len(set(wecom.texts)) == 1
    assert "未通过审核" in wecom.texts[0]
    assert len({headers["webhook-id"] for _path, headers, _body in program.requests}) == 1
    assert len({mail["Message-ID"] for mail in mails.mails}) == 1
    assert len(program.requests) == len(mails.mails) == 1


def test_rules_of_a_channel_go_with_it(street: Street) -> None:
    receiver = street.receiver()
    receiver.channel.delete()
    assert not NoticeRule.objects.exists()
