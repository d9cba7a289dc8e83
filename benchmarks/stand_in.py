"""
WeChat's api_authorizer_token and nothing else, after a delay, cheaply: the sandbox takes more
processor time for an answer than our sweep takes for asking, so it would be what is measured.
"""

import argparse
import asyncio
import json
import re

LONGEST = 600.0  # seconds; then it stops by itself, whatever became of who started it
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answering(asyncio.Protocol):
    """One kept connection of a client that waits for each answer before it asks again."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if found and length and len(body) >= int(length[1]):
            self.received = b""
            later = asyncio.get_running_loop().call_later
            later(self.delay, self.transport.write, _answer(json.loads(body)))


def _answer(asked: dict[str, str]) -> bytes:
    """A token as long as WeChat's, and the refresh token as it was."""
    body = json.dumps(
        {
            "authorizer_access_token": f"66_{asked['authorizer_appid']:x<150}",
            "expires_in": 7200,
            "authorizer_refresh_token": asked["authorizer_refresh_token"],
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def serve(port: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(delay), "127.0.0.1", port, backlog=1024)
    async with server:
        await asyncio.sleep(LONGEST)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stand_in", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.05, metavar="SECONDS")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.delay))
