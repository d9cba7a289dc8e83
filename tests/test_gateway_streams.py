"""What other programs send and fetch through us passes in pieces, and never looks whole if torn."""

import http.client
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.core import signals
from django.db import close_old_connections
from django.test import Client

from deploy.processes import command
from devtools.stack import free_pair
from miniprograms.models import Authorizer
from platform_auth import call_log
from platform_auth.models import WeChatCall
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.knocking import SUCCESS, message_push
from tests.processes import served, wait_for
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.test_bulkhead import is_free
from tests.test_bulkhead import narrow as narrow
from tests.test_gateway import MEDIA, MIB, PAGE, PNG, UPLOAD, say, url_of
from tests.test_how_processes_start import programs_of, started
from tests.threads import together
from wechat import bulkhead
from wechat.errors import Unreachable

pytestmark = pytest.mark.django_db

LONG = PNG + bytes(3 * MIB)
UNTOLD = {"Content-Length": ""}  # how long it is


@pytest.fixture
def account(bound: Bound) -> Authorizer:
    account = bound()
    call_log.discard()
    return account


@pytest.fixture
def key(merchant: User) -> str:
    return make_key(merchant, "wechat:call", name="till")


@pytest.fixture
def caller(key: str) -> Client:
    return bearer(key)


def leave(answer: Any) -> None:
    """Whoever has asked goes away; Django would close the test's own connection with that."""
    signals.request_finished.disconnect(close_old_connections)
    answer.close()
    signals.request_finished.connect(close_old_connections)


def outcomes() -> list[str]:
    call_log.write()
    return list(WeChatCall.objects.values_list("outcome", flat=True))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_an_errcode_is_explained_beside_wechats_answer(
    account: Authorizer, caller: Client, language: str
) -> None:
    caller.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    answer = say(caller, account)
    explanation = answer["X-WeChat-Explanation"]
    assert explanation.isascii()
    text = unquote(explanation)
    assert answer["X-WeChat-Errcode"] in text
    assert bool(re.search("[一-龥]", text)) == (language == "zh-hans")
    assert "X-WeChat-Explanation" not in caller.get(url_of(account, PAGE))


def test_a_long_answer_passes_in_pieces_and_says_how_long_it_is(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    named = 'attachment; filename="a.png"'
    wechat.fault(f"/{MEDIA}", body=LONG, headers={"Content-Disposition": named})
    answer = caller.get(url_of(account, MEDIA))
    assert answer.streaming
    assert answer["Content-Length"] == str(len(LONG))
    assert answer["Content-Disposition"] == named
    pieces = list(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(pieces) > 10
    assert b"".join(pieces) == LONG
    assert outcomes() == ["0"]


def test_one_whose_length_wechat_does_not_tell_is_fetched_first(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    wechat.fault(f"/{MEDIA}", body=LONG, headers=UNTOLD)
    answer = caller.get(url_of(account, MEDIA))
    assert answer["Content-Length"] == str(len(LONG))
    assert answer.getvalue() == LONG
    wechat.fault(f"/{MEDIA}", body=bytes(20 * MIB + 1), headers=UNTOLD)
    assert status_and_code(caller.get(url_of(account, MEDIA))) == (502, "wechat_unreachable")
    assert outcomes() == ["0", "BadAnswer"]


def test_a_token_is_masked_wherever_the_pieces_end(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    token = account.access_token.encode()
    edges = [MIB + 1, MIB + 1 + 64 * 1024, MIB + 1 + 128 * 1024]
    body = bytearray(3 * MIB)
    for edge in edges:
        body[edge - len(token) // 2 : edge - len(token) // 2 + len(token)] = token
    wechat.fault(f"/{MEDIA}", body=bytes(body))
    content = caller.get(url_of(account, MEDIA)).getvalue()
    assert token not in content
    assert content == bytes(body).replace(token, b"*" * len(token))


def test_a_place_is_taken_until_the_answer_is_passed_on(
    account: Authorizer, caller: Client, wechat: WeChat, narrow: bulkhead.Bulkhead
) -> None:
    wechat.fault(f"/{MEDIA}", times=None, body=LONG)
    answer = caller.get(url_of(account, MEDIA))
    assert not is_free(narrow)
    assert status_and_code(caller.get(url_of(account, PAGE))) == (503, "busy")
    leave(answer)
    assert is_free(narrow)
    assert caller.get(url_of(account, PAGE)).status_code == 200
    answer = caller.get(url_of(account, MEDIA))
    next(iter(answer.streaming_content))  # type: ignore[attr-defined]
    leave(answer)
    assert is_free(narrow)


def test_a_push_waits_for_no_call_of_another_program(
    account: Authorizer, caller: Client, wechat: WeChat, narrow: bulkhead.Bulkhead
) -> None:
    wechat.fault(f"/{MEDIA}", body=LONG)
    answer = caller.get(url_of(account, MEDIA))
    assert not is_free(narrow)
    assert message_push(wechat, account.appid).answer() == SUCCESS
    leave(answer)


def test_wechat_that_breaks_off_is_not_taken_for_the_end(
    account: Authorizer, caller: Client, wechat: WeChat, narrow: bulkhead.Bulkhead
) -> None:
    wechat.fault(f"/{MEDIA}", body=LONG, truncate=2 * MIB)
    answer = caller.get(url_of(account, MEDIA))
    with pytest.raises(Unreachable):
        b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert is_free(narrow)
    wechat.fault(f"/{MEDIA}", body=PNG, truncate=5)
    assert status_and_code(caller.get(url_of(account, MEDIA))) == (502, "wechat_unreachable")
    assert outcomes() == ["Unreachable", "Unreachable"]


def test_a_form_that_went_up_goes_up_again_with_a_new_token(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    wechat.fault(f"/{UPLOAD}", errcode=40001)
    content = PNG + bytes(2 * MIB - len(PNG))
    answer = caller.generic("POST", url_of(account, f"{UPLOAD}?type=image"), *form_of(content))
    media_id = answer.json()["media_id"]
    assert wechat.media.files[media_id].content == content
    assert wechat.count(f"/{UPLOAD}") == 2


def form_of(content: bytes) -> tuple[bytes, str]:
    """A form with a file, and its type."""
    head = 'Content-Disposition: form-data; name="media"; filename="a.png"'
    parts = f"--x-edge\r\n{head}\r\nContent-Type: image/png\r\n\r\n".encode()
    return parts + content + b"\r\n--x-edge--\r\n", "multipart/form-data; boundary=x-edge"


class Program:
    """Another back end, which uses our web server at PORT."""

    def __init__(self, port: int, key: str, account: Authorizer) -> None:
        self.port, self.account = port, account
        self.headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> bytes:
        headers = {**self.headers, **({"Content-Type": media_type} if media_type else {})}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            line.request(method, url_of(self.account, path), body, headers)
            answer = line.getresponse()
            assert answer.status == 200, answer.read()
            return answer.read()

    def fetch(self) -> int:
        return len(self.ask("GET", MEDIA))

    def upload(self) -> Any:
        return json.loads(self.ask("POST", f"{UPLOAD}?type=video", *form_of(bytes(9 * MIB))))


def most_memory(pids: list[int]) -> int:
    """The most bytes that processes have had at once, together."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) * 1024 for text in texts)


@pytest.mark.django_db(transaction=True)
def test_many_files_at_once_need_little_memory_and_a_torn_one_looks_torn(
    account: Authorizer, key: str, wechat: WeChat, tmp_path: Path
) -> None:
    port = free_pair()
    words = command("web", "--port", str(port), "--workers", "1")
    with served(wechat), started(wechat, tmp_path, *words) as server:
        wait_for(port)
        program = Program(port, key, account)
        program.ask("GET", PAGE)
        before = most_memory(programs_of(server.pid))
        wechat.fault(f"/{MEDIA}", times=4, body=PNG + bytes(20 * MIB - len(PNG)))
        assert together([program.fetch] * 4) == [20 * MIB] * 4
        assert len(together([program.upload] * 4)) == 4
        spent = most_memory(programs_of(server.pid)) - before
        wechat.fault(f"/{MEDIA}", body=LONG, truncate=2 * MIB)
        with pytest.raises(http.client.IncompleteRead):
            program.fetch()
        assert program.ask("GET", PAGE)
    print(f"{spent / MIB:.0f} MiB for 4 files of 20 MiB down and 4 of 9 MiB up")
    assert spent < 40 * MIB
