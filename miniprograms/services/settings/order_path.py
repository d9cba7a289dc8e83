"""
The page with a user's orders (订单页path), which WeChat's order centre opens, as a kind of setting.
WeChat decides on each path: one that is in review is as good as applied, until it is rejected.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer, Setting
from miniprograms.services.private_interfaces import MAX_PICTURES, is_address
from miniprograms.services.settings.kinds import BadSetting, Difference, Kind, Remarks
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import record_operation
from platform_auth.text_rules import TextRule, as_long_as, broken_rules
from platform_auth.tokens import with_component_token
from wechat import order_path as wechat

NAME = "order-path"
MAX_PATH, MAX_REMARK = 200, 200
MATERIAL = ("img_list", "video", "test_remark")  # for the reviewer
MEMBERS = {"path", *MATERIAL, "under_review", "status"}  # those of WeChat's value too

_PATH = re.compile(r"[\w-]+(?:/[\w-]+)+(?:\?[!-~]*)?", re.ASCII)
_RET_CODES = {
    -1: _("WeChat's system was busy: apply again."),
    -2: _("WeChat does not know this appid."),
    30001: _("The mini program has not authorised us to do this."),
}
APPLIED, REPEATED = 0, 1  # ret_code

OrderPage = dict[str, Any]


_PATH_RULES = (
    TextRule(
        _("The path is one of the code, with a / in it, such as pages/order/list."),
        lambda path: "/" in path.partition("?")[0].strip("/"),
    ),
    TextRule(
        _("The path has letters, digits, _ and - between its slashes."),
        lambda path: re.fullmatch(r"[\w/-]*", path.partition("?")[0], re.ASCII),
    ),
    TextRule(
        _("No part of the path is empty: no // and no / at its end."),
        lambda path: "//" not in path and not path.partition("?")[0].endswith("/"),
    ),
    TextRule(
        _("What follows the ? of the path has no spaces and no Chinese."),
        lambda path: re.fullmatch(r"[!-~]*", path.partition("?")[2], re.ASCII),
    ),
    as_long_as(0, MAX_PATH, _("The path has %(length)d characters, which is too long.")),
)


def check_order_page(value: Any) -> OrderPage:
    """VALUE as it is kept: a path, and what shows it to the reviewer."""
    if not isinstance(value, Mapping) or value.keys() - MEMBERS:
        raise BadSetting(gettext("It holds path, and img_list, video and test_remark if need be."))
    path = str(value.get("path") or "").strip().lstrip("/")
    page = {name: value[name] for name in MATERIAL if value.get(name)}
    problems = _problems_of_material(page)
    if broken := broken_rules(path, _PATH_RULES):
        problems = [*broken, *problems]
    elif not _PATH.fullmatch(path):
        problems.insert(0, gettext("Enter a path of the code, such as pages/order/list."))
    if problems:
        raise BadSetting(*problems)
    return {"path": path, **page}


def _problems_of_material(page: OrderPage) -> list[str]:
    problems = []
    pictures, remark = page.get("img_list", []), page.get("test_remark", "")
    if not isinstance(pictures, list) or len(pictures) > MAX_PICTURES:
        problems.append(gettext("Pictures are a list of up to ten addresses."))
    elif not all(map(_is_text_address, [*pictures, page.get("video", "https://a")])):
        problems.append(gettext("Pictures and the film are addresses that begin with https://."))
    if not isinstance(remark, str) or len(remark) > MAX_REMARK or "\0" in remark:
        problems.append(gettext("The remark is a text of up to 200 characters."))
    return problems


def _is_text_address(value: object) -> bool:
    return isinstance(value, str) and is_address(value)


def _read(authorizer: Authorizer) -> OrderPage:
    release_db_connection()
    used = call_as(authorizer.appid, wechat.get_order_path)
    newest = call_as(authorizer.appid, wechat.get_order_path, wechat.UNDER_REVIEW)
    return {
        "path": used.path if used else "",
        "under_review": newest.path if newest else "",
        "status": newest.status if newest else 0,
    }


def _apply(authorizer: Authorizer, desired: OrderPage, at_wechat: OrderPage) -> Remarks:
    release_db_connection()
    with_component_token(
        authorizer.component,
        wechat.apply_order_path,
        [authorizer.appid],
        desired["path"],
        pictures=desired.get("img_list"),
        video=desired.get("video", ""),
        remark=desired.get("test_remark", ""),
    )
    return {}


def is_in_review(desired: OrderPage | None, at_wechat: OrderPage | None) -> bool:
    """Whether WeChat is deciding on the path desired."""
    at_wechat, path = at_wechat or {}, (desired or {}).get("path")
    is_same = path is not None and path == at_wechat.get("under_review")
    return is_same and at_wechat.get("status") == wechat.IN_REVIEW


def compare_order_pages(desired: OrderPage, at_wechat: OrderPage) -> list[Difference]:
    path, used = desired.get("path", ""), at_wechat.get("path", "")
    if path == used or is_in_review(desired, at_wechat):
        return []
    return [Difference("path", _("page with orders"), path, used)]


ORDER_PATH = Kind(
    name=NAME,
    title=_("Page with orders"),
    about=_(
        "Where users find their orders; WeChat's order centre opens it. WeChat's reviewers decide "
        "on each path. What a submission says of it sets nothing."
    ),
    read=_read,
    check=check_order_page,
    apply=_apply,
    compare=compare_order_pages,
    empty={},
)


# What WeChat tells


def read_results(fields: Mapping[str, Any]) -> list[dict[str, str]]:
    """
    The rows of the two pushes, FIELDS: WeChat's pages and its pushes spell their names differently,
    and put them in a list or not.
    """
    listed = fields.get("list", fields.get("List", fields))
    rows = listed if isinstance(listed, list) else [listed]
    if not any(isinstance(row, Mapping) for row in rows):
        rows = [fields]
    return [
        {_plain_name(name): text for name, text in row.items() if isinstance(text, str)}
        for row in rows
        if isinstance(row, Mapping)
    ]


def _plain_name(name: str) -> str:
    return name.replace("_", "").lower()


def record_applications(component: Component, rows: Iterable[Mapping[str, str]]) -> int:
    """order_path_apply_result_notify: where WeChat has not taken an application, why. How many."""
    number = 0
    for row in rows:
        account, code = _account_of(component, row), _number(row.get("retcode", ""))
        if account is None or code is None:
            continue
        number += 1
        if code in (APPLIED, REPEATED):
            _look_soon(account)
        else:
            reason = _RET_CODES.get(code, _("WeChat has not taken it (%(code)s)."))
            _refuse(account, "order_path_refused", str(reason) % {"code": code})
    return number


def record_order_verdicts(component: Component, rows: Iterable[Mapping[str, str]]) -> int:
    """order_path_audit_result_notify: a path is approved, or rejected and why. How many."""
    number = 0
    for row in rows:
        account, status = _account_of(component, row), _number(row.get("status", ""))
        if account is None or status is None:
            continue
        number += 1
        if status == wechat.REFUSED:
            _refuse(account, "order_path_rejected", row.get("reason", "")[:1000])
            continue
        if status == wechat.APPROVED:
            record_operation("order_path_approved", by=None, appid=account.appid)
        _look_soon(account)
    return number


def _account_of(component: Component, row: Mapping[str, str]) -> Authorizer | None:
    accounts = Authorizer.objects.filter(component=component, appid=row.get("appid", ""))
    account: Authorizer | None = accounts.first()
    return account


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) else None


def _refuse(account: Authorizer, action: str, reason: str) -> None:
    """The row says why WeChat does not use the path, and what it uses is looked at."""
    refused = Setting.State.REFUSED
    with transaction.atomic():
        rows = Setting.objects.filter(authorizer=account, kind=NAME)
        rows.update(state=refused, reason=reason, errcode=None, due_at=Now())
        record_operation(action, by=None, appid=account.appid, result=reason)


def _look_soon(account: Authorizer) -> None:
    Setting.objects.filter(authorizer=account, kind=NAME).update(due_at=Now())
