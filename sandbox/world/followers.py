"""Who follows an official account (用户管理), by the chats; and what the account notes of each."""

from typing import Any

from sandbox.world.chats import Chat, Chats
from sandbox.world.errors import Refusal
from sandbox.world.parties import Account

FOLLOW, UNFOLLOW = "subscribe", "unsubscribe"
LONGEST_REMARK = 30


class Followers:
    """Whoever has written or followed, and has not left since. Its world's lock guards it."""

    def __init__(self, chats: Chats) -> None:
        self.chats = chats
        self._remarks: dict[tuple[str, str], str] = {}

    def of(self, account: Account) -> list[str]:
        """Their openids, whoever followed first before the others."""
        chats = [chat for chat in self.chats.of(account.appid) if is_follower(chat)]
        return [chat.openid for chat in sorted(chats, key=_followed_at)]

    def need(self, account: Account, openid: str) -> Chat:
        """The chat of somebody who follows ACCOUNT."""
        chat = self.chats.find(account.appid, openid)
        if chat is None:
            raise Refusal(40003)
        if not is_follower(chat):
            raise Refusal(43004)
        return chat

    def note(self, account: Account, openid: str, remark: str) -> None:
        if len(remark) >= LONGEST_REMARK:
            raise Refusal(40035)
        self.need(account, openid)
        self._remarks[account.appid, openid] = remark

    def describe(self, account: Account, openid: str, lang: str) -> dict[str, Any]:
        """What user/info tells; since 2021 neither name nor picture."""
        chat = self.chats.find(account.appid, openid)
        if chat is None:
            raise Refusal(40003)
        if not is_follower(chat):
            return {"subscribe": 0, "openid": openid, "tagid_list": []}
        return {
            "subscribe": 1,
            "openid": openid,
            "nickname": "",
            "sex": 0,
            "language": lang,
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": "",
            "subscribe_time": int(_followed_at(chat)),
            "remark": self._remarks.get((account.appid, openid), ""),
            "groupid": 0,
            "tagid_list": [],
            "subscribe_scene": "ADD_SCENE_QR_CODE",
            "qr_scene": 0,
            "qr_scene_str": "",
        }


def is_follower(chat: Chat) -> bool:
    changes = [line.kind for line in chat.lines if line.kind in (FOLLOW, UNFOLLOW)]
    return bool(chat.lines) and changes[-1:] != [UNFOLLOW]


def _followed_at(chat: Chat) -> float:
    times = [line.at for line in chat.lines if line.kind == FOLLOW]
    return times[-1] if times else chat.lines[0].at
