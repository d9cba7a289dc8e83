"""A release under load: message pushes as WeChat sends them, each over a connection of its own."""

import http.client
import secrets
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psycopg

from devtools.failure import Failure
from devtools.walk import Sandbox
from sandbox.wire.envelope import Sealed, Webhook, seal, xml

if TYPE_CHECKING:
    from devtools.production import Production

SENDERS = 64
WAIT_SECONDS = 10
SETTLE_SECONDS = 2.0  # of load before the release and after it


@dataclass
class Load:
    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        slowest = statistics.quantiles(self.seconds, n=100)[98]
        answers = ", ".join(f"{number} × {answer}" for answer, number in self.answers.items())
        return f"{answers}; p99 {slowest * 1000:.0f} ms, longest {max(self.seconds):.2f} s"


def deploy_under_load(stack: "Production", appid: str, rate: int) -> Load:
    """One release while RATE pushes a second come in; a Failure if one was refused, or is lost."""
    load, stop = Load(), threading.Event()
    door = _door(stack, appid)
    before = _kept(stack)
    sending = threading.Thread(target=_send, args=(stack.port, door, rate, load, stop))
    sending.start()
    try:
        time.sleep(SETTLE_SECONDS)
        stack.rolling()
        time.sleep(SETTLE_SECONDS)
    finally:
        stop.set()
        sending.join()
    kept = _kept(stack) - before
    if set(load.answers) != {"200 success"} or kept != load.answers.total():
        raise Failure(f"{load}; {kept} kept.")
    return load


def _door(stack: "Production", appid: str) -> Webhook:
    settings = stack.environment
    [account] = [each for each in Sandbox(stack).accounts() if each["appid"] == appid]
    return Webhook(
        url=f"/wechat/{appid}/push/",
        token=settings["WECHAT_TOKEN"],
        aes_key=settings["WECHAT_AES_KEY"],
        appid=settings["WECHAT_COMPONENT_APPID"],
        user_name=account["user_name"],
    )


def _send(port: int, door: Webhook, rate: int, load: Load, stop: threading.Event) -> None:
    began, number = time.monotonic(), 0
    with ThreadPoolExecutor(SENDERS) as senders:
        while not stop.is_set():
            senders.submit(_push, port, _message(door), load)
            number += 1
            time.sleep(max(0.0, began + number / rate - time.monotonic()))


def _message(door: Webhook) -> Sealed:
    now, openid = int(time.time()), f"o{secrets.token_hex(12)}"
    fields = {
        "ToUserName": door.user_name,
        "FromUserName": openid,
        "CreateTime": now,
        "MsgType": "text",
        "Content": "什么时候能送到？",
        "MsgId": secrets.randbelow(10**18),
    }
    nonce, random16 = str(secrets.randbelow(10**10)), secrets.token_hex(8).encode()
    return seal(
        xml(fields), door, timestamp=str(now), nonce=nonce, random16=random16, openid=openid
    )


def _push(port: int, sealed: Sealed, load: Load) -> None:
    began = time.monotonic()
    answer = _answer(port, sealed)
    load.answers[answer] += 1
    load.seconds.append(time.monotonic() - began)


def _answer(port: int, sealed: Sealed) -> str:
    path = f"{sealed.url}?{urlencode(sealed.params)}"
    try:
        with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT_SECONDS)) as line:
            line.request("POST", path, sealed.body, {"Content-Type": "text/xml"})
            answer = line.getresponse()
            return f"{answer.status} {answer.read(20).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def _kept(stack: "Production") -> int:
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM platform_auth_push WHERE openid <> ''")
        [(number,)] = row.fetchall()
    return int(number)
