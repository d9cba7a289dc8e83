"""Which part of WeChat answers a path: the API, the pages, or the control API."""

import hmac
from collections.abc import Callable
from importlib.resources import files
from urllib.parse import urlsplit

from sandbox.endpoints import api
from sandbox.endpoints import receiver as inboxes
from sandbox.pages import authorization, phone, pictures, program, receiver, release_test, web_login
from sandbox.pages.console import DO, buttons
from sandbox.pages.console import page as console
from sandbox.server import control
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world import receiver as receivers
from sandbox.world.users import AUTHORIZE

Page = Callable[[WeChat, Request], Reply]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
BY_PROGRAMS = (control.PREFIX, receivers.PREFIX)
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 compared with, never bound


def _style(wechat: WeChat, request: Request) -> Reply:
    return Reply(STYLE, headers={"Content-Type": "text/css; charset=utf-8"})


def _script(wechat: WeChat, request: Request) -> Reply:
    script = SCRIPTS[request.path]
    return Reply(script, headers={"Content-Type": "text/javascript; charset=utf-8"})


STYLE = files("sandbox.pages").joinpath("style.css").read_bytes()
SCRIPTS = {
    f"/sandbox/{name}": files("sandbox.pages").joinpath(name).read_bytes()
    for name in ("phone.js", "receiver.js")
}
PAGES: dict[tuple[str, str], Page] = {
    ("GET", "/"): console.show,
    ("GET", authorization.PC): authorization.show,
    ("POST", authorization.PC): authorization.decide,
    ("GET", authorization.PHONE): authorization.show,
    ("POST", authorization.PHONE): authorization.decide,
    ("GET", AUTHORIZE): web_login.show,
    ("POST", AUTHORIZE): web_login.decide,
    ("GET", release_test.PATH): release_test.show,
    ("POST", release_test.PATH): release_test.start,
    ("GET", "/sandbox/style.css"): _style,
    ("GET", "/favicon.ico"): pictures.avatar,
    ("GET", "/cgi-bin/showqrcode"): pictures.ticket_code,
}
PAGES |= {("GET", path): _script for path in SCRIPTS}
PAGES |= {("POST", DO + name): buttons.press for name in buttons.ACTIONS}
FOLDERS: dict[str, Page] = {
    "/avatar/": pictures.avatar,
    "/qrcode/": pictures.qr_code,
    "/sandbox/media/": pictures.media,
    program.FOLDER: program.answer,
    phone.FOLDER: phone.answer,
    receiver.FOLDER: receiver.answer,
    receivers.PREFIX: inboxes.answer,
    control.PREFIX: control.answer,
}


def respond(wechat: WeChat, request: Request) -> Reply:
    """The reply to any request. What nobody else knows is a call of the API, and recorded."""
    page = _page(request)
    if page is None:
        return api.answer(wechat, request)
    if not _is_addressed(wechat, request) or not _is_own_form(wechat, request):
        return Reply(b"403 Forbidden", 403, {"Content-Type": "text/plain"})
    return page(wechat, request)


def _page(request: Request) -> Page | None:
    method = "GET" if request.method == "HEAD" else request.method
    for folder, page in FOLDERS.items():
        if request.path.startswith(folder):
            return page
    return PAGES.get((method, request.path))


def _is_addressed(wechat: WeChat, request: Request) -> bool:
    """Against pages of the web that let their own name point to this computer."""
    own = urlsplit(wechat.base_url).hostname or ""
    host = urlsplit(f"//{request.headers.get('host', own)}").hostname
    return own in EVERYWHERE or host in (*LOOPBACK, own)


def _is_own_form(wechat: WeChat, request: Request) -> bool:
    """A posted form must carry the key only our own pages show; what programs post has none."""
    if request.method != "POST" or request.path.startswith(BY_PROGRAMS):
        return True
    form_key = request.form.get("form_key", [""])[-1]
    return hmac.compare_digest(form_key.encode(), wechat.form_key.encode())
