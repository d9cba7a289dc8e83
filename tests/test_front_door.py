"""deploy/nginx.conf in a real nginx, before servers that only say who they are."""

import http.client
import json
import re
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.front_door import Nginx
from deploy.processes import port_of
from devtools.front_door import FrontDoor
from devtools.production import PORTS
from devtools.stack import free_block

OURS = "127.0.0.1"  # the server_name

pytestmark = pytest.mark.skipif(
    not shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin"), reason="needs nginx"
)


class Named(BaseHTTPRequestHandler):
    """Answers with the name of its server and what it was asked for."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.server.seconds)
        forwarded = self.headers.get("X-Forwarded-For", "")
        text = f"{self.server.name} {self.path} {len(body)} {forwarded}".encode()
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *args: Any) -> None:
        """Nothing: the test counts."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, name: str, port: int, seconds: float = 0.0) -> None:
        self.name, self.seconds = name, seconds
        super().__init__(("127.0.0.1", port), Named)


@contextmanager
def serving(name: str, port: int, seconds: float = 0.0) -> Iterator[Server]:
    server = Server(name, port, seconds)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FrontDoor:
    """nginx's folder; where the two slots would be is free."""
    port = free_block(PORTS)
    monkeypatch.setenv("FIRST_PORT", str(port + 4))
    tmp_path.chmod(0o755)
    door = FrontDoor(tmp_path, https=port, http=port + 2, inside=port + 3)
    door.prepare()
    return door


@pytest.fixture
def nginx(door: FrontDoor) -> Nginx:
    return Nginx(door.folder, door.command, f"127.0.0.1:{door.inside}")


@pytest.fixture
def blue(door: FrontDoor, nginx: Nginx) -> Iterator[FrontDoor]:
    """nginx serves web and push of the blue slot."""
    nginx.serve("blue")
    with (
        serving("web", port_of("web", "blue")),
        serving("push", port_of("push", "blue")),
        door.running(),
    ):
        yield door


def ask(
    door: FrontDoor,
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    host: str = OURS,
    claimed: str = "",
) -> tuple[int, str]:
    """Over TLS, a connection of its own; (0, "") where it was closed without an answer."""
    trust = ssl.create_default_context(cafile=str(door.certificate))
    line = http.client.HTTPSConnection("127.0.0.1", door.https, timeout=10, context=trust)
    with closing(line):
        line.request(method, path, body or None, headers={"Host": host, "X-Forwarded-For": claimed})
        try:
            answer = line.getresponse()
        except http.client.RemoteDisconnected:
            return 0, ""
        return answer.status, answer.read().decode()


def log_of(door: FrontDoor) -> list[str]:
    time.sleep(0.2)
    return (door.folder / "log" / "access.log").read_text().splitlines()


def test_pushes_go_to_their_own_service_and_the_rest_to_web(blue: FrontDoor) -> None:
    pushed = ask(blue, "/wechat/component/push/?nonce=1", method="POST", body=b"<xml/>")
    assert pushed == (200, "push /wechat/component/push/?nonce=1 6 127.0.0.1")
    assert ask(blue, "/portal/") == (200, "web /portal/ 0 127.0.0.1")
    assert ask(blue, "/portal/", claimed="6.6.6.6")[1].endswith(" 127.0.0.1")


def test_web_takes_pushes_where_push_is_away(door: FrontDoor, nginx: Nginx) -> None:
    nginx.serve("blue")
    with serving("web", port_of("web", "blue")), door.running():
        for _ in range(5):
            assert ask(door, "/wechat/component/push/", method="POST", body=b"x")[1][:4] == "web "


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_operators_pages_are_inside_only(blue: FrontDoor, path: str) -> None:
    assert ask(blue, path)[0] == 404
    with closing(http.client.HTTPConnection("127.0.0.1", blue.inside, timeout=10)) as inside:
        inside.request("GET", path)
        assert inside.getresponse().read().decode().startswith(f"web {path}")


def test_another_host_is_told_nothing_and_leaves_one_line(blue: FrontDoor) -> None:
    before = len(log_of(blue))
    for path in ("/", "/portal/?secret=1", "/wechat/component/push/"):
        assert ask(blue, path, host="elsewhere.example") == (0, "")
    lines = log_of(blue)[before:]
    assert [re.findall(r'" (\d+) ', line)[0] for line in lines] == ["444"] * 3
    assert all(line.endswith(" elsewhere.example") for line in lines)
    assert "secret" not in "".join(lines)


@pytest.mark.parametrize("host", [OURS, "h5.example.com"])
def test_a_web_view_domains_file_is_served_whatever_host_leads_here(
    blue: FrontDoor, host: str
) -> None:
    status, answer = ask(blue, "/4f3a9c0b1d.txt", host=host)
    assert (status, answer[:20]) == (200, "web /4f3a9c0b1d.txt ")
    if host != OURS:
        assert ask(blue, "/a/4f3a9c0b1d.txt", host=host) == (0, "")
        assert ask(blue, "/4f3a9c0b1d.txt/", host=host) == (0, "")


def test_a_bind_states_address_and_every_query_stay_out_of_the_log(blue: FrontDoor) -> None:
    ask(blue, "/portal/bind/s-t-a-t-e/return/?auth_code=c-o-d-e")
    line = log_of(blue)[-1]
    assert '"GET /portal/bind/*" 200' in line
    assert "s-t-a-t-e" not in line
    assert "c-o-d-e" not in line


def test_a_push_that_is_too_large_is_refused_by_the_application(blue: FrontDoor) -> None:
    status, text = ask(blue, "/wechat/component/push/", method="POST", body=b"x" * 300_000)
    assert (status, text.split()[:1]) == (200, ["push"])
    assert " 0 " in text


def test_who_tries_logins_without_end_waits(blue: FrontDoor) -> None:
    answers = [ask(blue, "/portal/login/", method="POST", body=b"x")[0] for _ in range(40)]
    assert answers[0] == 200
    assert 429 in answers
    assert ask(blue, "/wechat/component/push/", method="POST", body=b"x")[0] == 200


def test_nobody_is_refused_while_the_slot_changes(blue: FrontDoor, nginx: Nginx) -> None:
    """Twice there and back, with requests under way that take longer than the change itself."""
    answers: list[tuple[int, str]] = []
    stop = threading.Event()

    def push() -> None:
        while not stop.is_set():
            answers.append(ask(blue, "/wechat/component/push/", method="POST", body=b"x"))

    with ExitStack() as green:
        for role in ("web", "push"):
            green.enter_context(serving(f"green-{role}", port_of(role, "green"), 0.3))
        senders = [threading.Thread(target=push) for _ in range(4)]
        for sender in senders:
            sender.start()
        for slot in ("green", "blue") * 2:
            nginx.serve(slot)
            give_up = time.monotonic() + 20
            while not nginx.serves(slot):
                assert time.monotonic() < give_up
            assert nginx.live_slot() == slot
            nginx.wait_for_the_old()
        stop.set()
        for sender in senders:
            sender.join()
    assert {status for status, _text in answers} == {200}
    assert {text.split()[0] for _status, text in answers} == {"push", "green-push"}


def test_a_file_that_nginx_does_not_take_is_put_back(blue: FrontDoor, nginx: Nginx) -> None:
    before = nginx.file.read_text()
    (blue.folder / "certs" / "fullchain.pem").write_text("no certificate")
    with pytest.raises(Exception, match="non-zero exit status"):
        nginx.serve("green")
    assert nginx.file.read_text() == before
    assert nginx.serves("blue")


def test_compose_has_the_same_front_door(door: FrontDoor) -> None:
    """nginx reads it with the names that docker gives."""
    names = (Path(__file__).parents[1] / "deploy" / "nginx-compose.conf").read_text()
    (door.folder / "upstreams.conf").write_text(names)
    with (
        door.running(),
        closing(http.client.HTTPConnection("127.0.0.1", door.inside, timeout=10)) as inside,
    ):
        inside.request("GET", "/served")
        assert inside.getresponse().read() == b"web:8000 push:8001\n"


def test_the_api_is_answered_in_json_by_nginx_too(blue: FrontDoor) -> None:
    token = "/api/v1/auth/token/"
    cases = {token: 70_000, "/api/v1/bindings/": 12_000_000}
    for path, size in cases.items():
        status, text = ask(blue, path, method="POST", body=b"x" * size)
        assert (status, json.loads(text)["code"]) == (413, "too_large"), path
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: ask(blue, token, method="POST"), range(40)))
    refused = [json.loads(text) for status, text in answers if status == 429]
    assert refused
    assert {body["code"] for body in refused} == {"throttled"}
    assert all(re.fullmatch("[0-9a-f]{32}", body["request_id"]) for body in refused)
