"""
Calls that WeChat has and that are not played here: whoever may call is answered a sample of the
right type, marked by the header `X-Sandbox: not-played`. Nothing is changed by them.
"""

from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.endpoints.samples_of_accounts import ACCOUNTS, REGISTRATION
from sandbox.world.errors import Refusal

Sample = dict[str, Any]
TIME = 1_790_000_000
APPID, OPENID = "wx5a0d1e2f3b4c5dff", "oSandboxSample00000000000001"
MEDIA_ID = "sample-media-id"
URL = "https://mp.weixin.qq.com/"


class _Answer:
    """A function of a call that answers the same to each."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def __call__(self, call: Call) -> Sample:
        return OK | self.sample


# M1: what goes on from a login.
_SESSIONS: dict[str, tuple[str, Sample]] = {
    "/wxa/getpluginopenpid": ("POST", {"openpid": "sample-openpid"}),
    "/wxa/business/getuserencryptkey": (
        "POST",
        {
            "key_info_list": [
                {
                    "encrypt_key": "c2FtcGxlc2FtcGxlc2FtcA==",
                    "version": 1,
                    "expire_in": 3600,
                    "iv": "6003f73ec441c386",
                    "create_time": TIME,
                }
            ]
        },
    ),
    "/wxa/getpaidunionid": ("GET", {"unionid": "sample-unionid"}),
    "/wxa/getuserriskrank": ("POST", {"risk_rank": 0, "unoin_id": 2258658297}),
}
# M8 and the data of a mini program's use.
_OPERATION: dict[str, tuple[str, Sample]] = {
    "/wxaapi/log/get_client_version": (
        "GET",
        {"cvlist": [{"type": 1, "client_version_list": ["8.0.50", "8.0.49"]}]},
    ),
    "/wxaapi/log/get_scene": ("GET", {"scene": [{"name": "发现", "value": 1089}]}),
    "/wxaapi/log/jserr_list": (
        "POST",
        {
            "success": True,
            "totalCount": 1,
            "data": [
                {
                    "errorMsgMd5": "f2fb4f8cd638466ad0e7607b01b7d0ca",
                    "errorMsg": "TypeError",
                    "errorStack": "at index.js",
                    "uv": 1,
                    "pv": 1,
                    "uvPercent": "100%",
                    "pvPercent": "100%",
                }
            ],
        },
    ),
    "/wxaapi/log/jserr_detail": ("POST", {"success": True, "totalCount": 0, "data": []}),
    "/wxaapi/log/get_performance": ("POST", {"data": {"body": {"tables": [], "count": 0}}}),
    "/wxaapi/feedback/list": ("GET", {"list": [], "total_num": 0}),
    "/wxaapi/userlog/userlog_search": ("GET", {"data": {"list": [], "total": 0}}),
    "/wxa/getwxadevinfo": (
        "GET",
        {"appid": APPID, "is_admin": False, "developer_info": {"developers": []}},
    ),
    "/datacube/getweanalysisappiddailyvisittrend": (
        "POST",
        {
            "list": [
                {
                    "ref_date": "20261128",
                    "session_cnt": 142,
                    "visit_pv": 472,
                    "visit_uv": 55,
                    "visit_uv_new": 21,
                    "stay_time_uv": 0,
                    "stay_time_session": 0,
                    "visit_depth": 0,
                }
            ]
        },
    ),
    "/datacube/getweanalysisappiddailysummarytrend": (
        "POST",
        {"list": [{"ref_date": "20261128", "visit_total": 391, "share_pv": 572, "share_uv": 383}]},
    ),
    "/wxa/generatenfcscheme": ("POST", {"openlink": "weixin://dl/business/?t=sample"}),
}
# P: verification. Q: filing.
_VERIFICATION: dict[str, tuple[str, Sample]] = {
    "/wxa/sec/uploadauthmaterial": ("POST", {"mediaid": MEDIA_ID}),
    "/wxa/sec/authidentitytree": (
        "POST",
        {"identity_tree_list": [{"name": "个人", "node_id": 1, "node_list": []}]},
    ),
    "/wxa/sec/wxaauth": ("POST", {"taskid": "sample-task", "auth_url": URL}),
    "/wxa/sec/reauth": ("POST", {"taskid": "sample-task", "auth_url": URL}),
    "/wxa/sec/queryauth": (
        "POST",
        {
            "task_status": 0,
            "auth_url": URL,
            "apply_status": 0,
            "orderid": "sample-order",
            "appid": APPID,
            "refill_reason": "",
            "fail_reason": "",
        },
    ),
    "/wxa/sec/submit_auth_and_icp": (
        "POST",
        {"procedure_id": "sample-procedure", "pay_url": URL, "hints": []},
    ),
    "/wxa/sec/query_auth_and_icp": (
        "POST",
        {
            "procedure_status": 9,
            "orderid": "sample-order",
            "refill_reason": "",
            "fail_reason": "",
            "icp_audit": {"hints": [], "audit_data": [], "sms_verify_status": 1},
        },
    ),
}
_FILING: dict[str, tuple[str, Sample]] = {
    "/wxa/icp/query_icp_subject_types": (
        "GET",
        {"items": [{"type": 4, "name": "企业", "remark": ""}]},
    ),
    "/wxa/icp/query_icp_certificate_types": (
        "GET",
        {"items": [{"subject_type": 4, "type": 1, "name": "营业执照", "remark": ""}]},
    ),
    "/wxa/icp/query_icp_district_code": (
        "GET",
        {"items": [{"type": 1, "code": "440000", "name": "广东省", "sub_list": []}]},
    ),
    "/wxa/icp/query_icp_service_content_types": (
        "GET",
        {"items": [{"type": 1, "name": "购物", "remark": ""}]},
    ),
    "/wxa/icp/query_icp_nrlx_types": (
        "GET",
        {"items": [{"type": 24, "name": "以上都不涉及", "remark": ""}]},
    ),
    "/wxa/icp/create_icp_verifytask": ("POST", {"task_id": "sample-task"}),
    "/wxa/icp/query_icp_verifytask": ("POST", {"is_finish": False, "face_status": 0}),
    "/wxa/icp/upload_icp_media": (
        "POST",
        {"type": "image", "media_id": MEDIA_ID, "create_at": TIME},
    ),
    "/wxa/icp/apply_icp_filing": ("POST", {"hints": []}),
    "/wxa/icp/cancel_apply_icp_filing": ("POST", {}),
    "/wxa/icp/cancel_icp_filing": ("POST", {}),
    "/wxa/icp/get_online_icp_order": ("GET", {"icp_subject": {}, "icp_applets": {}}),
}
# R: punishments. S: shipping, links, plug-ins.
_CONDUCT: dict[str, tuple[str, Sample]] = {
    "/wxa/getillegalrecords": (
        "POST",
        {
            "records": [
                {
                    "illegal_record_id": "sample-record",
                    "create_time": TIME,
                    "illegal_reason": "涉嫌违规",
                    "illegal_content": "",
                    "rule_url": URL,
                    "rule_name": "微信小程序平台运营规范",
                }
            ]
        },
    ),
    "/wxa/getappealrecords": ("POST", {"records": []}),
}
_SHIPPING: dict[str, tuple[str, Sample]] = {
    "/wxa/sec/order/upload_shipping_info": ("POST", {}),
    "/wxa/sec/order/upload_combined_shipping_info": ("POST", {}),
    "/wxa/sec/order/get_order": (
        "POST",
        {
            "order": {
                "transaction_id": "4200000000202611290000000000",
                "merchant_id": "1900000109",
                "merchant_trade_no": "sample-trade",
                "paid_amount": 6800,
                "openid": OPENID,
                "order_state": 1,
                "pay_time": TIME,
                "in_complaint": False,
                "shipping": {"delivery_mode": 1, "logistics_type": 1, "shipping_list": []},
            }
        },
    ),
    "/wxa/sec/order/get_order_list": (
        "POST",
        {"last_index": "", "has_more": False, "order_list": []},
    ),
    "/wxa/sec/order/notify_confirm_receive": ("POST", {}),
    "/wxa/sec/order/set_msg_jump_path": ("POST", {}),
    "/wxa/sec/order/is_trade_managed": ("POST", {"is_trade_managed": False}),
    "/wxa/sec/order/is_trade_management_confirmation_completed": ("POST", {"completed": True}),
}
_PLUGINS: dict[str, tuple[str, Sample]] = {
    "/wxa/plugin": (
        "POST",
        {"plugin_list": [{"appid": APPID, "status": 2, "nickname": "插件", "headimgurl": URL}]},
    ),
    "/wxa/devplugin": ("POST", {"apply_list": []}),
}
_EMBEDDED: dict[str, tuple[str, Sample]] = {
    "/wxaapi/wxaembedded/add_embedded": ("POST", {}),
    "/wxaapi/wxaembedded/del_embedded": ("POST", {}),
    "/wxaapi/wxaembedded/del_authorize": ("POST", {}),
    "/wxaapi/wxaembedded/set_authorize": ("POST", {}),
    "/wxaapi/wxaembedded/get_list": ("GET", {"wxa_embedded_list": []}),
    "/wxaapi/wxaembedded/get_own_list": ("GET", {"wxa_embedded_list": [], "embedded_flag": 0}),
}
_JUMPS: dict[str, tuple[str, Sample]] = {
    "/cgi-bin/wxopen/qrcodejumpget": (
        "POST",
        {"rule_list": [], "qrcodejump_open": 1, "list_size": 0, "qrcodejump_pub_quota": 100},
    ),
    "/cgi-bin/wxopen/qrcodejumpdownload": (
        "POST",
        {"file_name": "sample.txt", "file_content": "sample"},
    ),
    "/cgi-bin/wxopen/qrcodejumpadd": ("POST", {}),
    "/cgi-bin/wxopen/qrcodejumppublish": ("POST", {}),
    "/cgi-bin/wxopen/qrcodejumpdelete": ("POST", {}),
    "/wxa/getwxasearchstatus": ("GET", {"status": 0}),
    "/wxa/changewxasearchstatus": ("POST", {}),
    "/wxa/fetchdatasetting": (
        "POST",
        {"is_pre_fetch_open": False, "pre_fetch_type": 0, "is_period_fetch_open": False},
    ),
    "/wxa/business/applyliveinfo": ("POST", {"action": "apply"}),
}
# S8 to S10: logistics, advertisements.
_EXPRESS: dict[str, tuple[str, Sample]] = {
    "/cgi-bin/express/delivery/open_msg/open_openmsg": ("POST", {}),
    "/cgi-bin/express/delivery/open_msg/open_query_plugin": ("POST", {}),
    "/cgi-bin/express/delivery/return/open_return": ("POST", {}),
}
_ADVERTISING: dict[str, tuple[str, Sample]] = {
    "/wxa/getdefaultamsinfo": ("POST", {"share_ratio": 50}),
    "/wxa/setdefaultamsinfo": ("POST", {}),
}
_BRAND: dict[str, tuple[str, Sample]] = {
    "/wxa/sec/famousbrand/apply": ("POST", {}),
    "/wxa/sec/famousbrand/get_status": ("POST", {"status": 0}),
}

GROUPS: tuple[tuple[dict[str, tuple[str, Sample]], tuple[int, ...]], ...] = (
    (_SESSIONS, ()),
    (_OPERATION, (18,)),
    (_VERIFICATION, (18,)),
    (_FILING, (18, 156)),
    (_CONDUCT, (76,)),
    (_SHIPPING, (142,)),
    (_PLUGINS, (40,)),
    (_EMBEDDED, (18,)),
    (_JUMPS, (18,)),
    (_EXPRESS, (45,)),
    (_ADVERTISING, (65,)),
    (_BRAND, (142,)),
    *ACCOUNTS,
)


def refuse_registration(call: Call) -> Sample:
    """Switched off in April 2026."""
    raise Refusal(-1)


ENDPOINTS: dict[str, Endpoint] = {
    path: Endpoint(_Answer(sample), "authorizer", sets, (method,), is_played=False)
    for group, sets in GROUPS
    for path, (method, sample) in group.items()
}
ENDPOINTS |= {
    path: Endpoint(_Answer(sample), "component", is_played=False)
    for path, sample in REGISTRATION.items()
}
ENDPOINTS |= {
    f"/cgi-bin/component/fastregisterweapp{action}": Endpoint(refuse_registration, "component")
    for action in ("", "?action=create", "?action=search")
}
