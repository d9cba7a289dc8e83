"""The sandbox's receiver: what it takes, believes and answers, as a program and a person see it."""

import hmac
import json
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from sandbox import WeChat
from sandbox.server import start
from sandbox.world.receiver import MAX_BODY, MAX_ROWS

SECRET = f"whsec_{b64encode(b'0' * 32).decode()}"
OTHER = f"whsec_{b64encode(b'1' * 32).decode()}"
OF_BOT = "SEC-of-a-bot"
TEXT = {"type": "message.text", "timestamp": "2026-11-20T16:00:00Z", "data": {"openid": "o1"}}


class Place:
    """A running sandbox, its receiver, and a browser."""

    def __init__(self, wechat: WeChat) -> None:
        self.wechat = wechat
        self.session = requests.Session()
        self.session.trust_env = False

    def page(self, **query: str) -> str:
        url = f"{self.wechat.base_url}/sandbox/receiver/"
        return self.session.get(url, params={"lang": "en", **query}, timeout=5).text

    def press(self, button: str, **fields: str) -> requests.Response:
        fields = {"form_key": self.wechat.form_key, "inbox": "forwards", **fields}
        url = f"{self.wechat.base_url}/sandbox/receiver/{button}"
        return self.session.post(url, data=fields, timeout=5)

    def post(
        self, inbox: str, members: Any = TEXT, headers: dict[str, str] | None = None
    ) -> requests.Response:
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        url = f"{self.wechat.base_url}/receiver/{inbox}"
        return self.session.post(url, data=body, headers=headers, timeout=5)

    def signed(
        self, secret: str = SECRET, *, inbox: str = "forwards", at: int = 0, **changes: str
    ) -> requests.Response:
        """TEXT as Standard Webhooks have it, by SECRET, but for CHANGES of headers."""
        body, when = json.dumps(TEXT).encode(), str(at or int(time.time()))
        key = b64decode(secret.removeprefix("whsec_"))
        signature = hmac.digest(key, f"msg_1.{when}.".encode() + body, "sha256")
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": when,
            "webhook-signature": f"v1,{b64encode(signature).decode()}",
        }
        return self.post(inbox, body, headers | changes)


@pytest.fixture
def place() -> Iterator[Place]:
    wechat = WeChat(deliver=None)
    server = start(wechat)
    place = Place(wechat)
    yield place
    place.session.close()
    server.shutdown()
    server.server_close()


def test_what_comes_is_on_the_page_newest_first(place: Place) -> None:
    assert "Nothing came yet." in place.page()
    place.post("forwards", {"type": "message.text"})
    place.post("forwards", {"type": "audit.passed"})
    page = place.page()
    assert page.index("audit.passed") < page.index("message.text")
    news = place.session.get(f"{place.wechat.base_url}/sandbox/receiver/news?after=1", timeout=5)
    assert news.json()["last"] == 2
    assert "message.text" not in news.json()["html"]


def test_it_remembers_so_many_and_of_each_so_much(place: Place) -> None:
    for _ in range(MAX_ROWS + 1):
        place.post("forwards", b"x" * (MAX_BODY + 1))
    arrivals = place.wechat.receiver.arrivals
    assert (len(arrivals), arrivals[0].number) == (MAX_ROWS, 2)
    assert {len(arrival.body) for arrival in arrivals} == {MAX_BODY}


def test_what_came_may_be_forgotten(place: Place) -> None:
    place.post("forwards")
    place.press("clear")
    assert "Nothing came yet." in place.page()


@pytest.mark.parametrize("inbox", ["forwards", "notices"])
def test_without_its_secret_nothing_can_be_checked(place: Place, inbox: str) -> None:
    assert place.signed(inbox=inbox).status_code == 200
    assert "Not checked: the receiver does not have the secret." in place.page()


def test_a_right_signature_is_said_to_be_right(place: Place) -> None:
    place.press("secret", secret=OTHER)
    place.press("secret", secret=SECRET)
    assert place.signed().status_code == 200
    page = place.page()
    assert "signature right" in page
    assert "Signed with secret 2." in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"secret": OTHER}, "None of its 1 signatures fits: it was signed with another secret"),
        ({"webhook-id": "msg_2"}, "None of its 1 signatures fits"),
        ({"webhook-signature": "v1,ä v1,x"}, "None of its 2 signatures fits"),
        ({"webhook-signature": ""}, "The header webhook-signature is missing."),
        ({"webhook-timestamp": "soon"}, "The time it was signed at is no number: soon"),
        ({"webhook-timestamp": "9" * 400}, "The time it was signed at is no number: 999"),
        ({"at": int(time.time()) - 1000}, "s from now; 300 s are allowed."),
    ],
)
def test_a_wrong_signature_is_refused_and_said_why(
    place: Place, changes: dict[str, Any], sentence: str
) -> None:
    place.press("secret", secret=SECRET)
    assert place.signed(**changes).status_code == 401
    page = place.page()
    assert "signature wrong" in page
    assert sentence in page


def test_secrets_may_be_forgotten_and_are_never_shown(place: Place) -> None:
    place.press("secret", secret=SECRET)
    assert SECRET not in place.page()
    place.press("forget")
    place.signed(OTHER)
    assert "signature not checked" in place.page()


def test_what_comes_again_is_said_to(place: Place) -> None:
    place.signed()
    assert "<em>again</em>" not in place.page()
    place.signed()
    assert "<em>again</em>" in place.page()


def test_a_message_gets_the_reply_and_an_event_of_ours_does_not(place: Place) -> None:
    place.press("behaviour", reply="It is on its way.")
    content = {"msgtype": "text", "text": {"content": "It is on its way."}}
    assert place.post("forwards").json() == {"reply": content}
    assert place.post("forwards", {"type": "audit.passed"}).json() == {}


def test_it_fails_so_often_as_it_is_set(place: Place) -> None:
    place.press("behaviour", status="503", times="2")
    assert [place.post("forwards").status_code for _ in range(3)] == [503, 503, 200]
    assert "answered 503" in place.page()


def test_it_is_set_back_by_one_button(place: Place) -> None:
    assert "Answer as it should again" not in place.page()
    place.press("behaviour", status="503")
    assert "Answer as it should again" in place.page()
    place.press("behaviour")
    assert place.post("forwards").status_code == 200


def test_it_answers_what_it_is_set_to(place: Place) -> None:
    place.press("behaviour", body="<xml/>")
    assert place.post("forwards").text == "<xml/>"


def test_it_is_slow(place: Place) -> None:
    place.press("behaviour", delay="0.2")
    began = time.monotonic()
    place.post("forwards")
    assert time.monotonic() - began >= 0.2
    assert "answered 200 after 0.2 s" in place.page()


def test_it_hangs_up(place: Place) -> None:
    place.press("behaviour", drop="yes")
    with pytest.raises(requests.ConnectionError):
        place.post("forwards")
    assert "hung up after 0 s" in place.page()


@pytest.mark.parametrize(
    "fields", [{"status": "99"}, {"delay": "61"}, {"delay": "nan"}, {"times": "0"}, {"status": "x"}]
)
def test_what_it_cannot_do_is_refused(place: Place, fields: dict[str, str]) -> None:
    answer = place.press("behaviour", **fields)
    assert (answer.status_code, "未执行" in answer.text) == (400, True)
    assert place.post("forwards").status_code == 200


def test_the_bot_of_wecom_wants_its_key_and_signs_nothing(place: Place) -> None:
    text = {"msgtype": "text", "text": {"content": "A title\n\nmore"}}
    assert place.post("wecom?key=k", text).json()["errcode"] == 0
    assert place.post("wecom", text).json()["errcode"] == 93000
    assert place.post("wecom?key=k", b"no json").json()["errcode"] == 40035
    page = place.page()
    assert "<code>A title</code>" in page
    assert "企业微信&#x27;s bots sign nothing" in page
    assert place.press("secret", inbox="wecom", secret="s").status_code == 400


def _sign(key: bytes, content: bytes) -> str:
    return b64encode(hmac.digest(key, content, "sha256")).decode()


def test_the_bot_of_dingtalk_refuses_as_the_real_one(place: Place) -> None:
    place.press("secret", inbox="dingtalk", secret=OF_BOT)
    at, address = str(int(time.time() * 1000)), "dingtalk?access_token=t"
    right = quote(_sign(OF_BOT.encode(), f"{at}\n{OF_BOT}".encode()), safe="")
    text = {"msgtype": "text", "text": {"content": "x"}}
    assert place.post(f"{address}&timestamp={at}&sign={right}", text).json()["errcode"] == 0
    assert place.post(f"{address}&timestamp={at}&sign=x", text).json()["errcode"] == 310000
    assert place.post(address, text).json()["errcode"] == 310000
    old = str(int(at) - 4_000_000)
    right = quote(_sign(OF_BOT.encode(), f"{old}\n{OF_BOT}".encode()), safe="")
    assert place.post(f"{address}&timestamp={old}&sign={right}", text).json()["errcode"] == 310000
    assert "timestamp is missing in the address." in place.page()


def test_the_bot_of_feishu_refuses_as_the_real_one(place: Place) -> None:
    place.press("secret", inbox="feishu", secret=OF_BOT)
    at = str(int(time.time()))
    post = {"content": {"post": {"zh_cn": {"title": "A title", "content": []}}}}
    right = {"timestamp": at, "sign": _sign(f"{at}\n{OF_BOT}".encode(), b"")}
    assert place.post("feishu", post | right).json()["code"] == 0
    assert place.post("feishu", post | right | {"sign": "x"}).json()["code"] == 19021
    assert place.post("feishu", post).json()["code"] == 19021
    page = place.page()
    assert "<code>A title</code>" in page
    assert "timestamp and sign are missing in the body." in page


def test_its_addresses_take_posts_alone(place: Place) -> None:
    url = place.wechat.base_url
    assert place.session.get(f"{url}/receiver/forwards", timeout=5).status_code == 405
    assert place.post("elsewhere").status_code == 404


def test_a_page_of_another_origin_cannot_press_its_buttons(place: Place) -> None:
    assert place.press("behaviour", form_key="guessed", status="500").status_code == 403
    assert place.post("forwards").status_code == 200


def test_a_script_reads_what_came_and_says_how_to_behave(place: Place) -> None:
    url = f"{place.wechat.base_url}/sandbox/api/receiver"
    settings = {"inbox": "forwards", "secret": SECRET, "status": 500}
    answer = place.session.post(url, json=settings, timeout=5).json()
    assert (answer["inboxes"]["forwards"]["secrets"], SECRET in str(answer)) == (1, False)
    assert place.signed().status_code == 500
    [arrival] = place.session.get(url, timeout=5).json()["arrivals"]
    assert (arrival["title"], arrival["proof"]["is_right"]) == ("message.text", True)
    place.session.post(f"{url}/clear", json={}, timeout=5)
    assert place.session.get(url, timeout=5).json()["arrivals"] == []
    wrong = {"inbox": "forwards", "colour": 1}
    assert place.session.post(url, json=wrong, timeout=5).status_code == 400


def test_its_addresses_are_on_its_page_and_it_on_the_console(place: Place) -> None:
    addresses = re.findall(r"<code>(http[^<]*)</code>", place.page())
    assert [urlsplit(address).path.rpartition("/")[2] for address in addresses] == [
        "forwards",
        "notices",
        "wecom",
        "dingtalk",
        "feishu",
    ]
    for address in addresses:
        assert place.session.post(address, json=TEXT, timeout=5).status_code == 200
    console = WeChat(deliver=None)
    console.register_component(appid="wx0", secret="s", token="t", aes_key="0" * 43)
    server = start(console)
    assert "/sandbox/receiver/" in place.session.get(f"{console.base_url}/", timeout=5).text
    server.shutdown()
    server.server_close()
