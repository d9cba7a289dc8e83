"""What users would send of each kind, and what each event tells (E3, E4)."""

from typing import TYPE_CHECKING, Any

from sandbox.jpeg import mosaic
from sandbox.parties import Account

if TYPE_CHECKING:
    from sandbox.world import WeChat

Fields = dict[str, Any]

TILES = 16  # a side of a user's picture
FILES = {
    "voice": ("audio/amr", b"#!AMR\n" + bytes(64)),
    "video": ("video/mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
}
LOCATION: Fields = {
    "Location_X": 30.274085,
    "Location_Y": 120.155070,
    "Scale": 16,
    "Label": "杭州市西湖区",
}
EVENTS: dict[str, Fields] = {
    "user_enter_tempsession": {"SessionFrom": "sandbox"},
    "wxa_category_audit": {"ret": 3, "first": 1, "second": 2, "reason": ""},
    "subscribe": {"EventKey": ""},
    "unsubscribe": {"EventKey": ""},
    "SCAN": {"EventKey": "1", "Ticket": "gQH47joAAAAAAAAAASxodHRwOi8vd2VpeGlu"},
    "CLICK": {"EventKey": "MENU_1"},
    "VIEW": {"EventKey": "https://example.com/", "MenuId": "100000001"},
    "LOCATION": {"Latitude": 30.274085, "Longitude": 120.15507, "Precision": 30.0},
    "debug_demo": {"debug_str": "sandbox"},
}


def message(world: "WeChat", account: Account, kind: str, content: str) -> Fields:
    """The members of a user's message of this kind, its files kept."""
    if kind == "text":
        return {"Content": content}
    if kind == "image":
        media_id, url = _picture(world, account)
        return {"PicUrl": url, "MediaId": media_id}
    if kind == "voice":
        heard = account.options["voice_recognize"] == "1"
        told = {"Recognition": content or "在吗"} if heard else {}
        return {"MediaId": _file(world, account, "voice"), "Format": "amr", **told}
    if kind in ("video", "shortvideo"):
        thumb, _ = _picture(world, account)
        return {"MediaId": _file(world, account, "video"), "ThumbMediaId": thumb}
    if kind == "miniprogrampage":
        return _program_page(world, account, content)
    if kind == "link":
        told = {"Description": "值得一读", "Url": "https://mp.weixin.qq.com/s/sandbox"}
        return {"Title": content or "一篇文章", **told}
    return dict(LOCATION) if kind == "location" else {}


def _program_page(world: "WeChat", account: Account, title: str) -> Fields:
    media_id, url = _picture(world, account)
    return {
        "Title": title or account.nick_name,
        "AppId": account.appid,
        "PagePath": "pages/index/index",
        "ThumbUrl": url,
        "ThumbMediaId": media_id,
    }


def _picture(world: "WeChat", account: Account) -> tuple[str, str]:
    """A media_id and where the picture can be seen."""
    shades = [[world.random.randrange(256) for _ in range(TILES)] for _ in range(TILES)]
    media_id = world.reviews.keep_media(account.appid, "image/jpeg", mosaic(shades))
    return media_id, f"{world.base_url}/sandbox/media/{media_id}"


def _file(world: "WeChat", account: Account, kind: str) -> str:
    return world.reviews.keep_media(account.appid, *FILES[kind])


def event(world: "WeChat", account: Account, openid: str, name: str) -> Fields:
    """What an event tells besides its name."""
    if name in EVENTS:
        return dict(EVENTS[name])
    now = int(world.clock())
    others: dict[str, Fields] = {
        "weapp_audit_success": {"SuccTime": now},
        "weapp_audit_fail": {"Reason": "1:小程序内容不符合规则:<br>", "FailTime": now},
        "weapp_audit_delay": {"Reason": "需要进一步核实", "DelayTime": now},
        "wxa_nickname_audit": {"ret": 3, "nickname": account.nick_name, "reason": ""},
        "wxa_privacy_apply": {"result_info": _location_verdict(now)},
        "wxa_appeal_record": _appeal(account, now),
        "user_info_modified": {"OpenID": openid, "AppID": account.appid, "RevokeInfo": "205"},
    }
    return others.get(name, {})


def _location_verdict(now: int) -> Fields:
    return {
        "api_name": "wx.getLocation",
        "apply_time": now,
        "audit_id": 1,
        "audit_time": now,
        "reason": "",
        "status": 3,
    }


def _appeal(account: Account, now: int) -> Fields:
    return {
        "appeal_record_id": 1,
        "appid": account.appid,
        "appeal_time": now,
        "appeal_count": 1,
        "appeal_from": 1,
        "appeal_status": 1,
        "punish_description": "内容不符合规则",
        "material": {"illegal_material": {"content": "图片", "content_url": ""}},
    }
