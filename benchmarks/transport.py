"""
Processor time of one call to a WeChat on loopback that answers at once, over kept connections: our
transport, the client on top of it, and what it could have been built on. libcurl takes part where
`pip install pycurl` has been run. `python -m benchmarks.transport`
"""

import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress

import requests
import urllib3

from wechat import component, transport
from wechat import http as client

try:
    import pycurl
except ImportError:
    pycurl = None

ROUNDS = 9
CALLS = 200  # in a round, of each client in turn
TOKEN = "66_".ljust(150, "x")
PATH = f"/cgi-bin/component/api_authorizer_token?component_access_token={TOKEN}"
APPIDS = ("wx".ljust(18, "0"), "wx".ljust(18, "1"))
REFRESH_TOKEN = "refreshtoken@@@".ljust(58, "x")
HEADERS = {"Content-Type": "application/json"}
BODY = json.dumps(
    {
        "component_appid": APPIDS[0],
        "authorizer_appid": APPIDS[1],
        "authorizer_refresh_token": REFRESH_TOKEN,
    }
).encode()


def clients(port: int) -> dict[str, Callable[[], object]]:
    """One call to PORT by each."""
    url = f"http://127.0.0.1:{port}{PATH}"
    ours, session = transport.new_session(keep=1), requests.Session()
    session.trust_env = False
    pool, line = urllib3.PoolManager(), http.client.HTTPConnection("127.0.0.1", port)
    client.configure(api_url=f"http://127.0.0.1:{port}")

    def by_transport() -> object:
        bounds = transport.Bounds(time.monotonic() + 15, 2 * 1024 * 1024, 3, 10)
        return transport.send(ours, "POST", url, HEADERS, BODY, bounds).body

    def by_requests() -> object:
        return session.post(url, data=BODY, headers=HEADERS, timeout=(3, 10)).content

    def by_urllib3() -> object:
        return pool.request("POST", url, body=BODY, headers=HEADERS, timeout=10).data

    def by_http_client() -> object:
        line.request("POST", PATH, BODY, HEADERS)
        return line.getresponse().read()

    def by_our_client() -> object:
        return component.refresh_authorizer_token(TOKEN, *APPIDS, REFRESH_TOKEN)

    return {
        "requests.Session": by_requests,
        "urllib3.PoolManager": by_urllib3,
        "http.client, without bounds": by_http_client,
        **({"libcurl, with our bounds": _by_libcurl(url)} if pycurl else {}),
        "wechat.transport": by_transport,
        "wechat.http on top of it": by_our_client,
    }


def _by_libcurl(url: str) -> Callable[[], object]:
    handle = pycurl.Curl()

    def call() -> object:
        received, limit = bytearray(), 2 * 1024 * 1024

        def take(data: bytes) -> int:
            received.extend(data)
            return len(data) if len(received) <= limit else -1

        handle.reset()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, 3000)
        handle.setopt(pycurl.TIMEOUT_MS, 15_000)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, 10)
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {text}" for name, text in HEADERS.items()])
        handle.setopt(pycurl.POSTFIELDS, BODY)
        handle.setopt(pycurl.WRITEFUNCTION, take)
        handle.perform()
        return bytes(received)

    return call


def measure(calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Processor µs of a call, round by round, each client in each round."""
    costs: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(ROUNDS + 1):
        for name, call in calls.items():
            before = time.process_time()
            for _ in range(CALLS):
                call()
            if round_:  # the first warms up
                costs[name].append((time.process_time() - before) / CALLS * 1e6)
    return costs


def main() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        port: int = door.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.stand_in", "--port", str(port), "--delay", "0"]
    with subprocess.Popen(command) as stand_in:
        try:
            _wait_for(port)
            for name, costs in measure(clients(port)).items():
                middle, low, high = statistics.median(costs), min(costs), max(costs)
                print(f"{name:28} {middle:5.0f} µs ({low:.0f}–{high:.0f})")
        finally:
            stand_in.kill()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("the stand-in does not listen")


if __name__ == "__main__":
    main()
