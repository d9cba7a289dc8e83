"""The endpoints for an account's testers (H3), basics (H4), privacy (H5) and page with orders."""

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
LABELS = {
    "UserInfo": "用户信息（微信昵称、头像）",
    "Location": "位置信息",
    "Address": "地址",
    "Invoice": "发票信息",
    "RunData": "微信运动数据",
    "Record": "麦克风",
    "Album": "选中的照片或视频信息",
    "Camera": "摄像头",
    "PhoneNumber": "手机号",
    "Contact": "通讯录（仅写入）权限",
    "DeviceInfo": "设备信息",
    "EXIDNumber": "身份证号码",
    "EXOrderInfo": "订单信息",
    "EXUserPublishContent": "发布内容",
    "EXUserFollowAcct": "所关注账号",
    "EXUserOpLog": "操作日志",
    "AlbumWriteOnly": "相册（仅写入）权限",
    "LicensePlate": "车牌号",
    "BlueTooth": "蓝牙",
    "CalendarWriteOnly": "日历（仅写入）权限",
    "Email": "邮箱",
    "MessageFile": "选中的文件",
    "ChooseLocation": "选择的位置信息",
}
LONGEST_CONTENT, MOST_PICTURES, MOST_FILMS = 300, 10, 1
MOST_APPIDS = 100
ORDER_PATH = re.compile(r"[\w-]+(?:/[\w-]+)+(?:\?\S*)?", re.ASCII)


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
        "sdk_privacy_info_list": setting.get("sdk_privacy_info_list", []),
        "privacy_desc": {
            "privacy_desc_list": [
                {"privacy_key": key, "privacy_desc": label} for key, label in LABELS.items()
            ]
        },
    }


def set_privacy_setting(call: Call) -> dict[str, Any]:
    privacy_ver, owner = _privacy_ver(call), call.body.get("owner_setting")
    if not isinstance(owner, dict) or not any(owner.get(contact) for contact in CONTACTS):
        raise Refusal(86069)
    if not owner.get("notice_method"):
        raise Refusal(86070)
    media_id = owner.get("ext_file_media_id")
    if media_id and media_id not in call.wechat.media.files:
        raise Refusal(86073)
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
        setting["sdk_privacy_info_list"] = call.body.get("sdk_privacy_info_list", [])
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


def apply_privacy_interface(call: Call) -> dict[str, Any]:
    name, content = call.text("api_name", 61034), call.text("content", 61034)
    pages, pictures, films = (_addresses(call, f"{kind}_list") for kind in ("url", "pic", "video"))
    if not (pages or pictures or films):
        raise Refusal(61034)
    if len(content) > LONGEST_CONTENT or len(pictures) > MOST_PICTURES or len(films) > MOST_FILMS:
        raise Refusal(61034)
    if not all(film.partition("?")[0].endswith(".mp4") for film in films):
        raise Refusal(61032)
    applications = call.wechat.applications
    return OK | {
        "audit_id": applications.apply_for_interface(call.account, name, call.body).audit_id
    }


def _addresses(call: Call, name: str) -> list[str]:
    addresses = call.body.get(name) or []
    if not isinstance(addresses, list) or not all(
        isinstance(address, str) and address.startswith(("https://", "http://"))
        for address in addresses
    ):
        raise Refusal(61034)
    return addresses


def list_privacy_interfaces(call: Call) -> dict[str, Any]:
    return OK | {"interface_list": call.wechat.applications.describe_interfaces(call.account)}


# The page with orders


def get_order_path(call: Call) -> dict[str, Any]:
    info_type, program = call.body.get("info_type"), call.program
    if info_type not in (0, 1):
        raise Refusal(61043)
    application = program.order_application if info_type else program.order_path
    if application is None:
        raise Refusal(61041)
    message = {
        "path": application.subject,
        "status": application.status,
        "apply_time": application.apply_time,
    }
    return OK | {"msg": message | (application.material if info_type else {})}


def apply_order_path(call: Call) -> dict[str, Any]:
    request = call.body.get("batch_req")
    if not isinstance(request, dict):
        raise Refusal(61043)
    appids, path = request.get("appid_list"), request.get("path")
    if not isinstance(appids, list) or not appids or not isinstance(path, str):
        raise Refusal(61043)
    if len(appids) > MOST_APPIDS:
        raise Refusal(61042)
    if not ORDER_PATH.fullmatch(path):
        raise Refusal(61044)
    material = {name: request[name] for name in request if name not in ("appid_list", "path")}
    call.wechat.applications.apply_for_path(call.component, map(str, appids), path, material)
    return OK


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
    "/wxa/security/apply_privacy_interface": Endpoint(apply_privacy_interface, "authorizer", CODE),
    "/wxa/security/get_privacy_interface": Endpoint(
        list_privacy_interfaces, "authorizer", CODE, ("GET",)
    ),
    "/wxa/security/getorderpathinfo": Endpoint(get_order_path, "authorizer", CODE),
    "/wxa/security/applysetorderpathinfo": Endpoint(apply_order_path, "component"),
}
