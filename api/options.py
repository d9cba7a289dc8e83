"""REST: the options of an authorizer (选项)."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, ASK_ERRORS
from api.fields import StrictSerializer
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, CodeView
from miniprograms.services.options import get_option, set_option

NAME = OpenApiParameter(
    "name",
    str,
    OpenApiParameter.PATH,
    description=_("As WeChat calls it: location_report, voice_recognize, customer_service."),
)


class ValueSerializer(StrictSerializer):
    """WeChat's number for what it is set to."""

    value = serializers.RegexField(r"\A[0-9]{1,4}\Z")


class OptionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.CharField()


class OptionView(CodeView):
    read_scope = "settings:write"
    act_scope = "settings:write"
    to_read = "miniprograms.view_authorizer"
    to_act = "miniprograms.edit_settings"
    serializer_class = OptionSerializer

    @extend_schema(
        summary=_("What an option of an account is set to"),
        description=_("WeChat is asked. 422 with its errcode for a name that it does not know."),
        parameters=[APPID, NAME],
        responses={200: OptionSerializer, **ASK_ERRORS},
    )
    def get(self, request: Request, appid: str, name: str) -> Response:
        return Response({"name": name, "value": get_option(self.authorizer, name)})

    @extend_schema(
        summary=_("Set an option of an account"),
        description=_(
            "location_report: 0 off, 1 when a user enters, 2 every five seconds; voice_recognize "
            "and customer_service: 0 off, 1 on. WeChat keeps it; it is in the operation log."
        ),
        parameters=[APPID, NAME, KEY_HEADER],
        request=ValueSerializer,
        responses={200: OptionSerializer, **ACT_ERRORS},
    )
    @idempotent
    def put(self, request: Request, appid: str, name: str) -> Response:
        value = self.read_body(ValueSerializer)["value"]
        set_option(self.authorizer, name, value, by=request.user)
        return Response({"name": name, "value": value})
