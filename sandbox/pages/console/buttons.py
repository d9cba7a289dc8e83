"""What the console's buttons do."""

from collections.abc import Callable
from typing import Any

from sandbox.pages.console import DO
from sandbox.pages.console.code import REVIEWS, UPLOAD_FIELDS
from sandbox.pages.console.settings import LIFETIMES
from sandbox.pages.html import HEADERS, not_done
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.errors import BadRequest, PageRefusal
from sandbox.world.faults import check_details
from sandbox.world.settings import change_settings

Fields = dict[str, list[str]]


def press(wechat: WeChat, request: Request) -> Reply:
    """One button; then the console again, where the button was."""
    action, anchor = ACTIONS[request.path.removeprefix(DO)]
    try:
        action(wechat, request.form)
    except (BadRequest, PageRefusal, KeyError, ValueError) as problem:
        return not_done(request, problem, back="/")
    return Reply(b"", 303, {**HEADERS, "Location": f"/#{anchor}"})


def _ticket(wechat: WeChat, fields: Fields) -> None:
    wechat.push_ticket()


def _create(wechat: WeChat, fields: Fields) -> None:
    names = ("kind", "nick_name", "principal_name", "owner")
    wechat.create_account(**{name: fields[name][0] for name in names})


def _register_quickly(wechat: WeChat, fields: Fields) -> None:
    wechat.register_quickly(fields["name"][0], int(fields["status"][0]))


def _change_standing(wechat: WeChat, fields: Fields) -> None:
    appid, name = fields["appid"][0], fields["nick_name"][0].strip()
    status = int(fields["account_status"][0])
    account = wechat.accounts[appid]
    if name and name != account.nick_name:
        wechat.rename(appid, name)
    if status != account.account_status:
        wechat.set_status(appid, status)


def _cancel(wechat: WeChat, fields: Fields) -> None:
    wechat.cancel(fields["appid"][0])


def _update(wechat: WeChat, fields: Fields) -> None:
    chosen = [int(number) for number in fields.get("func_id", [])]
    wechat.update_authorization(fields["appid"][0], chosen)


def _set(wechat: WeChat, fields: Fields) -> None:
    lifetimes = {name: _number(fields, name) for name in LIFETIMES}
    pushing = fields["pushing"] == ["yes"]
    change_settings(wechat, {**lifetimes, "rotate": fields["rotate"][0], "pushing": pushing})


def _upload(wechat: WeChat, fields: Fields) -> None:
    draft: dict[str, Any] = {name: fields[name][0] for name in ("user_version", "user_desc")}
    draft |= {name: fields[name][0] for name in UPLOAD_FIELDS if fields.get(name, [""])[0]}
    wechat.upload_draft(**draft)


def _set_reviews(wechat: WeChat, fields: Fields) -> None:
    numbers = {name: _number(fields, name) for name in REVIEWS}
    change_settings(wechat, {**numbers, "review_outcome": fields["review_outcome"][0]})


def _add_fault(wechat: WeChat, fields: Fields) -> None:
    details: dict[str, Any] = {"times": _number(fields, "times")}
    for name in ("errcode", "status", "expires_in", "truncate"):
        details[name] = _number(fields, name)
    details["delay"] = float(_text(fields, "delay") or 0)
    details["slow"] = float(_text(fields, "slow") or 0) or None
    for name in ("appid", "drop", "body"):
        details[name] = _text(fields, name) or None
    if content_type := _text(fields, "content_type"):
        details["headers"] = {"Content-Type": content_type}
    details["garble"] = bool(_text(fields, "garble"))
    wechat.fault(fields["path"][0], **check_details(details))


def _clear_faults(wechat: WeChat, fields: Fields) -> None:
    wechat.clear_faults()


def _number(fields: Fields, name: str) -> int | None:
    text = _text(fields, name)
    return int(text) if text else None


def _text(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0].strip()


ACTIONS: dict[str, tuple[Callable[[WeChat, Fields], None], str]] = {
    "ticket": (_ticket, "component"),
    "accounts": (_create, "accounts"),
    "register": (_register_quickly, "accounts"),
    "standing": (_change_standing, "accounts"),
    "cancel": (_cancel, "accounts"),
    "update": (_update, "accounts"),
    "drafts": (_upload, "templates"),
    "reviews": (_set_reviews, "reviews"),
    "settings": (_set, "settings"),
    "faults": (_add_fault, "faults"),
    "faults/clear": (_clear_faults, "faults"),
}
