"""REST: interfaces that WeChat grants one by one (地理位置接口), and applying for one."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, ASK_ERRORS
from api.fields import StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, ProgramView, act_response
from miniprograms.models import InterfaceApplication
from miniprograms.services.private_interfaces import (
    MAX_ADDRESS,
    MAX_CONTENT,
    MAX_FILMS,
    MAX_PAGES,
    MAX_PICTURES,
    BadApplication,
    Material,
    applications_of,
    apply_for_interface,
    list_interfaces,
)
from platform_auth.errcodes import explain_errcode
from wechat import privacy
from wechat.privacy import PrivateInterface

STATUS_WORDS = {
    privacy.TO_APPLY: "to_apply",
    privacy.NO_RIGHT: "no_right",
    privacy.IN_REVIEW: "in_review",
    privacy.REFUSED: "rejected",
    privacy.GRANTED: "granted",
}


def _addresses(most: int, about: Any) -> serializers.ListField:
    address = serializers.CharField(max_length=MAX_ADDRESS)
    return serializers.ListField(child=address, required=False, max_length=most, help_text=about)


class ApplySerializer(StrictSerializer):
    """An application, by WeChat's names; one of the three lists holds something."""

    api_name = serializers.RegexField(r"^[A-Za-z]{1,20}(\.[A-Za-z]{1,30})?\Z", max_length=64)
    content = serializers.CharField(max_length=MAX_CONTENT)
    url_list = _addresses(MAX_PAGES, gettext_lazy("Web pages."))
    pic_list = _addresses(MAX_PICTURES, gettext_lazy("Pictures, which WeChat loads."))
    video_list = _addresses(MAX_FILMS, gettext_lazy("A film, as mp4."))


class ApplicationSerializer(serializers.ModelSerializer[InterfaceApplication]):
    status = serializers.ChoiceField(InterfaceApplication.State.choices, source="state")
    errcode = serializers.IntegerField(allow_null=True)
    explanation = serializers.SerializerMethodField()
    applied_at = UTCField()
    decided_at = UTCField(allow_null=True)

    class Meta:
        model = InterfaceApplication
        fields = ["api_name", "audit_id", "status", "reason", "errcode", "explanation"]
        fields += ["applied_at", "decided_at"]
        read_only_fields = fields

    def get_explanation(self, row: InterfaceApplication) -> str:
        """Why WeChat did not take it and what to do, or ""."""
        return explain_errcode(row.errcode)


class InterfaceSerializer(serializers.Serializer[Any]):
    """How an interface stands by WeChat just now."""

    api_name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField([*STATUS_WORDS.values(), "unknown"])
    audit_id = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(
        help_text=gettext_lazy("Why it was rejected, or why there is no right to it.")
    )


class InterfaceListSerializer(serializers.Serializer[Any]):
    interfaces = InterfaceSerializer(many=True)
    applications = ApplicationSerializer(many=True)


class InterfaceList(ProgramView):
    read_scope = "authorizers:read"
    act_scope = "settings:write"
    to_read = "miniprograms.view_interfaceapplication"
    to_act = "miniprograms.apply_for_interface"
    merchants_may_read = True
    serializer_class = ApplicationSerializer

    @extend_schema(
        summary=gettext_lazy("Private interfaces and the last applications for them"),
        description=gettext_lazy(
            "How WeChat has granted each just now, since it is asked, and what became of what was "
            "applied for here. An account that is no mini program is 404."
        ),
        parameters=[APPID],
        responses={200: InterfaceListSerializer, **ASK_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        interfaces = [_describe(one) for one in list_interfaces(self.program)]
        applications = ApplicationSerializer(applications_of(self.program), many=True).data
        return Response({"interfaces": interfaces, "applications": applications})

    @extend_schema(
        summary=gettext_lazy("Apply for a private interface"),
        description=gettext_lazy(
            "By WeChat's names, with what its reviewers need to see: at least one of the three "
            "lists holds something. Pictures are addresses that WeChat can load; upload them at "
            "`review-pictures/`. The verdict comes by WeChat's push, days later. 202 where "
            "WeChat's answer was lost: look at the list before you apply again."
        ),
        parameters=[APPID, KEY_HEADER],
        request=ApplySerializer,
        responses={201: ApplicationSerializer, 202: ApplicationSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        fields = self.read_body(ApplySerializer)
        lists = {name: fields.get(name, []) for name in ("url_list", "pic_list", "video_list")}
        material = Material(fields["content"], **lists)
        try:
            row = apply_for_interface(self.program, fields["api_name"], material, by=request.user)
        except BadApplication as error:
            problems = {name: [sentence] for name, sentence in error.problems.items()}
            raise ValidationError(problems) from None
        is_lost = row.state == InterfaceApplication.State.UNKNOWN
        data = ApplicationSerializer(row).data
        return act_response(data, is_lost=is_lost, status=HTTPStatus.CREATED)


def _describe(interface: PrivateInterface) -> dict[str, Any]:
    data = {
        "api_name": interface["api_name"],
        "description": interface["api_desc"],
        "status": STATUS_WORDS.get(interface["status"], "unknown"),
        "audit_id": interface["audit_id"],
        "reason": interface["fail_reason"],
    }
    return dict(InterfaceSerializer(data).data)
