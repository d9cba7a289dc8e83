"""The sandbox as a server: real sockets for the demo, the check and the benchmarks."""

import socket
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sandbox.server.router import respond
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat

LONGEST_BODY = 11 * 1024 * 1024  # a film for review may have 10
LONGEST_WAIT = 600
TICKET_SECONDS = 600
FIRST_TRIES_SECONDS = 5  # until the platform knows its component


class SandboxServer(ThreadingHTTPServer):
    """One thread a connection; connections are kept."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], wechat: WeChat) -> None:
        self.wechat = wechat
        super().__init__(address, Handler)
        wechat.base_url = f"http://{address[0]}:{self.server_port}"

    def service_actions(self) -> None:
        """Between requests: the verdicts whose time has come."""
        self.wechat.judge_due()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report; anything else is a fault of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets the router answer, and treats the answer as its fault demands."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: SandboxServer

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LONGEST_BODY:
            self.close_connection = True
            self.send_error(413)
            return
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path,
            query_string=url.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            client_ip=self.client_address[0],
        )
        self.deliver(respond(self.server.wechat, request))

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = answer

    def deliver(self, reply: Reply) -> None:
        """Late, in part, drop by drop, or not at all."""
        if reply.until is not None:
            reply.until.wait(LONGEST_WAIT)
        time.sleep(reply.delay)
        if reply.drop:
            self.hang_up()
            return
        self.send_response_only(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.write(reply)

    def write(self, reply: Reply) -> None:
        if reply.slow is None:
            self.wfile.write(reply.sent)
        else:
            for byte in reply.sent:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(1 / reply.slow)
        if reply.truncate is not None:
            self.wfile.flush()
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection without another word."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the log; URLs hold tokens."""


def start(wechat: WeChat, host: str = "127.0.0.1", port: int = 0) -> SandboxServer:
    """A running server for tests; `shutdown` and `server_close` end it."""
    server = SandboxServer((host, port), wechat)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="sandbox").start()
    return server


def push_tickets(wechat: WeChat, platform: str, stop: threading.Event) -> None:
    """The first ticket as soon as the platform is up and takes it, then one every ten minutes."""
    while not _is_up(platform):
        if stop.wait(0.3):
            return
    while True:
        for component in list(wechat.components.values()):
            if component.pushing:
                wechat.push_ticket(component)
        if stop.wait(FIRST_TRIES_SECONDS):
            return
        is_taken = any(delivery.accepted for delivery in wechat.deliveries)
        if is_taken and stop.wait(TICKET_SECONDS - FIRST_TRIES_SECONDS):
            return


def _is_up(platform: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{platform}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
