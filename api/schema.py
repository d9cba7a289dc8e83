"""
What the OpenAPI schema has beside the views' own words: subjects, what each operation needs, the
error catalogue, examples, and what is posted to targets.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS

from api.clients import ANY_SCOPE
from api.error_codes import CATALOGUE, ErrorCode, codes_of
from api.examples import EXAMPLES, REQUEST_ID
from api.targets import webhook_headers, webhooks

# Subjects, by which operations are grouped; clients that are generated name their parts so.
TAGS = [
    {
        "name": "keys",
        "description": gettext_lazy(
            "Keys to this API: whose one is, making and ending a person's."
        ),
    },
    {
        "name": "platform",
        "description": gettext_lazy("How the third-party platform itself is doing."),
    },
    {
        "name": "accounts",
        "description": gettext_lazy(
            "Mini programs and official accounts that have authorised the platform: how they are."
        ),
    },
    {
        "name": "gateway",
        "description": gettext_lazy(
            "WeChat's own API, called as an account: tokens, calls, their quota, and what became "
            "of one call."
        ),
    },
    {
        "name": "users",
        "description": gettext_lazy(
            "An account's users: logging them in, opening what WeChat sealed for them, signing "
            "pages."
        ),
    },
    {"name": "messages", "description": gettext_lazy("What is sent to an account's users.")},
    {
        "name": "code",
        "description": gettext_lazy(
            "A mini program's code: values of ext.json, uploads, WeChat's reviews, releases."
        ),
    },
    {
        "name": "campaigns",
        "description": gettext_lazy(
            "From a developer's draft to a template, and from that to many mini programs."
        ),
    },
    {
        "name": "settings",
        "description": gettext_lazy(
            "What a mini program should have at WeChat, what it has, and interfaces it applies for."
        ),
    },
    {
        "name": "testers",
        "description": gettext_lazy("Who may open a mini program's trial version."),
    },
    {
        "name": "events",
        "description": gettext_lazy(
            "What targets are told, and the catalogue of it. Everything comes at least once, so "
            "the same may come twice, under the same webhook-id; of one user or account in order, "
            "the next after the one before was taken. It is signed by the Standard Webhooks "
            "specification with the target's secret: verify the body as it came, before it is "
            "parsed, and refuse what is older than five minutes. An answer within ten seconds "
            "counts."
        ),
    },
]
# The part of an address that says what it is about, and the subject that belongs to.
SUBJECTS = {
    "auth": "keys",
    "me": "keys",
    "component": "platform",
    "authorizers": "accounts",
    "bindings": "accounts",
    "access-token": "gateway",
    "wechat": "gateway",
    "presets": "gateway",
    "quota": "gateway",
    "rids": "gateway",
    "calls": "gateway",
    "login": "users",
    "decrypt": "users",
    "phone-number": "users",
    "oauth": "users",
    "jssdk": "users",
    "cards": "users",
    "messages": "messages",
    "ext": "code",
    "preflight": "code",
    "versions": "code",
    "audits": "code",
    "release": "code",
    "revert": "code",
    "submission-profile": "code",
    "submission-files": "code",
    "templates": "campaigns",
    "drafts": "campaigns",
    "campaigns": "campaigns",
    "settings": "settings",
    "options": "settings",
    "private-interfaces": "settings",
    "review-pictures": "settings",
    "testers": "testers",
    "event-types": "events",
}
DONE = {
    "200": gettext_lazy("Done, or as asked for."),
    "201": gettext_lazy("Made."),
    "202": gettext_lazy("Begun. Nobody knows yet whether WeChat has done it: ask again."),
    "204": gettext_lazy("Done; there is nothing to say."),
    "304": gettext_lazy("Nothing has changed since the answer of that ETag."),
}


class Operations(AutoSchema):
    """drf-spectacular's, where docstrings are for those who read the code."""

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular does
        return ""

    def get_tags(self) -> list[str]:
        words = [word for word in self.path.split("/") if word and word[0] != "{"]
        about = words[2:]  # after api/v1
        named = about[1:2] if about[:1] == ["authorizers"] and about[1:] else about[:1]
        return [SUBJECTS.get(word, word) for word in named]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None and operation.get("description"):
            needs = " ".join(self._needs())
            operation["description"] = f"{operation['description']}\n\n{needs}".strip()
        return operation

    def _needs(self) -> list[str]:
        """Which scope a client needs for it, and which right its person or owner."""
        is_reading = self.method in SAFE_METHODS
        scope = getattr(self.view, "read_scope" if is_reading else "act_scope", None)
        right = getattr(self.view, "to_read" if is_reading else "to_act", "")
        rights = [right] if isinstance(right, str) else list(right)
        merchants = getattr(
            self.view, "merchants_may_read" if is_reading else "merchants_may_act", not any(rights)
        )
        sentences = []
        if scope == ANY_SCOPE:
            sentences.append(_("Any key will do."))
        elif scope:
            sentences.append(_("A client needs the scope `%s`.") % scope)
        if any(rights):
            names = ", ".join(f"`{name}`" for name in rights if name)
            sentences.append(_("Staff, and clients of theirs, need the right %s.") % names)
        if any(rights) and scope:
            own = _("Merchants may do it for their own accounts.")
            sentences.append(own if merchants else _("Merchants may not."))
        return sentences


def complete(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """drf-spectacular's hook: RESULT, with what no single view says."""
    result["tags"] = [{name: str(text) for name, text in tag.items()} for tag in TAGS]
    result["webhooks"] = webhooks()
    result["components"]["parameters"] = webhook_headers()
    result["components"]["examples"] = {row.code: _error_example(row) for row in CATALOGUE}
    for methods in result["paths"].values():
        for operation in methods.values():
            _add_what_any_may_answer(operation)
            _describe_responses(operation)
            _give_examples(operation.get("requestBody", {}))
    for component in result["components"]["schemas"].values():
        _allow_null(component.get("properties", {}))
    return result


def _add_what_any_may_answer(operation: dict[str, Any]) -> None:
    """Refusals of a request's form, which no view speaks of."""
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    for status in ("406", *(("413", "415") if "requestBody" in operation else ())):
        response = {"description": "", "content": {"application/json": error}}
        operation["responses"].setdefault(status, response)


def _allow_null(properties: dict[str, Any]) -> None:
    """
    REST framework's pages say null as OpenAPI 3.0 did; and what may be any JSON may be null, which
    written as one of the two would be both.
    """
    for member in properties.values():
        if member.pop("nullable", False):
            member["type"] = [member["type"], "null"]
        if member.get("oneOf") == [{}, {"type": "null"}]:
            del member["oneOf"]


def _describe_responses(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if int(status) < 400:
            response["description"] = response["description"] or str(DONE[status])
            _give_examples(response)
            continue
        codes = codes_of(int(status), operation["tags"])
        response["description"] = "\n".join(f"* `{row.code}`: {row.meaning}" for row in codes)
        for media in response.get("content", {}).values():
            media["examples"] = {
                row.code: {"$ref": f"#/components/examples/{row.code}"} for row in codes
            }


def _error_example(row: ErrorCode) -> dict[str, Any]:
    more = EXAMPLES.get(row.code, {})
    body = {"code": row.code, "detail": str(row.meaning), "request_id": REQUEST_ID, **more}
    return {"summary": str(row.remedy), "value": body}


def _give_examples(message: dict[str, Any]) -> None:
    """To each media type of a request or answer that has none the example of its schema."""
    for media in message.get("content", {}).values():
        example = _example_of(media.get("schema", {}))
        if example is not None and not {"example", "examples"} & set(media):
            media["example"] = example


def _example_of(schema: dict[str, Any]) -> Any:
    """The example of SCHEMA: a component's, or a list or a page of such; None if there is none."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if schema.get("type") == "array":
        item = _example_of(schema["items"])
        return None if item is None else [item]
    if name.startswith("Paginated"):
        item = EXAMPLES.get(name.removeprefix("Paginated").removesuffix("List"))
        return item and {"next": None, "previous": None, "results": [item]}
    return EXAMPLES.get(name)
