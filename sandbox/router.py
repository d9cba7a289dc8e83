"""Which part of WeChat answers a path: the API, and the pages beside it."""

from sandbox import api
from sandbox.exchange import Reply, Request
from sandbox.world import WeChat


def respond(wechat: WeChat, request: Request) -> Reply:
    """The reply to any request. What nobody else knows is a call of the API, and recorded."""
    return api.answer(wechat, request)
