"""The endpoints for codes and links that lead into a mini program (M4)."""

import re
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.wire import qr
from sandbox.wire.exchange import Reply
from sandbox.world.errors import Refusal
from sandbox.world.links import ENVIRONMENTS, SCHEME, URL_LINK, VISITS, check_page

SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}", re.ASCII)
WIDTHS = range(280, 1281)
LONGEST_PATH = 1024
LONGEST_TITLE = 20
PERSON = "个人"


# Codes


def make_unlimited_code(call: Call) -> Reply:
    body, page = call.body, call.body.get("page", "")
    scene = body.get("scene")
    if not isinstance(scene, str) or not SCENE.fullmatch(scene):
        raise Refusal(40169)
    if not isinstance(page, str) or page.startswith("/") or "?" in page:
        raise Refusal(40097)
    _check_look(body)
    env_version = body.get("env_version", "release")
    if body.get("check_path", True) is False:
        call.wechat.links.count_unchecked_code(call.account.appid)
    elif env_version == "release":
        _check_released(call, page)
    return _picture(f"{call.account.appid}{page}?scene={scene}")


def _check_released(call: Call, page: str) -> None:
    try:
        check_page(call.account, page, 41030)
    except Refusal:
        raise Refusal(41030) from None


def make_code(call: Call) -> Reply:
    path = call.body.get("path")
    if not isinstance(path, str) or not 0 < len(path) <= LONGEST_PATH:
        raise Refusal(40159)
    _check_look(call.body)
    call.wechat.links.count_code(call.account.appid)
    return _picture(f"{call.account.appid}{path}")


def _check_look(body: dict[str, Any]) -> None:
    width = body.get("width", 430)
    if not isinstance(width, int) or width not in WIDTHS:
        raise Refusal(40097)
    if body.get("env_version", "release") not in ENVIRONMENTS:
        raise Refusal(40097)
    colour = body.get("line_color", {"r": 0, "g": 0, "b": 0})
    if not isinstance(colour, dict) or not all(_is_shade(colour.get(name)) for name in "rgb"):
        raise Refusal(40097)


def _is_shade(value: Any) -> bool:
    """A number, or as in WeChat's own sample the text of one."""
    return str(value).isdigit() and int(value) < 256


def _picture(text: str) -> Reply:
    return Reply(qr.picture(text), headers={"Content-Type": "image/jpeg"})


# Links


def generate_scheme(call: Call) -> dict[str, Any]:
    _refuse_person(call)
    jump = call.body.get("jump_wxa", {})
    if not isinstance(jump, dict):
        raise Refusal(47001)
    links = call.wechat.links
    return OK | {"openlink": links.make(call.account, SCHEME, jump, links.read_end(call.body))}


def generate_urllink(call: Call) -> dict[str, Any]:
    _refuse_person(call)
    links = call.wechat.links
    ends = links.read_end(call.body)
    return OK | {"url_link": links.make(call.account, URL_LINK, call.body, ends)}


def _refuse_person(call: Call) -> None:
    if call.account.principal_name == PERSON:
        raise Refusal(48001)


def query_scheme(call: Call) -> dict[str, Any]:
    return _query(call, "scheme", "scheme_info")


def query_urllink(call: Call) -> dict[str, Any]:
    return _query(call, "url_link", "url_link_info")


def _query(call: Call, name: str, member: str) -> dict[str, Any]:
    query_type = call.body.get("query_type", 0)
    if query_type not in (0, 1):
        raise Refusal(40097)
    if query_type:
        return OK | {"quota_info": {"remain_visit_quota": VISITS}}
    link = call.wechat.links.find(call.account, call.text(name, 40097))
    return OK | {member: link.describe(), "quota_info": {"remain_visit_quota": VISITS}}


def generate_shortlink(call: Call) -> dict[str, Any]:
    page_url, title = call.text("page_url", 40165), call.body.get("page_title", "")
    if not isinstance(title, str) or len(title) > LONGEST_TITLE:
        raise Refusal(40225)
    check_page(call.account, page_url, 40165)
    key = call.wechat.random.getrandbits(48)
    name = call.account.nick_name
    return OK | {"link": f"#小程序://{name}/{title or name}/{key:012x}"}


CODES, LINKS = (17,), (88,)

ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/getwxacodeunlimit": Endpoint(make_unlimited_code, "authorizer", CODES),
    "/wxa/getwxacode": Endpoint(make_code, "authorizer", CODES),
    "/cgi-bin/wxaapp/createwxaqrcode": Endpoint(make_code, "authorizer", CODES),
    "/wxa/generatescheme": Endpoint(generate_scheme, "authorizer", LINKS),
    "/wxa/queryscheme": Endpoint(query_scheme, "authorizer", LINKS),
    "/wxa/generate_urllink": Endpoint(generate_urllink, "authorizer", LINKS),
    "/wxa/query_urllink": Endpoint(query_urllink, "authorizer", LINKS),
    "/wxa/genwxashortlink": Endpoint(generate_shortlink, "authorizer", LINKS),
}
