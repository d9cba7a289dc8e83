"""
What the platform posts to targets, as the schema's webhooks: one for each type of the catalogue of
events, which is the only list of them.
"""

from typing import Any

from django.utils.translation import gettext as _

from messaging.services.event_types.catalogue import EVENT_TYPES
from messaging.services.event_types.schemas import EXAMPLE_TIME, TEXT, TIME, describe_object

ANSWERED = ("message", "event")  # what users did; a target may say something back
_HEADERS = {
    "WebhookId": "webhook-id",
    "WebhookTimestamp": "webhook-timestamp",
    "WebhookSignature": "webhook-signature",
}
TEST = "test"  # what the button on a target's page sends
REPLY = {"reply": {"msgtype": "text", "text": {"content": "We are open from nine to five."}}}


def webhooks() -> dict[str, Any]:
    """Everything that a target can be sent, by its `type`."""
    told = {
        name: _describe(
            name,
            str(entry.description),
            {member: value for member, value in entry.schema.items() if member != "$schema"},
            entry.example,
            is_answered=entry.group in ANSWERED,
        )
        for name, entry in EVENT_TYPES.items()
    }
    data = describe_object({"target": TEXT})
    payload = describe_object({"type": {"const": TEST}, "timestamp": TIME, "data": data})
    example = {"type": TEST, "timestamp": EXAMPLE_TIME, "data": {"target": "till"}}
    described = _("Somebody of staff tries whether the target takes what it is sent.")
    return {**told, TEST: _describe(TEST, described, payload, example, is_answered=False)}


def webhook_headers() -> dict[str, Any]:
    """The headers that all come with, as the schema's components."""
    about = {
        "webhook-id": _("The same however often it is sent: do what it says once."),
        "webhook-timestamp": _("Unix seconds of this attempt."),
        "webhook-signature": _(
            "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; two with a space "
            "between them while the secret is being changed."
        ),
    }
    return {
        component: {
            "name": name,
            "in": "header",
            "required": True,
            "schema": TEXT,
            "description": about[name],
        }
        for component, name in _HEADERS.items()
    }


def _describe(
    name: str,
    description: str,
    payload: dict[str, Any],
    example: dict[str, Any],
    *,
    is_answered: bool,
) -> dict[str, Any]:
    taken: dict[str, Any] = {"description": _("Taken. Any other status from 200 to 299 will do.")}
    if is_answered:
        taken["content"] = {"application/json": {"schema": _reply(), "example": REPLY}}
    refused = _(
        "Not taken, a redirect either: it is sent again with longer and longer pauses, for a day."
    )
    operation = {
        "operationId": f"{name.replace('.', '_')}_told",
        "tags": ["events"],
        "summary": _("A target is told of %(type)s") % {"type": name},
        "description": description,
        "security": [],
        "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in _HEADERS],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": payload, "example": example}},
        },
        "responses": {"200": taken, "default": {"description": refused}},
    }
    return {"post": operation}


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
