"""The endpoints for permanent material and customer-service accounts of official accounts."""

import json
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.endpoints.messages import FILES, KF_ACCOUNT
from sandbox.wire.exchange import Reply
from sandbox.world.errors import Refusal
from sandbox.world.materials import KINDS, Material

MOST_LISTED = 20
LARGEST_PICTURE = 1024 * 1024  # of an article
LONGEST_NICK = 16


# Material


def upload_picture(call: Call) -> dict[str, Any]:
    """A picture of an article's: its address alone."""
    part = call.file("media")
    content = part.get_payload(decode=True)
    if part.get_content_type() not in ("image/png", "image/jpeg", "image/jpg"):
        raise Refusal(40005)
    if not isinstance(content, bytes) or not content:
        raise Refusal(44001)
    if len(content) > LARGEST_PICTURE:
        raise Refusal(40009)
    media_id = call.wechat.media.keep(call.account.appid, part.get_content_type(), content)
    return {"url": f"{call.wechat.base_url}/sandbox/media/{media_id}"}


def add_material(call: Call) -> dict[str, Any]:
    kind = call.request.query.get("type", "")
    if kind not in KINDS:
        raise Refusal(40004)
    part = call.file("media")
    media_type, content = part.get_content_type(), part.get_payload(decode=True)
    if not isinstance(content, bytes) or not content:
        raise Refusal(44001)
    if media_type not in FILES[kind][0]:
        raise Refusal(40005)
    if len(content) > FILES[kind][1]:
        raise Refusal(40006)
    about = _read_description(call) if kind == "video" else {}
    now, name = int(call.wechat.clock()), part.get_filename() or "file"
    material = Material(kind, name, media_type, content, now, **about)
    media_id = call.wechat.materials.keep(call.account.appid, material)
    address = {"url": f"{call.wechat.base_url}/sandbox/media/{media_id}"}
    return {"media_id": media_id} | (address if kind == "image" else {})


def _read_description(call: Call) -> dict[str, str]:
    """Of a film: a part of the form with JSON in it."""
    text = call.file("description").get_payload(decode=True)
    try:
        members = json.loads(text if isinstance(text, bytes) else b"")
    except ValueError:
        raise Refusal(47001) from None
    if not isinstance(members, dict) or not isinstance(members.get("title"), str):
        raise Refusal(47001)
    introduction = members.get("introduction") or ""
    return {"title": members["title"], "introduction": str(introduction)}


def get_material(call: Call) -> dict[str, Any] | Reply:
    material = call.wechat.materials.need(call.account.appid, call.text("media_id", 40007))
    if material.kind == "video":
        return {
            "title": material.title,
            "description": material.introduction,
            "down_url": f"{call.wechat.base_url}/sandbox/media/{call.body['media_id']}",
        }
    headers = {"Content-Type": material.media_type, "Content-disposition": "attachment"}
    return Reply(material.content, headers=headers)


def delete_material(call: Call) -> dict[str, Any]:
    call.wechat.materials.delete(call.account.appid, call.text("media_id", 40007))
    return OK


def count_materials(call: Call) -> dict[str, Any]:
    counts = {
        f"{kind}_count": len(call.wechat.materials.of(call.account.appid, kind))
        for kind in ("voice", "video", "image")
    }
    return counts | {"news_count": 0}


def list_materials(call: Call) -> dict[str, Any]:
    kind, offset, number = call.text("type", 40004), call.number("offset"), call.number("count")
    if kind not in (*KINDS, "news"):
        raise Refusal(40004)
    if not 0 < number <= MOST_LISTED:
        raise Refusal(40035)
    mine = list(call.wechat.materials.of(call.account.appid, kind).items())
    page = mine[offset : offset + number]
    return {
        "total_count": len(mine),
        "item_count": len(page),
        "item": [
            {
                "media_id": media_id,
                "name": material.name,
                "update_time": material.update_time,
                "url": f"{call.wechat.base_url}/sandbox/media/{media_id}",
            }
            for media_id, material in page
        ],
    }


# Customer-service accounts


def list_agents(call: Call) -> dict[str, Any]:
    return {"kf_list": list(call.wechat.agents.of(call.account.appid).values())}


def list_agents_online(call: Call) -> dict[str, Any]:
    """Nobody sits at WeChat's own desk here."""
    _ = call.account
    return {"kf_online_list": []}


def add_agent(call: Call) -> dict[str, Any]:
    kf_account, nickname = _read_agent(call)
    call.wechat.agents.add(call.account.appid, kf_account, nickname)
    return OK


def update_agent(call: Call) -> dict[str, Any]:
    kf_account, nickname = _read_agent(call)
    call.wechat.agents.need(call.account.appid, kf_account)["kf_nick"] = nickname
    return OK


def _read_agent(call: Call) -> tuple[str, str]:
    kf_account, nickname = call.text("kf_account", 61452), call.text("nickname", 61452)
    if not KF_ACCOUNT.fullmatch(kf_account) or len(nickname) > LONGEST_NICK:
        raise Refusal(61452)
    return kf_account, nickname


def delete_agent(call: Call) -> dict[str, Any]:
    kf_account = call.request.query.get("kf_account", "")
    call.wechat.agents.delete(call.account.appid, kf_account)
    return OK


GET = ("GET",)
MATERIAL, DESK = (11,), (1, 6)

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/media/uploadimg": Endpoint(upload_picture, "authorizer", MATERIAL),
    "/cgi-bin/material/add_material": Endpoint(add_material, "authorizer", MATERIAL),
    "/cgi-bin/material/get_material": Endpoint(get_material, "authorizer", MATERIAL),
    "/cgi-bin/material/del_material": Endpoint(delete_material, "authorizer", MATERIAL),
    "/cgi-bin/material/get_materialcount": Endpoint(count_materials, "authorizer", MATERIAL, GET),
    "/cgi-bin/material/batchget_material": Endpoint(list_materials, "authorizer", MATERIAL),
    "/cgi-bin/customservice/getkflist": Endpoint(list_agents, "authorizer", DESK, GET),
    "/cgi-bin/customservice/getonlinekflist": Endpoint(list_agents_online, "authorizer", DESK, GET),
    "/customservice/kfaccount/add": Endpoint(add_agent, "authorizer", DESK),
    "/customservice/kfaccount/update": Endpoint(update_agent, "authorizer", DESK),
    "/customservice/kfaccount/del": Endpoint(delete_agent, "authorizer", DESK, ("GET", "POST")),
}
