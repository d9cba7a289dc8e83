"""The endpoints for messages to users and the files they show (E6)."""

import re
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world import contents
from sandbox.world.errors import Refusal

KF_ACCOUNT = re.compile(r"[A-Za-z0-9_]+@[A-Za-z0-9_-]+")
KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE
# WeChat names 2 MB and 10 MB for pictures on the same page; the smaller is always taken.
FILES = {
    "image": (("image/png", "image/jpeg", "image/jpg", "image/gif"), 2 * MEGABYTE),
    "voice": (("audio/amr", "audio/mpeg", "audio/mp3"), 2 * MEGABYTE),
    "video": (("video/mp4",), 10 * MEGABYTE),
    "thumb": (("image/jpeg", "image/jpg"), 64 * KILOBYTE),
}


def send(call: Call) -> dict[str, Any]:
    account, chats = call.account, call.wechat.chats
    openid, msgtype = call.text("touser", 40003), call.text("msgtype", 40008)
    chats.writable(account, openid)

    def find_media(media_id: Any, of_kind: str) -> bool:
        return chats.find_media(account, media_id, of_kind)

    contents.check(account.kind, msgtype, call.body.get(msgtype), find_media)
    _check_programs(call, msgtype)
    _check_agent(call)
    chats.deliver(account, openid, msgtype, call.body)
    return OK


def _check_programs(call: Call, msgtype: str) -> None:
    """An official account leads only to mini programs linked with it: those of its principal."""
    if call.account.is_mini_program:
        return
    for appid in contents.programs_named(msgtype, call.body[msgtype]):
        program = call.wechat.accounts.get(appid)
        if program is None or not program.is_mini_program:
            raise Refusal(40013)
        if program.principal_name != call.account.principal_name:
            raise Refusal(45064)


def _check_agent(call: Call) -> None:
    agent = call.body.get("customservice")
    if agent is None:
        return
    kf_account = agent.get("kf_account") if isinstance(agent, dict) else None
    if not isinstance(kf_account, str) or not KF_ACCOUNT.fullmatch(kf_account):
        raise Refusal(65401)


def typing(call: Call) -> dict[str, Any]:
    openid, command = call.text("touser", 40003), call.text("command", 45072)
    if command not in ("Typing", "CancelTyping"):
        raise Refusal(45072)
    call.wechat.chats.type(call.account, openid, command)
    return OK


def upload(call: Call) -> dict[str, Any]:
    of_kind = call.request.query.get("type", "")
    allowed = ("image",) if call.account.is_mini_program else tuple(FILES)
    if of_kind not in allowed:
        raise Refusal(40004)
    if not call.request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(41005)
    part = call.file("media")
    kind, content = part.get_content_type(), part.get_payload(decode=True)
    kinds, largest = FILES[of_kind]
    if not isinstance(content, bytes) or not content:
        raise Refusal(44001)
    if kind not in kinds:
        raise Refusal(40005)
    if len(content) > largest:
        raise Refusal(40006)
    media_id = call.wechat.media.keep(call.account.appid, kind, content)
    # Live answers call a thumb's id by another name than the page does.
    name = "thumb_media_id" if of_kind == "thumb" else "media_id"
    return {"type": of_kind, name: media_id, "created_at": int(call.wechat.clock())}


MESSAGES = (1, 6, 19)

ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/message/custom/send": Endpoint(send, "authorizer", MESSAGES),
    "/cgi-bin/message/custom/typing": Endpoint(typing, "authorizer", MESSAGES),
    # Where mini programs are sent by the newer page.
    "/cgi-bin/message/custom/business/typing": Endpoint(typing, "authorizer", (19,)),
    "/cgi-bin/media/upload": Endpoint(upload, "authorizer", (1, 3, 8, 11, 19, 30, 31)),
}
