"""What users would send of each kind, and what each event carries (E3, E4)."""

from typing import Any

from sandbox.world.media import MediaStore
from sandbox.world.parties import Account
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms

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


class Samples:
    """Makes messages and events; the files they name are kept."""

    def __init__(self, world: Surroundings, terms: Terms, media: MediaStore) -> None:
        self.world = world
        self.terms = terms
        self.media = media

    def message(self, account: Account, kind: str, content: str) -> Fields:
        """The members of a user's message of this kind."""
        if kind == "text":
            return {"Content": content}
        if kind == "image":
            media_id, url = self._picture(account)
            return {"PicUrl": url, "MediaId": media_id}
        if kind == "voice":
            return self._voice(account, content)
        if kind in ("video", "shortvideo"):
            thumb, _ = self._picture(account)
            return {"MediaId": self._file(account, "video"), "ThumbMediaId": thumb}
        if kind == "miniprogrampage":
            return self._program_page(account, content)
        if kind == "link":
            return {
                "Title": content or "一篇文章",
                "Description": "值得一读",
                "Url": "https://mp.weixin.qq.com/s/sandbox",
            }
        return dict(LOCATION) if kind == "location" else {}

    def event(self, account: Account, openid: str, name: str) -> Fields:
        """The members of an event besides its name."""
        if name in EVENTS:
            return dict(EVENTS[name])
        now = int(self.world.clock())
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

    def _voice(self, account: Account, content: str) -> Fields:
        voice = {"MediaId": self._file(account, "voice"), "Format": "amr"}
        if account.options["voice_recognize"] == "1":
            voice["Recognition"] = content or "在吗"
        return voice

    def _program_page(self, account: Account, title: str) -> Fields:
        media_id, url = self._picture(account)
        return {
            "Title": title or account.nick_name,
            "AppId": account.appid,
            "PagePath": "pages/index/index",
            "ThumbUrl": url,
            "ThumbMediaId": media_id,
        }

    def _picture(self, account: Account) -> tuple[str, str]:
        """A media_id and where the picture can be seen."""
        media_id = self.media.keep_picture(account.appid, TILES)
        return media_id, f"{self.terms.base_url}/sandbox/media/{media_id}"

    def _file(self, account: Account, kind: str) -> str:
        return self.media.keep(account.appid, *FILES[kind])


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
