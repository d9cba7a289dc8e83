"""What WeChat pushes, as it is passed on: messages and events of accounts, and news of accounts."""

import inspect
from typing import Any

from messaging.services.event_types.schemas import (
    EXAMPLE_APPID,
    EXAMPLE_UNIX_TIME,
    EXAMPLE_USER_NAME,
    NUMBER,
    TEXT,
    EventType,
    Schema,
    describe_object,
    schema_of,
)
from wechat.message_fields import declared_places
from wechat.messages import EVENTS, MESSAGES, Message
from wechat.push import REPEATABLE, REPEATABLE_IN

_OPENID = "oExample-Example-Example-123"
_VALUES = {
    "Content": "你好",
    "MediaId": "media-id",
    "ThumbMediaId": "media-id",
    "PicUrl": "https://mmbiz.qpic.cn/picture",
    "Event": "",
    "Status": "success",
    "SubscribeStatusString": "accept",
    "openid": _OPENID,
    "OpenID": _OPENID,
    "appid": EXAMPLE_APPID,
    "AppID": EXAMPLE_APPID,
}
_LIST_MEMBERS = {
    "SubscribeMsgPopupEvent": {"TemplateId": "tmpl", "SubscribeStatusString": "accept"},
    "SubscribeMsgChangeEvent": {"TemplateId": "tmpl", "SubscribeStatusString": "reject"},
    "SubscribeMsgSentEvent": {"TemplateId": "tmpl", "MsgID": "1", "ErrorCode": "0"},
    "PicList": {"PicMd5Sum": "md5"},
    "ResultList": {"ArticleIdx": "1"},
    "article_detail": {"idx": "1", "article_url": "https://mp.weixin.qq.com/s/example"},
}


def _message_members(kind: str, message: type[Message]) -> dict[str, Any]:
    """WeChat's own elements of KIND, with values as they come: texts, objects, lists."""
    members: dict[str, Any] = {}
    places = declared_places(message) + [path.split(".") for path in REPEATABLE_IN.get(kind, ())]
    for path in places:
        if len(path) > 1 or path[0] not in REPEATABLE:
            _put(members, path, is_list=".".join(path) in REPEATABLE_IN.get(kind, ()))
    return members


def _put(members: dict[str, Any], path: list[str], *, is_list: bool) -> None:
    for step in path[:-1]:
        value = members.setdefault(step, {})
        if not isinstance(value, dict):
            return
        members = value
    name = path[-1]
    if name in members and not is_list:
        return
    parent = path[-2] if len(path) > 1 else ""
    value = _LIST_MEMBERS.get(parent, _VALUES.get(name, "1")) if is_list else _VALUES.get(name, "1")
    members[name] = [value] if is_list or name in REPEATABLE else value


def _of_account(group: str, kind: str, message: type[Message]) -> EventType:
    is_event = group == "event"
    frame = {
        "ToUserName": EXAMPLE_USER_NAME,
        "FromUserName": _OPENID,
        "CreateTime": str(EXAMPLE_UNIX_TIME),
        "MsgType": "event" if is_event else kind,
        **({"Event": kind} if is_event else {"MsgId": "24681012141618202"}),
    }
    elements = _own_elements(kind, frame | _message_members(kind, message))
    return EventType(
        f"{group}.{kind}",
        " ".join(inspect.cleandoc(message.__doc__ or "").split()),
        _data_schema(elements),
        {
            "appid": EXAMPLE_APPID,
            "user_name": EXAMPLE_USER_NAME,
            "openid": _OPENID,
            "kind": kind,
            "msg_id": frame.get("MsgId", ""),
            "created": EXAMPLE_UNIX_TIME,
            "message": elements,
        },
    )


def _own_elements(kind: str, elements: dict[str, Any]) -> dict[str, Any]:
    """Of the three notices of a kind each has its own element."""
    others = {f"SubscribeMsg{name}Event" for name in ("Popup", "Change", "Sent")}
    own = "".join(part.title() for part in kind.split("_"))
    return {name: elements[name] for name in elements if name not in others or name == own}


def _data_schema(elements: dict[str, Any]) -> Schema:
    return describe_object(
        {
            "appid": TEXT,
            "user_name": TEXT,
            "openid": TEXT,
            "kind": TEXT,
            "msg_id": TEXT,
            "created": {**NUMBER, "description": "By WeChat's clock, Unix seconds; 0: not told."},
            "message": {
                **schema_of(elements),
                "description": "WeChat's own elements, all texts as they came. What may repeat is "
                "a list, also where it is there once.",
            },
        }
    )


# Of what WeChat tells us of accounts, its own elements; codes that are as good as the account are
# left out.
COMPONENT_ELEMENTS: dict[str, dict[str, Any]] = {
    "authorized": {"AuthorizerAppid": EXAMPLE_APPID},
    "updateauthorized": {"AuthorizerAppid": EXAMPLE_APPID},
    "unauthorized": {"AuthorizerAppid": EXAMPLE_APPID},
    "notify_third_fasteregister": {
        "appid": EXAMPLE_APPID,
        "status": "0",
        "msg": "OK",
        "info": {"name": "示例公司", "code": "123", "code_type": "1"},
    },
    "notify_third_fastregisterbetaapp": {
        "appid": EXAMPLE_APPID,
        "status": "0",
        "msg": "OK",
        "info": {"unique_id": "1", "name": "示例"},
    },
    "notify_third_fastverifybetaapp": {
        "appid": EXAMPLE_APPID,
        "status": "0",
        "msg": "OK",
        "info": {"name": "示例公司", "code": "123", "code_type": "1"},
    },
    "notify_3rd_wxa_auth": {
        "appid": EXAMPLE_APPID,
        "task_status": "12",
        "message": "ok",
        "taskid": "1",
        "apply_status": "4",
        "dispatch_info": {"provider": "示例", "contact": "1", "dispatch_time": "1767225600"},
    },
    "notify_3rd_wxa_wxverify": {
        "appid": EXAMPLE_APPID,
        "expired": "1767225600",
        "message": "请尽快完成年审",
    },
    "notify_icpfiling_verify_result": {
        "task_id": "1",
        "verify_appid": EXAMPLE_APPID,
        "result": "3",
        "along_with_auth_result": "9",
    },
    "notify_apply_icpfiling_result": {"authorizer_appid": EXAMPLE_APPID, "beian_status": "6"},
    "order_path_apply_result_notify": {
        "list": [{"appid": EXAMPLE_APPID, "ret_code": "0", "apply_time": "1767225600"}]
    },
    "order_path_audit_result_notify": {
        "list": [{"appid": EXAMPLE_APPID, "status": "4", "audit_id": "1", "reason": ""}]
    },
}


def _of_component(kind: str, own: dict[str, Any]) -> EventType:
    frame = {"AppId": "wxfedcba9876543210", "CreateTime": str(EXAMPLE_UNIX_TIME), "InfoType": kind}
    elements = {**frame, **own}
    is_of_many = "list" in own
    return EventType(
        f"component.{kind}",
        "What WeChat tells the platform of an account, by its own name for it; `appid` is empty "
        "where it is about several, which `list` names.",
        _data_schema(elements),
        {
            "appid": "" if is_of_many else EXAMPLE_APPID,
            "user_name": "",
            "openid": "",
            "kind": kind,
            "msg_id": "",
            "created": EXAMPLE_UNIX_TIME,
            "message": elements,
        },
    )


MESSAGE_TYPES = [_of_account("message", kind, MESSAGES[kind]) for kind in MESSAGES]
WECHAT_EVENT_TYPES = [_of_account("event", kind, EVENTS[kind]) for kind in EVENTS]
COMPONENT_TYPES = [_of_component(kind, COMPONENT_ELEMENTS[kind]) for kind in COMPONENT_ELEMENTS]
