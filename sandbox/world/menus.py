"""The menu of an official account (自定义菜单): what WeChat takes for one, for all or for some."""

import json
from itertools import count
from typing import Any

from sandbox.world.errors import Refusal

MOST_BUTTONS, MOST_BELOW = 3, 5
LONGEST_NAME, LONGEST_NAME_BELOW = 16, 60  # bytes
LONGEST_KEY, LONGEST_URL = 128, 1024
KEYED = {
    *("click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album"),
    *("pic_weixin", "location_select"),
}
TEXTS = {
    "view": ("url",),
    "miniprogram": ("url", "appid", "pagepath"),
    "media_id": ("media_id",),
    "view_limited": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
} | dict.fromkeys(KEYED, ("key",))
FIRST_MENUID = 208_379_533

Menu = dict[str, Any]


class Menus:
    """By appid. Its world's lock guards it."""

    def __init__(self) -> None:
        self._menus: dict[str, Menu] = {}
        self._conditional: dict[str, dict[str, Menu]] = {}  # by menuid
        self._numbers = count(FIRST_MENUID)

    def create(self, appid: str, body: dict[str, Any]) -> None:
        check_buttons(body.get("button"))
        self._menus[appid] = {"button": _complete(body["button"]), "menuid": next(self._numbers)}

    def need(self, appid: str) -> Menu:
        if appid not in self._menus:
            raise Refusal(46003)
        return self._menus[appid]

    def delete(self, appid: str) -> None:
        """With those for some, as WeChat does."""
        self._menus.pop(appid, None)
        self._conditional.pop(appid, None)

    # For some

    def add_conditional(self, appid: str, body: dict[str, Any]) -> str:
        """The menuid."""
        self.need(appid)
        check_buttons(body.get("button"))
        rule = body.get("matchrule")
        if not isinstance(rule, dict) or not rule:
            raise Refusal(40035)
        menuid = str(next(self._numbers))
        menu = {"button": _complete(body["button"]), "matchrule": rule, "menuid": menuid}
        self._conditional.setdefault(appid, {})[menuid] = menu
        return menuid

    def delete_conditional(self, appid: str, menuid: str) -> None:
        if self._conditional.get(appid, {}).pop(menuid, None) is None:
            raise Refusal(46003)

    def conditional(self, appid: str) -> list[Menu]:
        """The newest first, as WeChat looks through them."""
        return list(reversed(self._conditional.get(appid, {}).values()))


def check_buttons(buttons: Any) -> None:
    """Raise what WeChat finds wrong with a menu."""
    if not isinstance(buttons, list) or not 0 < len(buttons) <= MOST_BUTTONS:
        raise Refusal(40016)
    for button in buttons:
        _check_name(button, LONGEST_NAME, 40018)
        below = button.get("sub_button") or []
        if not below:
            _check_button(button)
        elif not isinstance(below, list) or len(below) > MOST_BELOW:
            raise Refusal(40023)
        for lower in below:
            _check_name(lower, LONGEST_NAME_BELOW, 40025)
            _check_button(lower)


def _check_name(button: Any, longest: int, errcode: int) -> None:
    name = button.get("name") if isinstance(button, dict) else None
    if not isinstance(name, str) or not 0 < len(name.encode()) <= longest:
        raise Refusal(errcode)


def _check_button(button: dict[str, Any]) -> None:
    kind = button.get("type")
    if kind not in TEXTS:
        raise Refusal(40015)
    for name in TEXTS[kind]:
        value, longest = button.get(name), LONGEST_URL if name == "url" else LONGEST_KEY
        if not isinstance(value, str) or not 0 < len(value.encode()) <= longest:
            raise Refusal(40020 if name == "url" else 40019)


def _complete(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As menu/get gives them: every button has the list of those below it."""
    copied: list[dict[str, Any]] = json.loads(json.dumps(buttons))
    for button in copied:
        button["sub_button"] = [
            lower | {"sub_button": []} for lower in button.get("sub_button", [])
        ]
    return copied
