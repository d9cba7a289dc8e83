"""
Strangers hammer on the logins of a real web server, each from addresses of its own. WeChat's pushes
are answered all the while, and whoever is known there still gets in.
"""

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from django.contrib.auth.models import User

from platform_auth.models import Component
from sandbox.world import WeChat
from tests.processes import web

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
]

STRANGERS = 24
SECONDS = 5.0
PASSWORD = "correct-horse-battery"


@pytest.fixture
def port(wechat: WeChat, component: Component, tmp_path: Path, settings: object) -> Iterator[int]:
    hasher = "platform_auth.logins.hashing.BoundedPBKDF2PasswordHasher"
    settings.PASSWORD_HASHERS = [hasher]  # type: ignore[attr-defined]
    User.objects.create_user("shop", password=PASSWORD)
    with web(wechat, tmp_path, NUM_PROXIES="1", PUBLIC_URL="http://127.0.0.1") as port:
        yield port


class Flood:
    """Wrong passwords from as many clients as STRANGERS, until it is over."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1/auth/token/"
        self.over = threading.Event()
        self.statuses: Counter[int] = Counter()
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(STRANGERS)
        ]

    def __enter__(self) -> "Flood":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, stranger: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            tries = 0
            while not self.over.is_set():
                tries += 1
                headers = {"X-Forwarded-For": f"10.{stranger}.{tries // 250}.{tries % 250}"}
                fields = {"username": f"user-{stranger}-{tries}", "password": "guess"}
                answer = session.post(self.url, json=fields, headers=headers, timeout=30)
                self.statuses[answer.status_code] += 1
                time.sleep(0.02)  # what is between them and us


def test_pushes_are_answered_while_strangers_hammer_on_the_login(wechat: WeChat, port: int) -> None:
    with requests.Session() as session, Flood(port) as flood:
        session.trust_env = False
        times: list[float] = []

        def carry(
            url: str, params: Mapping[str, str], body: bytes, headers: Mapping[str, str]
        ) -> tuple[int, bytes]:
            here = f"http://127.0.0.1:{port}{urlsplit(url).path}"
            began = time.monotonic()
            answer = session.post(here, body, params=dict(params), headers=dict(headers), timeout=9)
            times.append(time.monotonic() - began)
            return answer.status_code, answer.content

        give_up = time.monotonic() + SECONDS
        while time.monotonic() < give_up:
            wechat.push_ticket()
            [delivery] = wechat.deliver_all(carry)
            assert (delivery.status, delivery.answer) == (200, b"success")

    print(json.dumps({"pushes": len(times), "p50": statistics.median(times), "max": max(times)}))
    print(flood.statuses)
    assert statistics.median(times) < 0.5
    assert max(times) < 2  # of the five seconds that WeChat waits
    assert set(flood.statuses) <= {401, 429, 503}
    assert flood.statuses[503], "the flood did not reach the limit"
    assert flood.statuses[401]


def test_whoever_is_known_logs_in_during_the_flood(port: int) -> None:
    site = f"http://127.0.0.1:{port}"
    with requests.Session() as person:
        person.trust_env = False
        assert _log_in(person, site) == 200
        with Flood(port):
            time.sleep(0.5)
            began = time.monotonic()
            del person.cookies["sessionid"]
            # All places for pages may be taken for a moment; nothing else keeps them out.
            while (status := _log_in(person, site)) == 503:
                assert time.monotonic() - began < 5
            assert status == 200


def _log_in(person: requests.Session, site: str) -> int:
    page = person.get(f"{site}/portal/login/", timeout=10)
    if page.status_code != 200:
        return page.status_code
    fields = {
        "username": "shop",
        "password": PASSWORD,
        "csrfmiddlewaretoken": person.cookies["csrftoken"],
    }
    headers = {"X-Forwarded-For": "192.0.2.1", "Referer": f"{site}/portal/login/"}
    answer = person.post(f"{site}/portal/login/", fields, headers=headers, timeout=10)
    assert answer.status_code == 503 or answer.url.endswith("/portal/"), answer.url
    return answer.status_code
