"""
Messages by the thousand through real sockets, as WeChat sends them: some twice, some of kinds
nobody knows, some to the wrong account, some that break their handler, some that are no XML, and
many events of one second. Workers are killed meanwhile. Each has one effect.
"""

import http.client
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import Now

from messaging.models import Conversation, Delivery, ForwardRule, Target
from miniprograms.models import Authorizer
from platform_auth.models import Component, DuePush, Push
from sandbox.wire.envelope import Webhook, seal, xml
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN
from tests.processes import environment, web
from tests.rows import make_authorizer
from webhooks import processing, tasks

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 32
ACCOUNTS = 20
USERS = 500
TROUBLED = "oTroubled"  # whose conversations the database refuses to keep
# What users write, as it stands in the XML that WeChat makes of it.
ODD = ("\x02\x1b", "a]]>b", "<xml><![CDATA[x]]></xml>", "]]>", "\x08" * 20, "<![CDATA[")
WORKER = """
import django
django.setup()
from webhooks.processing import process_due
while process_due():
    pass
"""
SUCCESS, FORBIDDEN = (200, b"success"), (403, b"forbidden")


@dataclass(frozen=True)
class Sending:
    """One request of WeChat's, and what it must be answered."""

    path: str
    body: bytes
    expected: tuple[int, bytes]


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    """How many pushes, by `--flood-size`."""
    return int(request.config.getoption("--flood-size"))


@pytest.fixture
def accounts(component: Component) -> list[Authorizer]:
    kinds = list(Authorizer.Kind)
    return [
        make_authorizer(
            component,
            None,
            f"wx{number:016x}",
            kind=kinds[number % 2],
            user_name=f"gh_{number:012x}",
        )
        for number in range(ACCOUNTS)
    ]


@pytest.fixture
def target(component: Component) -> Target:
    """Somebody who wants to be told of everything, and whom nobody tells just now."""
    target = Target.objects.create(name="all", url="https://erp.example.com/", secret="whsec_")
    ForwardRule.objects.create(target=target)
    return target


@contextmanager
def a_database_that_refuses(openid: str) -> Iterator[None]:
    """Whatever is written of the conversations of OPENID raises in the handler that writes it."""
    table = Conversation._meta.db_table
    with connection.cursor() as cursor:
        for statement in _REFUSALS[connection.vendor]:
            cursor.execute(statement.format(table=table, openid=openid))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            is_postgresql = connection.vendor == "postgresql"
            cursor.execute(
                "DROP FUNCTION refuse CASCADE" if is_postgresql else "DROP TRIGGER troubled"
            )


_REFUSALS = {
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'refused'; END$$",
        "CREATE TRIGGER troubled BEFORE INSERT ON {table} FOR EACH ROW"
        " WHEN (NEW.openid LIKE '{openid}%') EXECUTE FUNCTION refuse()",
    ),
    "sqlite": (
        "CREATE TRIGGER troubled BEFORE INSERT ON {table} WHEN NEW.openid LIKE '{openid}%'"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END",
    ),
}


class WeChatSending:
    """What WeChat has to send: SIZE requests, and how many pushes of each sort they are."""

    def __init__(self, accounts: list[Authorizer], size: int) -> None:
        self.random = random.Random(20)
        self.accounts = accounts
        self.made: Counter[str] = Counter()
        self.sendings: list[Sending] = []
        while len(self.sendings) < size:
            self._make_one()
        self.random.shuffle(self.sendings)

    def _make_one(self) -> None:
        account, chance = self.random.choice(self.accounts), self.random.random()
        fields = self._text(account)
        if chance < 0.05:
            other = self.accounts[(self.accounts.index(account) + 1) % len(self.accounts)]
            self._send("elsewhere", account, fields, to=other.appid, expected=FORBIDDEN)
            return
        sort = "text"
        if chance > 0.90:
            sort, fields["Content"] = "odd", self.random.choice(ODD)
        elif chance > 0.85:
            sort, fields = "event", self._event(account)
        elif chance < 0.10:
            sort, fields["MsgType"] = "unknown", "hologram"
        elif chance < 0.11:
            sort, fields["FromUserName"] = "troubled", f"{TROUBLED}{self.made['troubled']}"
        sealed = self._send(sort, account, fields)
        if self.random.random() < 0.25:  # one request in five says what was said before
            self.made["again"] += 1
            anew = self.random.random() < 0.5
            self.sendings.append(self._sealed(account, fields) if anew else sealed)

    def _text(self, account: Authorizer) -> dict[str, Any]:
        return {
            "ToUserName": account.user_name,
            "FromUserName": f"oUser{self.random.randrange(USERS)}",
            "CreateTime": int(time.time()),
            "MsgType": "text",
            "Content": "今天下单，什么时候能送到？",
            "MsgId": self.random.getrandbits(62),
        }

    def _event(self, account: Authorizer) -> dict[str, Any]:
        """One of many in a second, which differ in their MsgID alone: this one is no MsgId."""
        return {
            "ToUserName": account.user_name,
            "FromUserName": "oUser1",
            "CreateTime": int(time.time()),
            "MsgType": "event",
            "Event": "TEMPLATESENDJOBFINISH",
            "MsgID": self.random.getrandbits(62),
            "Status": "success",
        }

    def _send(self, sort: str, account: Authorizer, fields: dict[str, Any], **how: Any) -> Sending:
        self.made[sort] += 1
        sending = self._sealed(account, fields, **how)
        self.sendings.append(sending)
        return sending

    def _sealed(
        self,
        account: Authorizer,
        fields: dict[str, Any],
        *,
        to: str = "",
        expected: tuple[int, bytes] = SUCCESS,
    ) -> Sending:
        path = f"/wechat/{to or account.appid}/push/"
        door = Webhook(path, TOKEN, AES_KEY, APPID, user_name=account.user_name)
        sealed = seal(
            raw_xml(fields),
            door,
            timestamp=str(int(time.time())),
            nonce=str(self.random.randrange(10**9)),
            random16=self.random.randbytes(8).hex().encode(),
        )
        return Sending(f"{sealed.url}?{urlencode(sealed.params)}", sealed.body, expected)


def raw_xml(fields: dict[str, Any]) -> str:
    """FIELDS as WeChat writes them: nothing in a user's text is escaped."""
    content = fields.get("Content", "")
    usual = xml({**fields, "Content": "CONTENT"} if content else fields)
    return usual.replace("CONTENT", content)


def send_all(port: int, sendings: list[Sending]) -> list[tuple[Sending, tuple[int, bytes]]]:
    """Every request, over 32 connections; those that were not answered as they must be."""
    lines: Queue[http.client.HTTPConnection] = Queue()
    for _ in range(CONNECTIONS):
        lines.put(http.client.HTTPConnection("127.0.0.1", port, timeout=30))

    def send(sending: Sending) -> tuple[Sending, tuple[int, bytes]]:
        line = lines.get()
        line.request("POST", sending.path, sending.body, {"Content-Type": "text/xml"})
        answer = line.getresponse()
        said = answer.status, answer.read()
        lines.put(line)
        return sending, said

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        wrong = [pair for pair in pool.map(send, sendings) if pair[1] != pair[0].expected]
    while not lines.empty():
        lines.get().close()
    return wrong


def work_out(wechat: WeChat, var: Path, kills: int) -> None:
    """Work out what is due by workers of which so many are killed on the way."""
    patience = random.Random(7)
    for _ in range(kills):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=settings.ROOT,
            env=environment(wechat, var, LOG_LEVEL="CRITICAL"),
        )
        try:
            worker.wait(patience.uniform(0.6, 1.6))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait(20)
    while processing.process_due():
        pass
    assert not DuePush.objects.exists()


def test_every_push_of_a_flood_has_one_effect(
    wechat: WeChat,
    component: Component,
    accounts: list[Authorizer],
    target: Target,
    tmp_path: Path,
    size: int,
) -> None:
    told = WeChatSending(accounts, size)
    made = told.made
    heard = made["text"] + made["odd"]
    distinct = heard + made["event"] + made["unknown"] + made["troubled"]
    with a_database_that_refuses(TROUBLED):
        with web(wechat, tmp_path) as port:
            started = time.monotonic()
            assert not send_all(port, told.sendings)
            seconds = time.monotonic() - started
        print(f"{len(told.sendings)} requests in {seconds:.0f} s: {dict(made)}")
        assert Push.objects.count() == distinct
        work_out(wechat, tmp_path, kills=10 if size >= 10_000 else 3)
        states = dict(Push.objects.values_list("state").annotate(Count("id")))
        assert states == {
            "done": heard + made["event"],
            "ignored": made["unknown"],
            "failed": made["troubled"],
        }
        assert effects() == (heard, distinct)
    Push.objects.filter(state="failed").update(retry_at=Now())
    while Push.objects.filter(state="failed").exists():
        tasks.retry_failed_pushes()
    assert effects() == (heard + made["troubled"], distinct)


def effects() -> tuple[int, int]:
    """How many messages conversations have heard, and how many forward targets are to be told."""
    heard = Conversation.objects.aggregate(Sum("unread", default=0))["unread__sum"]
    return heard, Delivery.objects.count()
