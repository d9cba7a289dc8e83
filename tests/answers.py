"""An answer of the stand-in's to every function of our client, to be asked for again, changed."""

import inspect
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from sandbox.server.transport import SandboxAdapter
from tests.conftest import APPID, PREFIX, SECRET
from tests.programs import EXT_JSON, Shop, open_shop
from wechat import (
    account,
    code,
    code_release,
    code_review,
    code_templates,
    component,
    custom_message,
    domains,
    http,
    media,
    privacy,
    registration,
    testers,
    tickets,
    users,
    web_logins,
)
from wechat.errors import Refused
from wechat.http import File
from wechat.replies import Text

MODULES: list[ModuleType] = [
    *(account, code, code_release, code_review, code_templates, component, custom_message),
    *(domains, media, privacy, registration, testers, tickets, users, web_logins),
]
API = "https://api.example.com"
OPENID = "o" + "a" * 27
PNG = File("image/png", b"\x89PNG\r\n\x1a\n" + b"p" * 100)


def client_functions() -> dict[str, Callable[..., Any]]:
    """Every function of the client that asks WeChat, by its name."""
    return {
        f"{module.__name__}.{name}": function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and name not in _ON_SOCKETS
        and next(iter(inspect.signature(function).parameters)) in _FIRST_PARAMETERS
    }


_FIRST_PARAMETERS = {"token", "component_token", "appid"}
# It asks over open sockets alone, and reads as its singular: tests/test_side_by_side.py.
_ON_SOCKETS = {"refresh_authorizer_tokens"}


class Replay(BaseAdapter):
    """Answers every request with one body."""

    def __init__(self, body: bytes, media_type: str = "application/json") -> None:
        super().__init__()
        self.body = body
        self.media_type = media_type

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        response = Response()
        response.status_code, response.raw = 200, io.BytesIO(self.body)
        response.headers["Content-Type"] = self.media_type
        return response

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Sample:
    """A call of the client, and what the stand-in answered."""

    ask: Callable[[], Any]
    body: bytes

    @property
    def answer(self) -> Any:
        """The answer's JSON; None for a file."""
        return json.loads(self.body) if self.body[:1] == b"{" else None

    def replay(self, body: bytes, media_type: str = "application/json") -> Any:
        """What the client makes of BODY in the answer's place."""
        http.session.mount(PREFIX, Replay(body, media_type))
        return self.ask()


class _Listening(SandboxAdapter):
    """The stand-in; its last answer is remembered."""

    body = b""

    def send(self, *args: Any, **kwargs: Any) -> Response:
        response = super().send(*args, **kwargs)
        self.body = response.raw.read()
        response.raw = io.BytesIO(self.body)
        return response


@dataclass
class _Story:
    """All that a shop can be asked for, in an order in which it is granted."""

    shop: Shop
    samples: dict[str, Sample] = field(default_factory=dict)

    def ask(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        listening = _Listening(self.shop.wechat)
        http.session.mount(PREFIX, listening)
        result = function(*args, **more)
        name = f"{function.__module__}.{function.__name__}"
        self.samples[name] = Sample(lambda: function(*args, **more), listening.body)
        return result


@cache
def record_samples() -> dict[str, Sample]:
    """A sample of each function, by its name."""
    story = _Story(open_shop())
    _ask_about_code(story)
    _ask_about_reviews(story)
    _ask_about_settings(story)
    _ask_about_messages(story)
    _ask_about_users(story)
    _ask_about_accounts(story)
    return story.samples


def _ask_about_code(story: _Story) -> None:
    shop, ask = story.shop, story.ask
    for version in ("1.0.0", "2.0.0"):
        draft = shop.wechat.upload_draft(user_version=version)
        ask(code_templates.add_to_template, shop.component_token, draft.draft_id)
    shop.wechat.upload_draft(user_version="3.0.0")
    ask(code_templates.list_drafts, shop.component_token)
    template = ask(code_templates.list_templates, shop.component_token)[0]
    shop.account.categories.append({"first": "餐饮", "second": "点评", "third": "点餐"})
    shop.program.without_conf.append("wx.chooseAddress")
    texts = {"ext_json": EXT_JSON, "user_version": "1.0.0", "user_desc": "第一版"}
    ask(code.commit, shop.token, template_id=template.template_id, **texts)
    for function in (code.get_page, code.get_category, code.get_qrcode, code.get_code_privacy_info):
        ask(function, shop.token)
    shop.program.without_conf.clear()
    ask(code_templates.delete_template, shop.component_token, template.template_id)


def _ask_about_reviews(story: _Story) -> None:
    shop, ask = story.shop, story.ask
    ask(code_review.upload_media, shop.token, PNG)
    auditid = ask(code_review.submit_audit, shop.token, {})
    ask(code_review.speed_up_audit, shop.token, auditid)
    ask(code_review.undo_code_audit, shop.token)
    auditid = shop.submit("1.1.0")
    shop.wechat.judge(shop.appid, "reject", "类目不符", pictures=2)
    ask(code_review.get_auditstatus, shop.token, auditid)
    ask(code_review.get_latest_auditstatus, shop.token)
    ask(code_review.query_quota, shop.token)
    for version in ("1.2.0", "1.3.0", "1.4.0"):
        shop.release(version)
    ask(code_release.get_history_version, shop.token)
    ask(code_release.revert_code_release, shop.token)
    shop.approve("1.5.0")
    ask(code_release.gray_release, shop.token, 10)
    ask(code_release.get_gray_release_plan, shop.token)
    ask(code_release.revert_gray_release, shop.token)
    shop.approve("1.6.0")
    ask(code_release.release_code, shop.token)
    ask(code_release.get_version_info, shop.token)
    ask(code_release.is_open_to_visits, shop.token)
    ask(code_release.change_visit_status, shop.token, is_open=False)
    usage = ask(code_release.get_support_version, shop.token).usage
    ask(code_release.set_support_version, shop.token, usage[0][0])


def _ask_about_settings(story: _Story) -> None:
    shop, ask = story.shop, story.ask
    ours, token = shop.component_token, shop.token
    names = ["api.example.com", "example.com"]
    ask(domains.modify_platform_domain, ours, "add", names, published_too=True)
    ask(domains.modify_platform_jump_domain, ours, "set", names, published_too=True)
    ask(domains.modify_domain, token, "add", {"requestdomain": [API, "https://example.org"]})
    ask(domains.modify_domain_directly, token, "set", {"wsrequestdomain": ["wss://example.com"]})
    ask(domains.set_webview_domain, token, "add", ["https://a.example.com"])
    ask(domains.get_webview_confirm_file, token)
    ask(domains.set_webview_domain_directly, token, "set", ["https://example.org"])
    ask(domains.set_prefetch_dns_domain, token, [API])
    for function in (
        domains.get_effective_domain,
        domains.get_effective_webview_domain,
        domains.get_prefetch_dns_domain,
        account.get_account_basic_info,
    ):
        ask(function, token)
    ask(domains.get_platform_confirm_file, ours)
    for name in ("li_laojie", "wang_laowu"):
        userstr = ask(testers.bind_tester, token, name)
    ask(testers.list_testers, token)
    ask(testers.unbind_tester, token, userstr=userstr)
    owner = privacy.OwnerSetting(contact_email="hi@example.com", notice_method="弹窗")
    uses = [privacy.PrivacyUse(privacy_key="Location", privacy_text="配送书籍")]
    ask(privacy.set_privacy_setting, token, owner_setting=owner, uses=uses)
    ask(privacy.get_privacy_setting, token)
    ask(privacy.upload_privacy_file, token, "隐私")
    more = {"url_list": [API], "pic_list": []}
    ask(privacy.apply_privacy_interface, token, "wx.getLocation", "配送", **more)
    ask(privacy.list_privacy_interfaces, token)
    ask(registration.list_registered_categories, token)
    ask(registration.get_filing_status, token)


def _ask_about_messages(story: _Story) -> None:
    shop, ask = story.shop, story.ask
    shop.wechat.say(shop.appid, OPENID, "在吗")
    ask(custom_message.send_typing, shop.token, OPENID, on=True)
    ask(custom_message.send_custom, shop.token, OPENID, Text("在的"))
    media_id = ask(media.upload_media, shop.token, media.IMAGE, PNG)
    ask(media.get_media, shop.token, media_id)
    media_id = shop.wechat.media.keep(shop.appid, "audio/amr", b"#!AMR\n" + b"v" * 100)
    ask(media.get_voice, shop.token, media_id)


def _ask_about_users(story: _Story) -> None:
    shop, ask, wechat = story.shop, story.ask, story.shop.wechat
    ours = (shop.component_token, APPID)
    shop.account.is_linked = True
    ask(users.code_to_session, *ours, shop.appid, wechat.users.log_in(shop.appid, OPENID))
    pressed = wechat.users.press_phone_button(shop.appid, OPENID)
    ask(users.get_phone_number, shop.token, pressed)
    official = wechat.create_account(kind="official_account", is_linked=True)
    granted = wechat.grant(official.appid)
    page = web_logins.authorize_url(
        "",
        appid=official.appid,
        redirect_uri="https://testserver/",
        scope=web_logins.USERINFO,
        state="x",
        component_appid=APPID,
    )
    back = wechat.users.agree(wechat.users.open_page(page), OPENID)
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    wechat.users.profiles[OPENID] = {"nickname": "小明", "privilege": ["chinaunicom"]}
    grant = ask(web_logins.trade_web_code, *ours, official.appid, code)
    ask(web_logins.get_web_user, grant.token, OPENID)
    ask(tickets.get_ticket, wechat.new_token(granted)[0], tickets.JSAPI)


def _ask_about_accounts(story: _Story) -> None:
    shop, ask = story.shop, story.ask
    ours, token = shop.component_token, shop.token
    ask(component.clear_quota, token, shop.appid)
    ask(component.clear_component_quota, APPID, SECRET)
    ask(component.check_callback, ours)
    ask(component.get_quota, token, "/wxa/commit")
    ask(component.set_authorizer_option, token, "voice_recognize", "1")
    ask(component.get_authorizer_option, token, "voice_recognize")
    ask(component.get_authorizer_info, ours, APPID, shop.appid)
    for _ in range(3):
        shop.wechat.grant(shop.wechat.create_account().appid)
    ask(component.get_authorizer_list, ours, APPID, offset=0)
    shop.wechat.fault("/wxa/get_page", errcode=85009)
    try:
        code.get_page(token)
    except Refused as refused:
        ask(component.get_rid, token, refused.rid)
    opened = ask(component.create_pre_auth_code, ours, APPID)
    other = shop.wechat.create_account()
    grant = ask(component.query_auth, ours, APPID, shop.wechat.authorize(opened.value, other.appid))
    ask(component.refresh_authorizer_token, ours, APPID, other.appid, grant.refresh_token)
    ask(component.get_component_token, APPID, SECRET, shop.wechat.push_ticket())
    ask(component.start_push_ticket, APPID, SECRET)
