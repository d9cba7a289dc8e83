"""The endpoints for subscribe messages and their templates (M5); 订阅通知 of official accounts."""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.errors import Refusal
from sandbox.world.links import check_page
from sandbox.world.subscriptions import categories

MOST_TITLES = 30
STATES = ("developer", "trial", "formal")
LANGUAGES = ("zh_CN", "en_US", "zh_HK", "zh_TW")


def send(call: Call) -> dict[str, Any]:
    body, page = call.body, call.body.get("page", "")
    if body.get("miniprogram_state", "formal") not in STATES:
        raise Refusal(40097)
    if body.get("lang", "zh_CN") not in LANGUAGES:
        raise Refusal(40097)
    if page and call.account.is_mini_program and body.get("miniprogram_state") in (None, "formal"):
        _check_page(call, page)
    openid, template_id = call.text("touser", 40003), call.text("template_id", 40037)
    subscriptions = call.wechat.subscriptions
    return OK | {"msgid": subscriptions.send(call.account, openid, template_id, body.get("data"))}


def _check_page(call: Call, page: Any) -> None:
    try:
        check_page(call.account, str(page), 41030)
    except Refusal:
        raise Refusal(41030) from None


def get_categories(call: Call) -> dict[str, Any]:
    rows = [{"id": number, "name": name} for number, name in categories(call.account)]
    return OK | {"data": rows}


def get_titles(call: Call) -> dict[str, Any]:
    query = call.request.query
    ids, start, limit = (query.get(name, "") for name in ("ids", "start", "limit"))
    if not start.isdigit():
        raise Refusal(200016)
    if not limit.isdigit() or not 0 < int(limit) <= MOST_TITLES:
        raise Refusal(200017)
    chosen = ids.split(",")
    if not all(number.isdigit() for number in chosen):
        raise Refusal(200018)
    titles = [
        title
        for title in call.wechat.subscriptions.titles(call.account)
        if str(title.category_id) in chosen
    ]
    page = titles[int(start) : int(start) + int(limit)]
    return OK | {
        "count": len(titles),
        "data": [
            {
                "tid": title.tid,
                "title": title.title,
                "type": title.type,
                "categoryId": str(title.category_id),
            }
            for title in page
        ],
    }


def get_keywords(call: Call) -> dict[str, Any]:
    tid = call.request.query.get("tid")
    keywords = call.wechat.subscriptions.need_title(call.account, tid).keywords
    rows = [
        {"kid": kid, "name": name, "example": example, "rule": rule}
        for kid, (name, rule, example) in keywords.items()
    ]
    return OK | {"count": len(rows), "data": rows}


def add_template(call: Call) -> dict[str, Any]:
    tid, kids, scene = (call.body.get(name) for name in ("tid", "kidList", "sceneDesc"))
    added = call.wechat.subscriptions.add(call.account, tid, kids, "" if scene is None else scene)
    return OK | {"priTmplId": added}


def list_templates(call: Call) -> dict[str, Any]:
    templates = call.wechat.subscriptions.templates(call.account.appid).values()
    return OK | {"data": [template.describe() for template in templates]}


def delete_template(call: Call) -> dict[str, Any]:
    call.wechat.subscriptions.delete(call.account.appid, call.text("priTmplId", 40037))
    return OK


GET = ("GET",)
PROGRAMS, NOTICES = (18, 19), (89,)
BOTH = PROGRAMS + NOTICES

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/message/subscribe/send": Endpoint(send, "authorizer", PROGRAMS),
    "/cgi-bin/message/subscribe/bizsend": Endpoint(send, "authorizer", NOTICES),
    "/wxaapi/newtmpl/getcategory": Endpoint(get_categories, "authorizer", BOTH, GET),
    "/wxaapi/newtmpl/getpubtemplatetitles": Endpoint(get_titles, "authorizer", BOTH, GET),
    "/wxaapi/newtmpl/getpubtemplatekeywords": Endpoint(get_keywords, "authorizer", BOTH, GET),
    "/wxaapi/newtmpl/addtemplate": Endpoint(add_template, "authorizer", BOTH),
    "/wxaapi/newtmpl/gettemplate": Endpoint(list_templates, "authorizer", BOTH, GET),
    "/wxaapi/newtmpl/deltemplate": Endpoint(delete_template, "authorizer", BOTH),
}
