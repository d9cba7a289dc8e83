"""WeChat's way of saying no."""

from collections.abc import Mapping
from typing import Any

ERRMSGS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40004: "invalid media type",
    40005: "invalid file type",
    40006: "invalid media size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40170: "args count exceed count limit",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41005: "media data missing",
    41006: "media_id missing",
    41018: "missing component_appid",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    44001: "empty media data",
    44002: "empty post data",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    45064: "no permission to use weapp in message",
    45072: "command is invalid",
    45080: "typing needs a message of the last 30 seconds",
    45081: "already typing",
    47001: "data format error",
    48001: "api unauthorized",
    48006: "forbid to clear quota because of reaching the limit",
    61003: "component is not authorized by this account",
    61004: "access clientip is not registered",
    61005: "component ticket is expired",
    61006: "component ticket is invalid",
    61007: "api is unauthorized to component",
    61009: "code is invalid",
    61010: "code is expired",
    61011: "invalid component",
    61012: "invalid option name",
    61013: "invalid option value",
    61014: "must use component token for component api",
    61015: "must use biz token, not component",
    61023: "refresh_token is invalid",
    61039: "checking code, please retry later",
    61040: "privacy api not declared or not authorized",
    65401: "invalid custom service account",
    76003: "invalid cgi_path",
    76022: "could not use this cgi_path",
    85001: "wechat id not exist or can not be searched",
    85002: "bind tester limit of weapp",
    85003: "bind limit of tester",
    85004: "already bound tester",
    85006: "invalid tag",
    85007: "invalid page path",
    85008: "category is in invalid format",
    85009: "already submit a version under auditing",
    85010: "item_list has an empty item",
    85011: "invalid title",
    85012: "invalid audit id",
    85013: "invalid ext_json, parse fail or containing invalid path",
    85014: "template not exist",
    85016: "too many domains",
    85019: "no version is under auditing",
    85020: "status not allowed",
    85021: "status not allowed",
    85022: "invalid action",
    85023: "item size is not in valid range",
    85045: "some path in ext_json not exist",
    85046: "pagepath missing in tabbar list",
    85047: "pages are empty",
    85048: "parse ext_json fail",
    85051: "data too large",
    85077: "some category of the mini program is not valid any more",
    85052: "app is already released",
    85064: "template not found",
    85065: "template list is full",
    85079: "miniprogram has no online release",
    85080: "miniprogram commit not approved",
    85081: "invalid gray percentage",
    85082: "gray percentage too low",
    85085: "submit audit reach limit, please try later",
    85086: "must commit before submit audit",
    85087: "navigateToMiniProgram appid list not declared",
    85092: "invalid preview_info format",
    85093: "too many preview media",
    85094: "need add ugc declare",
    85301: (
        "no domain to modify after filtered, please confirm the domain has been set in"
        " miniprogram or open, and follows the rule of domains"
    ),
    85310: "requiredPrivateInfos is wrong API name",
    85311: "requiredPrivateInfos is mutually exclusive",
    85312: "requiredPrivateInfos is not authorized",
    86001: "component experience version not exists",
    86002: "miniprogram have not completed init procedure",
    86069: "owner_setting必填字段字段缺失",
    86071: "privacy_ver参数无效",
    86074: "no online version",
    86103: "check confirmfile fail!",
    87011: "gray release is running, cannot revert",
    87012: "forbid revert this version release",
    87013: "no quota to undo code",
    89014: "support version error",
    89019: "nothing changed",
    89020: "component has no web-view domain",
    89021: "not a domain of the component",
    89029: "too many web-view domains",
    89231: "personal mini program not supported",
    87006: "this is game miniprogram, submit audit is forbidden",
    89402: "audit is not in the queue",
    89404: "audit is already accelerated",
    89405: "speed-up quota used up",
    9402203: "standard template ext_json error",
    9420001: "invalid domain",
    9420002: "out of size limit",
}


class Refusal(Exception):
    """A call answered with an errcode."""

    def __init__(
        self, errcode: int, errmsg: str = "", *, members: Mapping[str, Any] | None = None
    ) -> None:
        self.errcode = errcode
        self.members = dict(members or {})  # in the answer besides
        self.errmsg = errmsg or ERRMSGS.get(errcode, "")
        super().__init__(f"{errcode} {self.errmsg}")


class BadRequest(Exception):
    """A script or a button asked for something there is not."""


class PageRefusal(Exception):
    """The authorisation page shows its error text instead of the choice of accounts."""
