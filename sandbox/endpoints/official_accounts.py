"""The endpoints for an official account's menu, followers, codes and template messages (M6)."""

import re
from typing import Any
from urllib.parse import quote

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.codes import new_code
from sandbox.world.errors import Refusal
from sandbox.world.notices import INDUSTRIES

MOST_FOLLOWERS = 10_000  # an answer
MOST_ASKED = 100
LANGUAGES = ("zh_CN", "zh_TW", "en")
FLEETING = ("QR_SCENE", "QR_STR_SCENE")
LASTING = ("QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE")
LONGEST_LIFE, USUAL_LIFE = 30 * 86_400, 60
LONGEST_SCENE = 64
MOST_LASTING = 100_000
OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


# The menu


def create_menu(call: Call) -> dict[str, Any]:
    call.wechat.menus.create(call.account.appid, call.body)
    return OK


def get_menu(call: Call) -> dict[str, Any]:
    appid, menus = call.account.appid, call.wechat.menus
    menu, conditional = menus.need(appid), menus.conditional(appid)
    return {"menu": menu} | ({"conditionalmenu": conditional} if conditional else {})


def delete_menu(call: Call) -> dict[str, Any]:
    call.wechat.menus.delete(call.account.appid)
    return OK


def describe_menu(call: Call) -> dict[str, Any]:
    """As the console shows it, whoever has made it."""
    try:
        buttons = call.wechat.menus.need(call.account.appid)["button"]
    except Refusal:
        return {"is_menu_open": 0, "selfmenu_info": {"button": []}}
    rows = []
    for button in buttons:
        below = button["sub_button"]
        rows.append(button | {"sub_button": {"list": below}} if below else button)
    return {"is_menu_open": 1, "selfmenu_info": {"button": rows}}


def add_conditional_menu(call: Call) -> dict[str, Any]:
    return {"menuid": call.wechat.menus.add_conditional(call.account.appid, call.body)}


def delete_conditional_menu(call: Call) -> dict[str, Any]:
    menuid = str(call.body.get("menuid", ""))
    call.wechat.menus.delete_conditional(call.account.appid, menuid)
    return OK


# Followers


def list_followers(call: Call) -> dict[str, Any]:
    openids = call.wechat.followers.of(call.account)
    after = call.request.query.get("next_openid", "")
    if after and after not in openids:
        raise Refusal(40003)
    rest = openids[openids.index(after) + 1 if after else 0 :]
    page = rest[:MOST_FOLLOWERS]
    members: dict[str, Any] = {"total": len(openids), "count": len(page)}
    if page:
        members["data"] = {"openid": page}
    return members | {"next_openid": page[-1] if page else ""}


def get_follower(call: Call) -> dict[str, Any]:
    query = call.request.query
    return _describe(call, query.get("openid", ""), query.get("lang", "zh_CN"))


def get_followers(call: Call) -> dict[str, Any]:
    users = call.body.get("user_list")
    if not isinstance(users, list) or not 0 < len(users) <= MOST_ASKED:
        raise Refusal(40035)
    if not all(isinstance(user, dict) for user in users):
        raise Refusal(47001)
    rows = [_describe(call, user.get("openid"), user.get("lang", "zh_CN")) for user in users]
    return {"user_info_list": rows}


def _describe(call: Call, openid: Any, lang: Any) -> dict[str, Any]:
    if not isinstance(openid, str) or not OPENID.fullmatch(openid):
        raise Refusal(40003)
    if lang not in LANGUAGES:
        raise Refusal(40035)
    return call.wechat.followers.describe(call.account, openid, lang)


def update_remark(call: Call) -> dict[str, Any]:
    remark = call.body.get("remark", "")
    if not isinstance(remark, str):
        raise Refusal(47001)
    call.wechat.followers.note(call.account, call.text("openid", 40003), remark)
    return OK


# Codes


def create_code(call: Call) -> dict[str, Any]:
    """A code with a scene that the event SCAN or subscribe brings."""
    action, body = call.text("action_name", 40053), call.body
    if action not in (*FLEETING, *LASTING):
        raise Refusal(40053)
    _check_scene(action, body.get("action_info"))
    members = {"ticket": new_code(call.wechat.random, 88)}
    url = f"http://weixin.qq.com/q/{members['ticket'][:22]}"
    if action in LASTING:
        return members | {"url": url}
    life = body.get("expire_seconds", USUAL_LIFE)
    if not isinstance(life, int) or not 0 < life <= LONGEST_LIFE:
        raise Refusal(40035)
    return members | {"expire_seconds": life, "url": url}


def _check_scene(action: str, info: Any) -> None:
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise Refusal(40053)
    if "STR" in action:
        text = scene.get("scene_str")
        is_good = isinstance(text, str) and 0 < len(text) <= LONGEST_SCENE
    else:
        number = scene.get("scene_id")
        most = MOST_LASTING if action in LASTING else 2**32 - 1
        is_good = type(number) is int and 0 < number <= most
    if not is_good:
        raise Refusal(40053)


def generate_short_key(call: Call) -> dict[str, Any]:
    """短key: a long text kept for so many seconds, at most thirty days."""
    data, life = call.text("long_data", 40035), call.body.get("expire_seconds", LONGEST_LIFE)
    if len(data.encode()) > 4096 or not isinstance(life, int) or not 0 < life <= LONGEST_LIFE:
        raise Refusal(40035)
    return OK | {"short_key": quote(new_code(call.wechat.random, 15))}


# Template messages


def send_notice(call: Call) -> dict[str, Any]:
    openid, template_id = call.text("touser", 40003), call.text("template_id", 40037)
    notices = call.wechat.notices
    return OK | {"msgid": notices.send(call.account, openid, template_id, call.body.get("data"))}


def add_notice(call: Call) -> dict[str, Any]:
    appid, short_id = call.account.appid, call.text("template_id_short", 40037)
    return OK | {"template_id": call.wechat.notices.add(appid, short_id)}


def list_notices(call: Call) -> dict[str, Any]:
    return {"template_list": list(call.wechat.notices.templates(call.account.appid).values())}


def delete_notice(call: Call) -> dict[str, Any]:
    call.wechat.notices.delete(call.account.appid, call.text("template_id", 40037))
    return OK


def set_industry(call: Call) -> dict[str, Any]:
    first, second = (str(call.body.get(f"industry_id{number}", "")) for number in (1, 2))
    call.wechat.notices.set_industries(call.account.appid, (first, second))
    return OK


def get_industry(call: Call) -> dict[str, Any]:
    chosen = call.wechat.notices.industries(call.account.appid)
    names = ("primary_industry", "secondary_industry")
    return {
        name: dict(zip(("first_class", "second_class"), INDUSTRIES[number], strict=True))
        for name, number in zip(names, chosen, strict=True)
    }


GET = ("GET",)
USERS, ACCOUNT, NOTICES, MENU = (2,), (3,), (7,), (15,)

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/menu/create": Endpoint(create_menu, "authorizer", MENU),
    "/cgi-bin/menu/get": Endpoint(get_menu, "authorizer", MENU, GET),
    "/cgi-bin/menu/delete": Endpoint(delete_menu, "authorizer", MENU, GET),
    "/cgi-bin/get_current_selfmenu_info": Endpoint(describe_menu, "authorizer", MENU, GET),
    "/cgi-bin/menu/addconditional": Endpoint(add_conditional_menu, "authorizer", MENU),
    "/cgi-bin/menu/delconditional": Endpoint(delete_conditional_menu, "authorizer", MENU),
    "/cgi-bin/user/get": Endpoint(list_followers, "authorizer", USERS, GET),
    "/cgi-bin/user/info": Endpoint(get_follower, "authorizer", USERS, GET),
    "/cgi-bin/user/info/batchget": Endpoint(get_followers, "authorizer", USERS),
    "/cgi-bin/user/info/updateremark": Endpoint(update_remark, "authorizer", USERS),
    "/cgi-bin/qrcode/create": Endpoint(create_code, "authorizer", ACCOUNT),
    "/cgi-bin/shorten/gen": Endpoint(generate_short_key, "authorizer", ACCOUNT),
    "/cgi-bin/message/template/send": Endpoint(send_notice, "authorizer", NOTICES),
    "/cgi-bin/template/api_add_template": Endpoint(add_notice, "authorizer", NOTICES),
    "/cgi-bin/template/get_all_private_template": Endpoint(
        list_notices, "authorizer", NOTICES, GET
    ),
    "/cgi-bin/template/del_private_template": Endpoint(delete_notice, "authorizer", NOTICES),
    "/cgi-bin/template/api_set_industry": Endpoint(set_industry, "authorizer", NOTICES),
    "/cgi-bin/template/get_industry": Endpoint(get_industry, "authorizer", NOTICES, GET),
}
