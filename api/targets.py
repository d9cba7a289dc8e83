"""
What the platform posts to targets, as the schema's webhooks. A further kind of what is told is a
further entry of `webhooks`, made with `describe`.
"""

from typing import Any

from django.utils.translation import gettext as _

MESSAGE = {
    "type": "message.text",
    "timestamp": "2026-01-01T08:00:00Z",
    "data": {
        "appid": "wx0123456789abcdef",
        "user_name": "gh_0123456789ab",
        "openid": "oABCD1234567890abcdefghijklm",
        "kind": "text",
        "msg_id": "24567890123456789",
        "created": 1767254400,
        "message": {
            "ToUserName": "gh_0123456789ab",
            "FromUserName": "oABCD1234567890abcdefghijklm",
            "CreateTime": "1767254400",
            "MsgType": "text",
            "Content": "hello",
            "MsgId": "24567890123456789",
        },
    },
}
_TEXT = {"type": "string"}


def webhooks() -> dict[str, Any]:
    """Everything that a target can be sent, by the name that it has in the schema."""
    return {
        "message": describe(
            "message",
            summary=_("A message of a user's, or an event of an account's"),
            description=_(
                "As WeChat pushed it. `type` is `message.` or `event.` and WeChat's name for the "
                "kind; the fields of `message` are WeChat's own."
            ),
            data=_message_data(),
            example=MESSAGE,
            answer=_reply(),
        )
    }


def describe(
    name: str,
    *,
    summary: str,
    description: str,
    data: dict[str, Any],
    example: dict[str, Any],
    answer: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The webhook NAME: DATA is the JSON Schema of what is told, ANSWER of what may be answered."""
    payload = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {**_TEXT, "description": _("What is told.")},
            "timestamp": {**_TEXT, "format": "date-time", "description": _("When it happened.")},
            "data": data,
        },
    }
    taken: dict[str, Any] = {"description": _("Taken. Any other status from 200 to 299 will do.")}
    if answer:
        taken["content"] = {"application/json": {"schema": answer}}
    return {
        "post": {
            "operationId": f"{name}_told".replace(".", "_"),
            "tags": ["events"],
            "summary": summary,
            "description": f"{description}\n\n{_guarantees()}",
            "security": [],
            "parameters": _headers(),
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": payload, "example": example}},
            },
            "responses": {
                "200": taken,
                "default": {
                    "description": _(
                        "Not taken, a redirect either: it is sent again with longer and longer "
                        "pauses, for a day."
                    )
                },
            },
        }
    }


def _guarantees() -> str:
    return _(
        "It comes at least once, so the same may come twice, under the same webhook-id; of one "
        "user or account in order, the next after the one before was taken. It is signed by the "
        "Standard Webhooks specification with the target's secret: verify the body as it came, "
        "before it is parsed, and refuse what is older than five minutes. An answer within ten "
        "seconds counts."
    )


def _headers() -> list[dict[str, Any]]:
    about = {
        "webhook-id": _("The same however often it is sent: do what it says once."),
        "webhook-timestamp": _("Unix seconds of this attempt."),
        "webhook-signature": _(
            "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; two with a space "
            "between them while the secret is being changed."
        ),
    }
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "schema": _TEXT,
            "description": description,
        }
        for name, description in about.items()
    ]


def _message_data() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["appid", "user_name", "openid", "kind", "msg_id", "created", "message"],
        "properties": {
            "appid": {**_TEXT, "description": _("The account that it came to.")},
            "user_name": {**_TEXT, "description": _("The account's original id, gh_….")},
            "openid": {**_TEXT, "description": _("The user.")},
            "kind": {**_TEXT, "description": _("WeChat's MsgType, or Event of an event.")},
            "msg_id": {**_TEXT, "description": _("WeChat's MsgId; empty for most events.")},
            "created": {"type": "integer", "description": _("WeChat's CreateTime, Unix seconds.")},
            "message": {
                "type": "object",
                "additionalProperties": True,
                "description": _("What WeChat pushed, by WeChat's names."),
            },
        },
    }


def _reply() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "reply": {
                "type": ["object", "null"],
                "additionalProperties": True,
                "description": _(
                    "What the user is told, as WeChat's customer-service messages are written; "
                    "read only of a target that answers. Within two seconds it is the reply "
                    "itself, later a message of its own."
                ),
            }
        },
    }
