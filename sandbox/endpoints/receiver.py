"""What the receiver's inboxes answer to what the platform posts them."""

from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.receiver import PREFIX


def answer(wechat: WeChat, request: Request) -> Reply:
    """One post to one inbox."""
    name = request.path.removeprefix(PREFIX).rstrip("/")
    if name not in wechat.receiver.inboxes:
        return _plain(404, "404 no such inbox")
    if request.method != "POST":
        return _plain(405, "405 this address takes POST; its page is /sandbox/receiver/")
    return wechat.receiver.take(name, request)


def _plain(status: int, text: str) -> Reply:
    return Reply(text.encode(), status, {"Content-Type": "text/plain; charset=utf-8"})
