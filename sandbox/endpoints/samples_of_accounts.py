"""Samples of calls about an account itself, and of an official account's rarer ones."""

from typing import Any

Group = dict[str, tuple[str, dict[str, Any]]]

APPID, OPENID = "wx5a0d1e2f3b4c5dff", "oSandboxSample00000000000001"
TIME = 1_790_000_000
URL = "https://mp.weixin.qq.com/"

# N: accounts that were made by the platform.
_TRIAL: Group = {
    "/wxa/verifybetaweapp": ("POST", {"authorize_url": URL}),
    "/wxa/component/fastnormalizebetaweapp?action=createtask": (
        "POST",
        {"taskid": "sample-task", "authorize_url": URL, "status": 0},
    ),
    "/wxa/component/fastnormalizebetaweapp?action=query": (
        "POST",
        {"taskid": "sample-task", "authorize_url": URL, "status": 0},
    ),
    "/wxa/setbetaweappnickname": ("POST", {}),
    "/wxa/getmpadminauth": ("POST", {"authorize_url": URL}),
    "/wxa/mpverifybetaweapp": ("POST", {"authorize_url": URL}),
}
_REUSE: Group = {
    "/cgi-bin/account/fastregister": (
        "POST",
        {
            "appid": APPID,
            "authorization_code": "sample-code",
            "is_wx_verify_succ": True,
            "is_link_succ": True,
        },
    ),
}
_TASK: dict[str, Any] = {"taskid": "sample-task", "authorize_url": URL, "status": 1}
_KINDS = ("enterpriseweapp", "personalweapp", "transactionweapp")
REGISTRATION: dict[str, dict[str, Any]] = {
    f"/wxa/component/fastregister{kind}?action={action}": _TASK
    for kind in _KINDS
    for action in ("create", "query")
} | {
    "/wxa/component/fastregisterbetaweapp": {"unique_id": "sample-id", "authorize_url": URL},
    "/cgi-bin/component/api_confirm_authorization": {},
}
# O: names, pictures, categories.
_BASICS: Group = {
    "/wxa/setnickname": ("POST", {"audit_id": 1, "wording": ""}),
    "/wxa/api_wxa_querynickname": (
        "POST",
        {
            "nickname": "示例",
            "audit_stat": 3,
            "fail_reason": "",
            "create_time": TIME,
            "audit_time": TIME,
        },
    ),
    "/cgi-bin/account/modifyheadimage": ("POST", {}),
    "/cgi-bin/account/modifysignature": ("POST", {}),
    "/cgi-bin/account/componentrebindadmin": ("POST", {}),
    "/cgi-bin/wxopen/getallcategories": (
        "GET",
        {
            "categories_list": {
                "categories": [
                    {
                        "id": 287,
                        "name": "工具",
                        "level": 1,
                        "father": 0,
                        "children": [616],
                        "sensitive_type": 0,
                        "qualify": {"exter_list": [], "remark": ""},
                    }
                ]
            }
        },
    ),
    "/cgi-bin/wxopen/getcategoriesbytype": ("POST", {"categories_list": {"categories": []}}),
    "/cgi-bin/wxopen/addcategory": ("POST", {}),
    "/cgi-bin/wxopen/modifycategory": ("POST", {}),
    "/cgi-bin/wxopen/deletecategory": ("POST", {}),
}
_NAMES: Group = {
    "/cgi-bin/wxverify/checkwxverifynickname": ("POST", {"hit_condition": False, "wording": ""}),
}
# S3, S6: what belongs together.
_OPEN: Group = {
    "/cgi-bin/open/create": ("POST", {"open_appid": APPID}),
    "/cgi-bin/open/bind": ("POST", {}),
    "/cgi-bin/open/unbind": ("POST", {}),
    "/cgi-bin/open/get": ("POST", {"open_appid": APPID}),
    "/cgi-bin/open/have": ("GET", {"have_open": False}),
    "/cgi-bin/open/sameentity": ("GET", {"same_entity": True}),
}
_LINKED: Group = {
    "/cgi-bin/wxopen/wxamplinkget": (
        "POST",
        {
            "wxopens": {
                "items": [
                    {
                        "status": 1,
                        "username": "gh_sample",
                        "appid": APPID,
                        "source": "NORMAL",
                        "nickname": "示例",
                        "selected": 0,
                        "nearby_display_status": 0,
                        "released": 1,
                        "headimg_url": URL,
                        "func_infos": [],
                        "copy_verify_status": 0,
                        "email": "",
                    }
                ]
            }
        },
    ),
    "/cgi-bin/wxopen/wxamplink": ("POST", {}),
    "/cgi-bin/wxopen/wxampunlink": ("POST", {}),
}
_SHOWN: Group = {
    "/wxa/getshowwxaitem": ("GET", {"can_open": 0, "is_open": 0, "appid": "", "nickname": ""}),
    "/wxa/getwxamplinkforshow": ("GET", {"total_num": 0, "biz_info_list": []}),
    "/wxa/updateshowwxaitem": ("POST", {}),
}
# Official accounts.
_USERS: Group = {
    "/cgi-bin/tags/create": ("POST", {"tag": {"id": 134, "name": "示例"}}),
    "/cgi-bin/tags/get": ("GET", {"tags": [{"id": 1, "name": "星标组", "count": 0}]}),
    "/cgi-bin/tags/update": ("POST", {}),
    "/cgi-bin/tags/delete": ("POST", {}),
    "/cgi-bin/user/tag/get": ("POST", {"count": 0, "next_openid": ""}),
    "/cgi-bin/tags/members/batchtagging": ("POST", {}),
    "/cgi-bin/tags/members/batchuntagging": ("POST", {}),
    "/cgi-bin/tags/getidlist": ("POST", {"tagid_list": []}),
    "/cgi-bin/tags/members/getblacklist": ("POST", {"total": 0, "count": 0, "next_openid": ""}),
    "/cgi-bin/changeopenid": (
        "POST",
        {"result_list": [{"ori_openid": OPENID, "new_openid": OPENID, "err_msg": "ok"}]},
    ),
}
_BROADCASTS: Group = {
    "/cgi-bin/message/mass/sendall": ("POST", {"msg_id": 34182, "msg_data_id": 206227730}),
    "/cgi-bin/message/mass/send": ("POST", {"msg_id": 34182, "msg_data_id": 206227730}),
    "/cgi-bin/message/mass/preview": ("POST", {"msg_id": 34182}),
    "/cgi-bin/message/mass/delete": ("POST", {}),
    "/cgi-bin/message/mass/get": ("POST", {"msg_id": 34182, "msg_status": "SEND_SUCCESS"}),
    "/cgi-bin/message/template/subscribe": ("POST", {}),
}
_ARTICLES: Group = {
    "/cgi-bin/draft/add": ("POST", {"media_id": "sample-media-id"}),
    "/cgi-bin/draft/get": ("POST", {"news_item": []}),
    "/cgi-bin/draft/delete": ("POST", {}),
    "/cgi-bin/draft/update": ("POST", {}),
    "/cgi-bin/draft/count": ("GET", {"total_count": 0}),
    "/cgi-bin/draft/batchget": ("POST", {"total_count": 0, "item_count": 0, "item": []}),
    "/cgi-bin/freepublish/submit": ("POST", {"publish_id": "100000001", "msg_data_id": 206227730}),
    "/cgi-bin/freepublish/get": ("POST", {"publish_id": "100000001", "publish_status": 0}),
    "/cgi-bin/freepublish/batchget": ("POST", {"total_count": 0, "item_count": 0, "item": []}),
    "/cgi-bin/material/add_news": ("POST", {"media_id": "sample-media-id"}),
}
_DESK: Group = {
    "/customservice/kfaccount/uploadheadimg": ("POST", {}),
    "/customservice/kfaccount/inviteworker": ("POST", {}),
    "/customservice/kfsession/create": ("POST", {}),
    "/customservice/kfsession/close": ("POST", {}),
    "/customservice/kfsession/getsession": ("GET", {"createtime": TIME, "kf_account": ""}),
    "/customservice/kfsession/getsessionlist": ("GET", {"sessionlist": []}),
    "/customservice/kfsession/getwaitcase": ("GET", {"count": 0, "waitcaselist": []}),
    "/customservice/msgrecord/getmsglist": ("POST", {"recordlist": [], "number": 0, "msgid": 1}),
}
_DATA: Group = {
    "/datacube/getusersummary": (
        "POST",
        {
            "list": [
                {"ref_date": "2026-11-28", "user_source": 0, "new_user": 0, "cancel_user": 0},
            ]
        },
    ),
    "/datacube/getusercumulate": (
        "POST",
        {"list": [{"ref_date": "2026-11-28", "cumulate_user": 1217056}]},
    ),
    "/cgi-bin/menu/trymatch": ("POST", {"button": []}),
}

ACCOUNTS: tuple[tuple[Group, tuple[int, ...]], ...] = (
    (_TRIAL, (81,)),
    (_REUSE, (27,)),
    (_BASICS, (30,)),
    (_NAMES, (31,)),
    (_OPEN, (24, 25)),
    (_LINKED, (33,)),
    (_SHOWN, (18,)),
    (_USERS, (2,)),
    (_BROADCASTS, (7,)),
    (_ARTICLES, (11,)),
    (_DESK, (1, 6)),
    (_DATA, (15,)),
)
