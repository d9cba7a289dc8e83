"""The endpoints for an authorizer's testers (H3), basics (H4) and privacy guideline (H5)."""

import hashlib
import re
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.errors import Refusal

WECHAT_ID = re.compile(r"[A-Za-z][-_A-Za-z0-9]{5,19}")
MOST_TESTERS = 30  # of one mini program
MOST_TESTS = 50  # of one person
ONLINE, DEVELOPMENT = 1, 2
CONTACTS = ("contact_phone", "contact_email", "contact_qq", "contact_weixin")
PRIVACY_KEYS = ["UserInfo", "Location", "PhoneNumber"]  # what WeChat describes here
LABELS = {"UserInfo": "用户信息（微信昵称、头像）", "Location": "位置信息", "PhoneNumber": "手机号"}
LOCATION_APIS = {
    "wx.getLocation": "获取当前的地理位置",
    "wx.getFuzzyLocation": "获取模糊地理位置",
    "wx.chooseLocation": "打开地图选择位置",
    "wx.chooseAddress": "获取用户收货地址",
    "wx.choosePoi": "选择位置，支持模糊定位",
    "wx.onLocationChange": "监听实时地理位置变化",
    "wx.startLocationUpdate": "接收位置消息（前台）",
    "wx.startLocationUpdateBackground": "接收位置消息（前后台）",
}
NOT_APPLIED, IN_REVIEW, GRANTED = 1, 3, 5


# H3: testers


def bind_tester(call: Call) -> dict[str, Any]:
    wechatid, testers = call.text("wechatid", 85001), call.program.testers
    if not WECHAT_ID.fullmatch(wechatid):
        raise Refusal(85001)
    if wechatid in testers:
        raise Refusal(85004)
    if len(testers) >= MOST_TESTERS:
        raise Refusal(85002)
    if call.wechat.tests_of[wechatid] >= MOST_TESTS:
        raise Refusal(85003)
    call.wechat.tests_of[wechatid] += 1
    testers[wechatid] = hashlib.sha256(f"{call.account.appid}{wechatid}".encode()).hexdigest()[:32]
    return OK | {"userstr": testers[wechatid]}


def unbind_tester(call: Call) -> dict[str, Any]:
    testers, body = call.program.testers, call.body
    for wechatid, userstr in testers.items():
        if body.get("wechatid") == wechatid or body.get("userstr") == userstr:
            del testers[wechatid]
            call.wechat.tests_of[wechatid] -= 1
            return OK
    raise Refusal(-1)


def list_testers(call: Call) -> dict[str, Any]:
    if call.body.get("action") != "get_experiencer":
        raise Refusal(85022)
    return OK | {"members": [{"userstr": userstr} for userstr in call.program.testers.values()]}


# H4: the account


def get_account_basic_info(call: Call) -> dict[str, Any]:
    return OK | call.account.basic_info()


# H5: privacy


def get_privacy_setting(call: Call) -> dict[str, Any]:
    setting = call.program.privacy.get(_privacy_ver(call), {})
    return OK | {
        "code_exist": int(call.program.trial is not None),
        "privacy_list": call.program.found_privacy if call.program.trial else [],
        "setting_list": [
            row | {"privacy_label": LABELS.get(row["privacy_key"], row["privacy_key"])}
            for row in setting.get("setting_list", [])
        ],
        "update_time": setting.get("update_time", 0),
        "owner_setting": setting.get("owner_setting", {}),
        "privacy_desc": {
            "privacy_desc_list": [
                {"privacy_key": key, "privacy_desc": label} for key, label in LABELS.items()
            ]
        },
    }


def set_privacy_setting(call: Call) -> dict[str, Any]:
    privacy_ver, owner = _privacy_ver(call), call.body.get("owner_setting")
    if not isinstance(owner, dict) or not owner.get("notice_method"):
        raise Refusal(86069)
    if not any(owner.get(contact) for contact in CONTACTS):
        raise Refusal(86069)
    setting: dict[str, Any] = {"owner_setting": owner, "update_time": int(call.wechat.clock())}
    if privacy_ver == ONLINE:
        if call.program.online is None:
            raise Refusal(86074)
        before = call.program.privacy.get(ONLINE, {})
        setting["setting_list"] = before.get("setting_list", [])
        if "ext_file_media_id" in before.get("owner_setting", {}):
            owner["ext_file_media_id"] = before["owner_setting"]["ext_file_media_id"]
    else:
        setting["setting_list"] = _setting_list(call)
    call.program.privacy[privacy_ver] = setting
    return OK


def _privacy_ver(call: Call) -> int:
    privacy_ver = call.body.get("privacy_ver", DEVELOPMENT)
    if privacy_ver not in (ONLINE, DEVELOPMENT):
        raise Refusal(86071)
    return int(privacy_ver)


def _setting_list(call: Call) -> list[dict[str, str]]:
    """Required in development; with the online version WeChat ignores it."""
    rows = call.body.get("setting_list")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and row.get("privacy_key") and row.get("privacy_text") for row in rows
    ):
        raise Refusal(47001)
    return [{name: str(row[name]) for name in ("privacy_key", "privacy_text")} for row in rows]


def upload_privacy_file(call: Call) -> dict[str, Any]:
    part = call.file("file")
    content = part.get_payload(decode=True)
    if part.get_content_type() != "text/plain" or not isinstance(content, bytes):
        raise Refusal(40005)
    media_id = call.wechat.media.keep(call.account.appid, "text/plain", content)
    return OK | {"ext_file_media_id": media_id}


def apply_location_api(call: Call) -> dict[str, Any]:
    name = call.text("api_name", 40097)
    if name not in LOCATION_APIS or not call.text("content", 40097):
        raise Refusal(40097)
    audit_id = len(call.program.location_apis) + 1
    call.program.location_apis.setdefault(name, audit_id)
    return OK | {"audit_id": call.program.location_apis[name]}


def list_location_apis(call: Call) -> dict[str, Any]:
    audits = call.program.location_apis
    rows = [_location_api(name, title, audits.get(name)) for name, title in LOCATION_APIS.items()]
    for row in rows:
        if row["api_name"].removeprefix("wx.") in call.program.granted_interfaces:
            row["status"] = GRANTED
    return OK | {"interface_list": rows}


def _location_api(name: str, title: str, audit_id: int | None) -> dict[str, Any]:
    row: dict[str, Any] = {"api_name": name, "api_ch_name": title, "api_desc": title}
    if audit_id is None:
        row["status"] = NOT_APPLIED
    else:
        row |= {"status": IN_REVIEW, "audit_id": audit_id}
    return row | {"api_link": "", "group_name": "地理位置"}


CODE = (18,)

ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/bind_tester": Endpoint(bind_tester, "authorizer", CODE),
    "/wxa/unbind_tester": Endpoint(unbind_tester, "authorizer", CODE),
    "/wxa/memberauth": Endpoint(list_testers, "authorizer", CODE),
    "/cgi-bin/account/getaccountbasicinfo": Endpoint(
        get_account_basic_info, "authorizer", (3, 30), ("GET", "POST")
    ),
    "/cgi-bin/component/getprivacysetting": Endpoint(get_privacy_setting, "authorizer", CODE),
    "/cgi-bin/component/setprivacysetting": Endpoint(set_privacy_setting, "authorizer", CODE),
    "/cgi-bin/component/uploadprivacyextfile": Endpoint(upload_privacy_file, "authorizer", CODE),
    "/wxa/security/apply_privacy_interface": Endpoint(apply_location_api, "authorizer", CODE),
    "/wxa/security/get_privacy_interface": Endpoint(
        list_location_apis, "authorizer", CODE, ("GET",)
    ),
}
