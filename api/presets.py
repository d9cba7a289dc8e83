"""REST: presets of the gateway, each a call of WeChat's with typed fields and answer."""

import json
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.clients import client_of
from api.errors import ACT_ERRORS
from api.gateway import PathNotAllowed
from api.idempotency import KEY_HEADER, idempotent
from api.preset_table import PRESETS, Body, Preset
from api.views import APPID, AccountView
from miniprograms.services.relaying import relay_call
from wechat import lenient
from wechat.errors import BadAnswer, NotSent, Refused, Unreachable, refusal
from wechat.relay import Relay, Relayed, is_under

IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}
RULES = gettext_lazy(
    "A preset of the gateway: one call of WeChat's, with the account's token. A client that is "
    "held to paths must be allowed this one."
)


class LostSerializer(serializers.Serializer[Any]):
    """WeChat has not answered: whether it is done is not known."""

    state = serializers.CharField(help_text=gettext_lazy("Always `unknown`."))


class PresetView(AccountView):
    """What all presets share; each has a class of its own, for the schema."""

    throttle_scope = "acts"  # it asks WeChat while the client waits
    preset: ClassVar[Preset]

    def ask(self, request: Request) -> HttpResponseBase:
        """WeChat's answer to what was sent, as the preset's. Raises what stands in the way."""
        preset, account = self.preset, self.authorizer
        check_path(request, preset.path)
        relay = self._relay(request)
        try:
            return self._respond(relay_call(account, relay, by=request.user))
        except Unreachable as error:
            if isinstance(error, NotSent) or not preset.changes:
                raise
            return Response({"state": "unknown"}, HTTPStatus.ACCEPTED)

    def handle_exception(self, exc: Exception) -> Response:
        """The same, with WeChat's number of the call where it has refused."""
        response = super().handle_exception(exc)
        if isinstance(exc, Refused):
            response["X-WeChat-Errcode"] = str(exc.errcode)
            response["X-WeChat-Rid"] = exc.rid
        return response

    def _relay(self, request: Request) -> Relay:
        """The call that the preset makes of REQUEST. Raises ValidationError."""
        preset = self.preset
        if preset.method == "GET":
            form = preset.form(data=request.query_params.dict())
            form.is_valid(raise_exception=True)
            query = [(name, str(value)) for name, value in form.validated_data.items()]
            return Relay("GET", preset.path, query)
        body = preset.prepare(self.read_body(preset.form))
        return Relay("POST", preset.path, (), json.dumps(body, ensure_ascii=False).encode())

    def _respond(self, answer: Relayed) -> HttpResponseBase:
        """ANSWER by the preset's fields. Raises Refused, and BadAnswer where it is not of them."""
        preset = self.preset
        if answer.rest:
            answer.rest.close()
            raise BadAnswer(preset.path, "larger than any answer of this call")
        if answer.errcode:
            raise _refusal(preset.path, answer)
        if preset.answer is None:
            return _picture(preset.path, answer)
        members = _with_lists(preset.answer(), _members(preset.path, answer))
        try:
            return Response(preset.answer(members).data)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadAnswer(preset.path, "not the fields of this call") from None


def check_path(request: Request, wechat_path: str) -> None:
    """Raise PathNotAllowed where the client may not call it through the gateway either."""
    client = client_of(request)
    if client and client.path_prefixes and not is_under(wechat_path, client.path_prefixes):
        raise PathNotAllowed


def _members(wechat_path: str, answer: Relayed) -> Body:
    try:
        members = lenient.loads(answer.content)
    except ValueError:
        raise BadAnswer(wechat_path, "no JSON") from None
    if not isinstance(members, dict):
        raise BadAnswer(wechat_path, "no object")
    return members


def _with_lists(form: serializers.Serializer[Any], members: Body) -> Body:
    """MEMBERS, with an empty list where WeChat leaves one out or says null."""
    lists = [
        name
        for name, field in form.fields.items()
        if isinstance(field, serializers.ListSerializer) and not members.get(name)
    ]
    return members | {name: [] for name in lists}


def _refusal(wechat_path: str, answer: Relayed) -> Refused:
    errmsg = _members(wechat_path, answer).get("errmsg")
    return refusal(wechat_path, answer.errcode, errmsg if isinstance(errmsg, str) else "")


def _picture(wechat_path: str, answer: Relayed) -> HttpResponse:
    """ANSWER as the picture that its first bytes say, whatever WeChat calls it."""
    kinds = [kind for mark, kind in IMAGES.items() if answer.content.startswith(mark)]
    if not kinds:
        raise BadAnswer(wechat_path, "no picture")
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(answer.content, content_type=kinds[0], headers=headers)


def _view_of(preset: Preset) -> type[PresetView]:
    """The class of PRESET, which describes itself in the schema."""

    def handle(self: PresetView, request: Request, appid: str) -> HttpResponseBase:
        return self.ask(request)

    act: Any = idempotent(handle) if preset.changes else handle  # type: ignore[arg-type]
    name = "".join(part.capitalize() for part in preset.name.split("-")) + "Preset"
    members = {
        "preset": preset,
        "permission_classes": [preset.permission],
        "read_scope": preset.scope if preset.method == "GET" else "",
        "act_scope": preset.scope if preset.method == "POST" else "",
        preset.method.lower(): _described(preset)(act),
    }
    return type(name, (PresetView,), members)


def _described(preset: Preset) -> Any:
    """What the schema says of PRESET."""
    is_reading = preset.method == "GET"
    responses: dict[Any, Any] = {**ACT_ERRORS}
    examples, parameters = [], [APPID]
    if preset.answer is None:
        responses[200, "image/jpeg"] = OpenApiTypes.BINARY
    else:
        responses[200] = preset.answer
        examples.append(
            OpenApiExample("answered", preset.answered, response_only=True, status_codes=["200"])
        )
    if not is_reading:
        examples.append(OpenApiExample("asked", preset.asked, request_only=True))
    elif preset.asked:
        parameters.append(preset.form)  # type: ignore[arg-type]  # each field is one
    if preset.changes:
        parameters.append(KEY_HEADER)
        responses[202] = LostSerializer
    return extend_schema(
        summary=preset.summary,
        description=format_lazy("{} `{}`. {}", RULES, preset.path, preset.needs),
        parameters=parameters,
        request=None if is_reading else preset.form,
        responses=responses,
        examples=examples,
    )


def preset_urls(account: str) -> list[URLPattern]:
    """The address of each preset, below that of an account."""
    return [
        path(f"{account}presets/{preset.name}/", _view_of(preset).as_view()) for preset in PRESETS
    ]
