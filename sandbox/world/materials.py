"""Permanent material of official accounts (永久素材), and who answers for them (客服账号)."""

from dataclasses import dataclass
from typing import Any

from sandbox.world.codes import new_code
from sandbox.world.errors import Refusal
from sandbox.world.surroundings import Surroundings

KINDS = ("image", "voice", "video", "thumb")
MOST_AGENTS = 100


@dataclass(frozen=True)
class Material:
    """A file that WeChat keeps until it is deleted."""

    kind: str
    name: str
    media_type: str
    content: bytes
    update_time: int
    title: str = ""
    introduction: str = ""


class Materials:
    """By appid and media_id. Its world's lock guards it."""

    def __init__(self, world: Surroundings) -> None:
        self.world = world
        self._materials: dict[str, dict[str, Material]] = {}

    def of(self, appid: str, kind: str = "") -> dict[str, Material]:
        """Those of one kind, or all."""
        mine = self._materials.get(appid, {})
        return {key: one for key, one in mine.items() if kind in ("", one.kind)}

    def keep(self, appid: str, material: Material) -> str:
        """The media_id."""
        media_id = new_code(self.world.random, 43)
        self._materials.setdefault(appid, {})[media_id] = material
        return media_id

    def need(self, appid: str, media_id: str) -> Material:
        mine = self._materials.get(appid, {})
        if media_id not in mine:
            raise Refusal(40007)
        return mine[media_id]

    def delete(self, appid: str, media_id: str) -> None:
        self.need(appid, media_id)
        del self._materials[appid][media_id]


class Agents:
    """Customer-service accounts, by appid and kf_account. Its world's lock guards it."""

    def __init__(self) -> None:
        self._agents: dict[str, dict[str, dict[str, Any]]] = {}

    def of(self, appid: str) -> dict[str, dict[str, Any]]:
        return self._agents.setdefault(appid, {})

    def add(self, appid: str, kf_account: str, nickname: str) -> None:
        mine = self.of(appid)
        if kf_account in mine:
            raise Refusal(65406)
        if len(mine) >= MOST_AGENTS:
            raise Refusal(61452)
        kf_id = str(1001 + len(mine))
        mine[kf_account] = {
            "kf_account": kf_account,
            "kf_headimgurl": "",
            "kf_id": kf_id,
            "kf_nick": nickname,
        }

    def need(self, appid: str, kf_account: str) -> dict[str, Any]:
        mine = self.of(appid)
        if kf_account not in mine:
            raise Refusal(65401)
        return mine[kf_account]

    def delete(self, appid: str, kf_account: str) -> None:
        self.need(appid, kf_account)
        del self.of(appid)[kf_account]
