"""The sandbox over real sockets: its pages, its control API, its way to hang up."""

import ast
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import sandbox
from sandbox import WeChat
from sandbox.pages.words import CHINESE
from sandbox.server import start
from sandbox.server.demo import create_accounts
from sandbox.world.parties import Component

SHOP = "wx5a0d1e2f3b4c5d60"
READERS = "wx5a0d1e2f3b4c5d62"  # an official account
BACK = "https://platform.example.com/portal/bind/s/return/?own=1"
START = "https://platform.example.com/"


class Site:
    """A running sandbox and a browser of its own."""

    def __init__(self, wechat: WeChat) -> None:
        self.wechat = wechat
        self.url = wechat.base_url
        self.session = requests.Session()
        self.session.trust_env = False

    @property
    def component(self) -> Component:
        return self.wechat.component

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=5, **more)

    def post(self, path: str, fields: dict[str, Any], **more: Any) -> requests.Response:
        return self.session.post(
            self.url + path, data=fields, timeout=5, allow_redirects=False, **more
        )

    def script(self, path: str, data: Any = None) -> Any:
        url = f"{self.url}/sandbox/api/{path}"
        if data is None:
            return self.session.get(url, timeout=5).json()
        return self.session.post(url, json=data, timeout=5).json()

    def open(
        self, path: str = "/cgi-bin/componentloginpage", referer: str | None = START, **more: str
    ) -> requests.Response:
        parameters = {
            "component_appid": self.component.appid,
            "pre_auth_code": self.wechat.new_pre_auth_code(self.component).value,
            "redirect_uri": BACK,
            "auth_type": "3",
        } | more
        headers = {"Referer": referer} if referer else {}
        return self.get(path, params=parameters, headers=headers)


def fields_of(page: requests.Response) -> dict[str, Any]:
    """What a browser would send of the page's form as it came."""
    fields: dict[str, Any] = {"func_id": []}
    for element in re.findall(r"<input[^>]*>", page.text):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', element))
        name, value = attributes.get("name", ""), unescape(attributes.get("value", ""))
        if attributes.get("type") == "hidden":
            fields[name] = value
        elif "checked" in element:
            fields[name] = [*fields[name], value] if name == "func_id" else value
    return fields


@pytest.fixture
def site() -> Iterator[Site]:
    wechat = WeChat(deliver=None)
    wechat.register_component(
        appid="wx0123456789abcdef",
        secret="component-secret",
        token="push-token",
        aes_key="0" * 43,
        redirect_domain="platform.example.com",
    )
    create_accounts(wechat)
    server = start(wechat)
    site = Site(wechat)
    yield site
    site.session.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/cgi-bin/componentloginpage", {}),
        ("/wxaopen/safe/bindcomponent", {"action": "bindcomponent", "no_scan": "1"}),
    ],
)
def test_the_owner_confirms_and_is_sent_back(site: Site, path: str, more: dict[str, str]) -> None:
    page = site.open(path, **more)
    assert page.status_code == 200
    fields = fields_of(page)
    assert fields["appid"] == SHOP
    fields["func_id"].remove("19")
    answer = site.post(path, fields | {"decision": "confirm"})
    assert answer.status_code == 302
    url = urlsplit(answer.headers["Location"])
    query = parse_qs(url.query)
    assert url.netloc == "platform.example.com"
    assert (query["own"], query["expires_in"]) == (["1"], ["600"])
    authorization = site.wechat.trade(site.component, query["auth_code"][0])
    assert authorization.account.appid == SHOP
    assert 18 in authorization.func_ids
    assert 19 not in authorization.func_ids
    assert [push.kind for push in site.wechat.outbox] == ["authorized"]
    assert "PreAuthCode无效" in site.post(path, fields | {"decision": "confirm"}).text


def test_the_owner_refuses_and_nothing_happens(site: Site) -> None:
    answer = site.post(
        "/cgi-bin/componentloginpage", fields_of(site.open()) | {"decision": "refuse"}
    )
    assert (answer.status_code, "你已拒绝授权" in answer.text) == (200, True)
    assert site.component.authorizations == {}


def test_something_must_be_granted(site: Site) -> None:
    fields = fields_of(site.open()) | {"func_id": [], "decision": "confirm"}
    answer = site.post("/cgi-bin/componentloginpage", fields)
    assert (answer.status_code, site.component.authorizations) == (422, {})


@pytest.mark.parametrize("referer", [None, "https://elsewhere.example.com/"])
def test_the_page_must_be_reached_from_the_platforms_domain(
    site: Site, referer: str | None
) -> None:
    page = site.open(referer=referer)
    assert "请确认授权入口页所在域名，与授权后回调页所在域名相同" in page.text
    assert f"授权入口页所在域名：{'空' if referer is None else 'elsewhere'}" in page.text


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"component_appid": "wx0"}, "component_appid"),
        ({"pre_auth_code": "preauthcode@@@none"}, "PreAuthCode无效"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri"),
        ({"redirect_uri": "https://elsewhere.example.com/"}, "elsewhere.example.com"),
        ({"auth_type": "9"}, "auth_type"),
    ],
)
def test_wrong_parameters_get_an_error_page(site: Site, more: dict[str, str], told: str) -> None:
    page = site.open(**more)
    assert told in page.text
    assert 'name="decision"' not in page.text


def test_only_fitting_accounts_and_sets_are_offered(site: Site) -> None:
    assert READERS not in site.open(auth_type="2").text
    assert SHOP not in site.open(auth_type="1").text
    pinned = fields_of(site.open(auth_type="2", biz_appid=READERS))
    assert pinned["appid"] == READERS
    assert fields_of(site.open(category_id_list="18|31"))["func_id"] == ["18", "31"]
    smuggled = fields_of(site.open(auth_type="2")) | {"appid": READERS, "decision": "confirm"}
    site.post("/cgi-bin/componentloginpage", smuggled)
    assert site.component.authorizations == {}


def test_pages_speak_english_when_asked_and_escape_names(site: Site) -> None:
    site.wechat.create_account(nick_name="<b onclick=x>", owner="&")
    assert "不是真实的微信" in site.get("/").text
    page = site.get("/?lang=en").text
    assert "This is not the real WeChat" in page
    assert "<b onclick" not in page
    assert "Accounts" in site.get("/").text  # remembered


def test_the_console_does_what_its_buttons_say(site: Site) -> None:
    site.wechat.grant(SHOP)
    key = {"form_key": site.wechat.form_key}
    settings = {"rotate": "always", "pushing": "no"} | {
        name: "60" for name in site.script("state")["settings"] if name not in ("rotate", "pushing")
    }
    buttons: list[tuple[str, dict[str, Any]]] = [
        ("ticket", {}),
        ("update", {"appid": SHOP, "func_id": ["18"]}),
        ("cancel", {"appid": SHOP}),
        (
            "accounts",
            {"kind": "mini_program", "nick_name": "新", "principal_name": "新", "owner": "新"},
        ),
        ("faults", {"path": "*", "times": "", "errcode": "-1", "drop": "", "body": ""}),
        ("settings", settings),
    ]
    for name, fields in buttons:
        answer = site.post(f"/sandbox/do/{name}", fields | key)
        assert answer.status_code == 303, answer.text
        assert site.post(f"/sandbox/do/{name}", fields).status_code == 403
    assert [push.kind for push in site.wechat.outbox] == [
        *("component_verify_ticket", "updateauthorized", "unauthorized")
    ]
    assert (site.wechat.rotate, site.wechat.token_life) == ("always", 60)
    assert not site.component.pushing
    assert len(site.wechat.accounts) == 6
    page = site.get("/")
    assert page.status_code == 200
    assert "errcode: -1" in page.text
    assert site.post("/sandbox/do/cancel", key | {"appid": "none"}).status_code == 400


def test_a_merchant_is_given_a_mini_program_by_a_button_or_by_a_script(site: Site) -> None:
    key = {"form_key": site.wechat.form_key}
    page = site.get("/").text
    assert "快速注册一个小程序" in page
    for status in ("0", "101"):
        fields = {"name": "新公司", "status": status}
        assert site.post("/sandbox/do/register", fields | key).status_code == 303
    appid = site.script("register_quickly", {"name": "别的公司"})["appid"]
    assert site.wechat.accounts[appid].principal_name == "别的公司"
    assert site.script("register_quickly", {"name": "x", "status": 103}) == {"appid": ""}
    assert "error" in site.script("register_quickly", {"name": "x", "status": 7})
    inner = [push.inner for push in site.wechat.outbox]
    assert {push.kind for push in site.wechat.outbox} == {"notify_third_fasteregister"}
    assert [text.count("<auth_code>") for text in inner] == [1, 0, 1, 0]
    assert "<msg><![CDATA[企业已注销]]></msg>" in inner[1]


def test_the_console_makes_answers_odd(site: Site) -> None:
    key = {"form_key": site.wechat.form_key}
    path = "/wxa/gettemplatelist"
    fields = {"path": path, "times": "1", "errcode": "40001", "errmsg": "x", "garble": "1"}
    answer = site.post("/sandbox/do/faults", fields | key | {"content_type": "image/jpeg"})
    assert answer.status_code == 303, answer.text
    told = site.session.get(site.url + path, timeout=5)
    assert told.headers["Content-Type"] == "image/jpeg"
    assert b'"errmsg":"i\x01\xe4\xb8nvalid credential' in told.content


def test_no_page_shows_a_secret(site: Site) -> None:
    ticket = site.wechat.push_ticket()
    path = "/cgi-bin/component/api_component_token"
    body = {
        "component_appid": site.component.appid,
        "component_appsecret": "component-secret",
        "component_verify_ticket": ticket,
    }
    told = site.session.post(site.url + path, json=body, timeout=5).json()
    refresh_token = site.wechat.grant(SHOP).refresh_token
    shown = "".join(
        site.get(page).text
        for page in ("/", *(f"/sandbox/api/{name}" for name in ("state", "ledger", "deliveries")))
    )
    assert path in shown
    for secret in (
        *(ticket, told["component_access_token"], refresh_token),
        *("component-secret", "push-token"),
    ):
        assert secret not in shown


def test_scripts_drive_it(site: Site) -> None:
    made = site.script("accounts", {"count": 3, "authorized": True})["appids"]
    assert len(site.component.authorizations) == 3
    assert "auth_code" in site.script("authorize", {"appid": SHOP, "func_ids": [18]})
    site.script("update", {"appid": SHOP, "func_ids": [18, 30]})
    site.script("cancel", {"appid": made[0]})
    site.script("push", {"kind": "new_kind", "fields": {"a": 1}})
    site.script("push", {"appid": SHOP, "fields": {"Event": "user_enter_tempsession"}})
    site.script("faults", {"path": "/wxa/x", "body": "<html>"})
    assert site.script("settings", {"next_token_life": 20})["next_token_life"] == 20
    assert site.session.post(f"{site.url}/wxa/x", timeout=5).text == "<html>"
    assert site.script("ledger?path=/wxa/x")["count"] == 1
    assert [one.kind for one in site.wechat.outbox] == [
        *("authorized", "updateauthorized", "unauthorized", "new_kind", "user_enter_tempsession")
    ]
    for path, wrong in [
        ("settings", {"rotate": "sometimes"}),
        ("faults", {"path": "*", "typo": 1}),
        ("cancel", {"appid": "none"}),
    ]:
        assert "error" in site.script(path, wrong)


def test_foreign_pages_cannot_drive_it(site: Site) -> None:
    assert "error" in site.post("/sandbox/api/ticket", {}).json()
    assert site.get("/", headers={"Host": "evil.example.com"}).status_code == 403
    assert site.wechat.outbox == []


def test_a_person_chats_on_the_phone_page(site: Site) -> None:
    site.wechat.grant(SHOP)
    path = f"/sandbox/phone/{SHOP}"
    assert path in site.get("/").text
    page = site.get(f"{path}?openid=oLin&lang=en")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "script-src" not in site.get("/").headers["Content-Security-Policy"]
    fields = {"form_key": site.wechat.form_key, "kind": "text", "content": "<b>hello</b>"}
    assert site.post(f"{path}/say?openid=oLin", fields | {"form_key": ""}).status_code == 403
    assert site.post(f"{path}/say?openid=oLin", fields).status_code == 303
    assert site.post(f"{path}/happen?openid=oLin", fields | {"event": "user_enter_tempsession"})
    assert [push.kind for push in site.wechat.outbox] == ["text", "user_enter_tempsession"]
    news = site.get(f"{path}/lines?openid=oLin&after=0").json()
    assert "&lt;b&gt;hello&lt;/b&gt;" in news["html"]
    assert (news["typing"], news["window"]) == (False, "Messages left: 7, for 48 h")
    assert site.get(f"{path}/lines?openid=oLin&after={news['last']}").json()["html"] == ""
    assert site.post(f"{path}/shout?openid=oLin", fields).status_code == 400
    assert site.get("/sandbox/phone/none").status_code == 400


def test_scripts_set_how_much_may_be_said(site: Site) -> None:
    allowed = {"kind": "mini_program", "trigger": "message", "messages": 1, "seconds": 60}
    told = site.script("allowances", allowed)
    assert told["message"] == {"messages": 1, "seconds": 60}
    site.wechat.grant(SHOP)
    site.script("say", {"appid": SHOP, "openid": "oLin", "kind": "image"})
    assert site.script(f"transcript?appid={SHOP}&openid=oLin")["left"] == 1
    assert "error" in site.script("allowances", allowed | {"kind": "shop"})


def test_wechats_test_accounts_are_nobodys_to_authorise(site: Site) -> None:
    site.wechat.start_release_test(groups=[1])
    assert "全网发布检测" not in site.open().text
    assert "全网发布检测" in site.get("/").text


def test_links_in_a_message_lead_to_the_web_or_nowhere(site: Site) -> None:
    authorization = site.wechat.grant(SHOP)
    token, _ = site.wechat.new_token(authorization)
    site.wechat.say(SHOP, "oLin", "hello")
    text = (
        '<a href="javascript:alert(1)">one</a> <a href="https://a.example/?b=1&c=2">two</a>'
        '<a href="" data-miniprogram-appid="x">three</a> <script>'
    )
    body = {"touser": "oLin", "msgtype": "text", "text": {"content": text}}
    url = f"{site.url}/cgi-bin/message/custom/send?access_token={token}"
    assert site.session.post(url, json=body, timeout=5).json()["errcode"] == 0
    page = site.get(f"/sandbox/phone/{SHOP}?openid=oLin").text
    assert "javascript:" not in page
    assert "<script>" not in page
    assert 'href="https://a.example/?b=1&amp;c=2"' in page
    assert ">three</span> &lt;script&gt;" in page


def test_the_console_tells_of_the_silence_after_many_failures(site: Site) -> None:
    site.wechat.post.mute_after = 1
    for _ in range(2):
        site.wechat.push_ticket()
    site.wechat.deliver_all(lambda *_: (500, b""))
    assert site.script("state")["component"]["dropped"] == 1
    page = site.get("/?lang=en").text
    assert "too many failures" in page
    assert "Pushes lost by silence: 1." in page
    site.wechat.post.muted_until = 0
    assert "too many failures" not in site.get("/").text


def test_it_hangs_up_and_cuts_answers_short(site: Site) -> None:
    site.wechat.fault("/wxa/x", drop="after")
    with pytest.raises(requests.ConnectionError):
        site.session.post(f"{site.url}/wxa/x", timeout=5)
    site.wechat.fault("/wxa/x", truncate=5)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        site.session.post(f"{site.url}/wxa/x", timeout=5)
    site.wechat.fault("/wxa/x", slow=5_000)
    assert site.session.post(f"{site.url}/wxa/x", timeout=5).json()["errcode"] == 40066


def test_pictures_are_drawn(site: Site) -> None:
    for folder in ("avatar", "qrcode"):
        picture = site.get(f"/{folder}/{SHOP}.svg")
        assert picture.headers["Content-Type"] == "image/svg+xml"
        assert picture.text.startswith("<svg")


def test_the_command_pushes_a_ticket_once_the_platform_is_up_and_ends_when_told() -> None:
    bodies: list[bytes] = []
    arrived = threading.Event()

    class Platform(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"ok")

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(b"success")
            arrived.set()

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    platform = HTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=platform.serve_forever, daemon=True).start()
    credentials = {
        "WECHAT_COMPONENT_APPID": "wx0123456789abcdef",
        "WECHAT_COMPONENT_SECRET": "s",
        "WECHAT_TOKEN": "t",
        "WECHAT_AES_KEY": "0" * 43,
    }
    address = f"http://127.0.0.1:{platform.server_port}"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--platform", address]
    with subprocess.Popen(
        [*command, "--seed-accounts"], env=os.environ | credentials, stdout=subprocess.PIPE
    ) as process:
        assert arrived.wait(15)
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[-1]
        state = requests.get(f"{url}sandbox/api/state", timeout=5).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    platform.shutdown()
    platform.server_close()
    assert b"<Encrypt>" in bodies[0]
    assert len(state["accounts"]) == 5
    missing = subprocess.run(command, env={"PATH": ""}, capture_output=True, check=False)
    assert missing.returncode == 1
    assert missing.stderr.startswith(b"sandbox: set WECHAT_")


def test_every_word_on_a_page_is_said_in_both_languages() -> None:
    folder = Path(sandbox.__file__).parent / "pages"
    texts = {
        node.value
        for source in folder.rglob("*.py")
        if source.name != "words.py"
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    said = {
        node.args[0].value
        for source in folder.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "words"
    }
    assert said <= set(CHINESE)
    assert set(CHINESE) <= texts
