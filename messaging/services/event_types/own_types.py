"""What happens to accounts and their code, as we tell it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from messaging.services.event_types.schemas import (
    EXAMPLE_APPID,
    EXAMPLE_TIME,
    EXAMPLE_UNIX_TIME,
    EXAMPLE_USER_NAME,
    NUMBER,
    TEXT,
    TIME,
    EventType,
    Schema,
    describe_object,
    nullable,
)
from miniprograms.models import Authorizer

_ACCOUNT: dict[str, Schema] = {
    "appid": {**TEXT, "description": "The account's appid."},
    "component_appid": {**TEXT, "description": "The platform that it authorises."},
    "user_name": {**TEXT, "description": "Its original id, gh_…; empty until WeChat has told it."},
    "nick_name": {**TEXT, "description": "Its name; empty until WeChat has told it."},
    "kind": {**TEXT, "description": f"One of {', '.join(Authorizer.Kind.values)}; more may come."},
}
_ACCOUNT_EXAMPLE = {
    "appid": EXAMPLE_APPID,
    "component_appid": "wxfedcba9876543210",
    "user_name": EXAMPLE_USER_NAME,
    "nick_name": "示例小程序",
    "kind": "mini_program",
}
_STATE: Schema = {"type": "string", "enum": list(Authorizer.State.values)}
_PROFILE: dict[str, Schema] = {
    "principal_name": TEXT,
    "account_status": {
        **NUMBER,
        "description": "1 normal, 14 cancelled, 16 banned, 18 alerted, 19 frozen.",
    },
    "verify_type_info": {**NUMBER, "description": "-1: not verified by WeChat."},
    "func_info": {
        "type": "array",
        "items": NUMBER,
        "description": "The permission sets that are granted.",
    },
}
_PROFILE_EXAMPLE = {
    "principal_name": "示例公司",
    "account_status": 1,
    "verify_type_info": 0,
    "func_info": [18, 19, 25],
}


def _about_account(
    name: str,
    description: StrOrPromise,
    members: dict[str, Schema],
    example: dict[str, Any],
    *optional: str,
    state: str = "bound",
) -> EventType:
    data = describe_object({**_ACCOUNT, "state": _STATE, **members}, *optional)
    return EventType(
        f"authorizer.{name}" if "." not in name else name,
        description,
        data,
        {**_ACCOUNT_EXAMPLE, "state": state, **example},
    )


ACCOUNT_TYPES = [
    _about_account(
        "bound",
        _(
            "The account can be acted for: its owner has authorised the platform, for the first "
            "time or again. Its name may follow in authorizer.changed."
        ),
        {
            **_PROFILE,
            "auth_time": {**NUMBER, "description": "WeChat's time of it; 0: not told yet."},
            "user_ref": {**TEXT, "description": "That of the bind link, if it had one."},
        },
        {**_PROFILE_EXAMPLE, "auth_time": EXAMPLE_UNIX_TIME, "user_ref": "customer 4711"},
        "user_ref",
    ),
    _about_account(
        "changed",
        _("Something of the account is different: `changed` names what, and all of it is told."),
        {
            **_PROFILE,
            "changed": {
                "type": "array",
                "items": TEXT,
                "description": "Names of members; `authorization`: authorised again at WeChat.",
            },
        },
        {**_PROFILE_EXAMPLE, "changed": ["nick_name"]},
    ),
    _about_account(
        "unbound",
        _("Nobody can act for the account any more: its owner has cancelled, or staff have."),
        {"reason": {"type": "string", "enum": ["cancelled", "unbound_locally"]}},
        {"reason": "cancelled"},
        state="unbound",
    ),
    _about_account(
        "needs_reauthorization",
        _("The account's tokens are lost: only its owner can help, by authorising again."),
        {"reason": {**TEXT, "description": "In words, for people."}},
        {"reason": "invalid refresh_token"},
        state="needs_reauthorization",
    ),
    _about_account(
        "account.alerted",
        _(
            "WeChat has something against the account: it is alerted, banned, frozen or "
            "cancelled, was punished, or something of it runs out."
        ),
        {
            "cause": {
                **TEXT,
                "description": "`account_status`, or the kind of push by which WeChat told it.",
            },
            "details": {
                "type": "object",
                "description": "`account_status` and `previous_status`, or the push's fields.",
            },
        },
        {
            "cause": "account_status",
            "details": {"account_status": 18, "previous_status": 1},
        },
    ),
]

_AUDIT: dict[str, Schema] = {
    **_ACCOUNT,
    "auditid": {**TEXT, "description": "WeChat's id of the review."},
    "status": {
        "type": "string",
        "enum": ["in_review", "passed", "rejected", "delayed", "withdrawn", "released"],
    },
    "user_version": {**TEXT, "description": "The version that is reviewed."},
    "template_id": {**nullable(NUMBER), "description": "null: it was not uploaded here."},
    "reason": {**TEXT, "description": "WeChat's, in words; empty where there is none."},
    "submitted_at": TIME,
    "decided_at": nullable(TIME),
}


def _about_review(
    name: str, status: str, description: StrOrPromise, *, reason: str = "", decided: bool = True
) -> EventType:
    example = {
        "auditid": "453876953",
        "status": status,
        "user_version": "1.4.0",
        "template_id": 12,
        "reason": reason,
        "submitted_at": "2025-12-31T20:00:00Z",
        "decided_at": EXAMPLE_TIME if decided else None,
    }
    data = describe_object(_AUDIT)
    return EventType(f"audit.{name}", description, data, {**_ACCOUNT_EXAMPLE, **example})


_LIVE = {**TEXT, "description": "The version that was live before; empty: none, or not known."}

CODE_TYPES = [
    _about_review(
        "submitted",
        "in_review",
        _("WeChat has taken a version for review, submitted here or elsewhere."),
        decided=False,
    ),
    _about_review("passed", "passed", _("The review has passed: it can be released.")),
    _about_review(
        "rejected",
        "rejected",
        _("The review was rejected: `reason` is WeChat's."),
        reason="1:服务类目与页面内容不符",
    ),
    _about_review(
        "delayed",
        "delayed",
        _("The review takes longer than usual."),
        reason="需要更多时间审核",
        decided=False,
    ),
    _about_review("withdrawn", "withdrawn", _("The version was taken back from review.")),
    EventType(
        "release.published",
        _("A reviewed version is live."),
        describe_object(
            {
                **_ACCOUNT,
                "auditid": TEXT,
                "user_version": {**TEXT, "description": "The version that is live now."},
                "live_before": _LIVE,
            }
        ),
        {
            **_ACCOUNT_EXAMPLE,
            "auditid": "453876953",
            "user_version": "1.4.0",
            "live_before": "1.3.2",
        },
    ),
    EventType(
        "release.reverted",
        _("The mini program was rolled back to a version that was live before."),
        describe_object(
            {
                **_ACCOUNT,
                "app_version": {
                    **nullable(NUMBER),
                    "description": "WeChat's number of it; null: the one before.",
                },
                "live_before": _LIVE,
            }
        ),
        {**_ACCOUNT_EXAMPLE, "app_version": None, "live_before": "1.4.0"},
    ),
]
