"""REST: what a mini program should have at WeChat, and what it has."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, READ_ERRORS
from api.fields import LARGEST, StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, CodeView, act_response
from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.applying import apply_now, explain_outcome, look_now
from miniprograms.services.settings.kinds import BadSetting
from miniprograms.services.settings.record import differences_of, set_desired, setting_of
from miniprograms.services.settings.registry import KINDS
from platform_auth.problems import CannotAct
from wechat.errors import Refused

MAX_VERSIONS = 20
KIND_NAMES = [(name, kind.title) for name, kind in KINDS.items()]
KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS))


class DesiredSerializer(StrictSerializer):
    """What a mini program should have from now on."""

    desired = serializers.JSONField(
        allow_null=True,
        help_text=_(
            "Of server domains an object of lists by WeChat's names, of web-view domains a list, "
            "of the privacy guideline owner_setting and setting_list, of the page with orders an "
            "object with its path; it takes the place of what was desired. null: whatever the mini "
            "program has is fine."
        ),
    )
    apply = serializers.BooleanField(
        default=True, help_text=_("Bring it to WeChat at once, where that has something else.")
    )
    version = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST,
        help_text=_("The version that was read; 409 if it is another by now."),
    )


class DifferenceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    missing = serializers.JSONField(help_text=_("Desired, and not at WeChat."))
    surplus = serializers.JSONField(help_text=_("At WeChat, and not desired."))


class SettingVersionSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(source="number")
    desired = serializers.JSONField(source="value", allow_null=True)
    changed_at = UTCField(source="at")
    changed_by = serializers.CharField(source="by", allow_null=True)
    profile = serializers.CharField(allow_null=True)


class SettingStateSerializer(serializers.Serializer[Any]):
    """One kind of setting of a mini program, in short."""

    kind = serializers.ChoiceField(KIND_NAMES)
    drift = serializers.BooleanField(
        allow_null=True, help_text=_("null while one of the two values is not known.")
    )
    state = serializers.ChoiceField(Setting.State.choices)
    version = serializers.IntegerField(help_text=_("0 while nobody has said anything."))
    checked_at = UTCField(allow_null=True)


class SettingSerializer(SettingStateSerializer):
    """One kind of setting of a mini program: both values, and what became of the last act."""

    desired = serializers.JSONField(allow_null=True)
    at_wechat = serializers.JSONField(allow_null=True, help_text=_("As it was read last."))
    differences = DifferenceSerializer(many=True)
    reason = serializers.CharField(help_text=_('Why the state is what it is, or "".'))
    errcode = serializers.IntegerField(allow_null=True)
    remarks = serializers.DictField(
        help_text=_("Values that WeChat did not take, by its reason: invalid, no_icp.")
    )
    problem = serializers.CharField(help_text=_('Why WeChat could not be read, or "".'))
    applied_at = UTCField(allow_null=True)
    versions = SettingVersionSerializer(many=True, help_text=_("The last 20, newest first."))


class SettingsView(CodeView):
    read_scope = "authorizers:read"
    act_scope = "settings:write"
    to_read = "miniprograms.view_setting"
    to_act = "miniprograms.edit_settings"
    serializer_class: type[serializers.Serializer[Any]] = SettingSerializer

    @property
    def program(self) -> Authorizer:
        """The mini program in the address; other accounts have no such settings."""
        if self.authorizer.kind != Authorizer.Kind.MINI_PROGRAM:
            raise Http404
        return self.authorizer

    def setting(self) -> Setting:
        if self.kwargs["kind"] not in KINDS:
            raise Http404
        return setting_of(self.program, self.kwargs["kind"])


class SettingList(SettingsView):
    queryset = Setting.objects.none()
    pagination_class = None  # type: ignore[assignment]  # as many as there are kinds
    serializer_class = SettingStateSerializer

    @extend_schema(
        summary=_("How the settings of a mini program stand"),
        description=_(
            "One row for each kind: whether what WeChat has is what is desired. From the "
            "platform's own rows; WeChat is not asked."
        ),
        parameters=[APPID],
        responses={200: SettingStateSerializer(many=True), **READ_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        saved = {row.kind: row for row in Setting.objects.filter(authorizer=self.program)}
        rows = [saved.get(kind) or Setting(authorizer=self.program, kind=kind) for kind in KINDS]
        return Response([SettingStateSerializer(_state_of(row)).data for row in rows])


class SettingView(SettingsView):
    @extend_schema(
        summary=_("What a mini program should have at WeChat, and what it had at the last look"),
        description=_(
            "Both values and their differences, which are drift. WeChat is looked at about daily, "
            "and by `check/`. A kind that does not exist is 404, and so is an account that is no "
            "mini program."
        ),
        parameters=[APPID, KIND],
        responses={200: SettingSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, appid: str, kind: str) -> Response:
        return Response(_describe(self.setting()))

    @extend_schema(
        summary=_("Say what a mini program should have, and bring it to WeChat"),
        description=_(
            "What is desired is kept whatever WeChat answers. 202 while it is not done yet, or not "
            "known to be: it is tried again, or WeChat is asked, without a further request. Where "
            "WeChat has the value already nothing is sent. 422 where it refuses."
        ),
        parameters=[APPID, KIND, KEY_HEADER],
        request=DesiredSerializer,
        responses={200: SettingSerializer, 202: SettingSerializer, **ACT_ERRORS},
    )
    @idempotent
    def put(self, request: Request, appid: str, kind: str) -> Response:
        fields = self.read_body(DesiredSerializer)
        setting = self.setting()
        try:
            row = set_desired(
                setting.authorizer,
                kind,
                fields["desired"],
                by=request.user,
                applies=False,
                seen=fields.get("version"),
            )
        except BadSetting as error:
            raise ValidationError({"desired": error.problems}) from None
        if row.desired is not None and fields["apply"]:
            row = apply_now(row, by=request.user)
            if row.state == Setting.State.REFUSED:
                _raise_refusal(row)
        return act_response(_describe(row), is_lost=row.state in Setting.TO_APPLY)


class SettingCheck(SettingsView):
    act_scope = "authorizers:read"
    to_act = "miniprograms.view_setting"

    @extend_schema(
        summary=_("Look now what WeChat has"),
        description=_(
            "Nothing is changed at WeChat. What could not be read is said in `problem`; 422 and "
            "502 where WeChat refuses or does not answer."
        ),
        parameters=[APPID, KIND, KEY_HEADER],
        request=None,
        responses={200: SettingSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str, kind: str) -> Response:
        return Response(_describe(look_now(self.setting())))


def _raise_refusal(row: Setting) -> None:
    """As an error of its own: WeChat's answer, or why it was not asked."""
    if row.errcode is None:
        raise CannotAct(row.reason)
    path, _colon, answer = row.reason.partition(": ")
    raise Refused(path, row.errcode, answer.removeprefix(f"{row.errcode} "))


def _state_of(row: Setting) -> dict[str, Any]:
    is_known = row.desired is not None and row.at_wechat is not None
    return {
        "kind": row.kind,
        "drift": row.has_drifted if is_known else None,
        "state": row.state,
        "version": row.version,
        "checked_at": row.checked_at,
    }


def _describe(row: Setting) -> dict[str, Any]:
    versions = (
        row.versions.select_related("by", "profile").order_by("-number")[:MAX_VERSIONS]
        if row.pk
        else []
    )
    data = {
        **_state_of(row),
        "desired": row.desired,
        "at_wechat": row.at_wechat,
        "differences": differences_of(row),
        "reason": explain_outcome(row),
        "errcode": row.errcode,
        "remarks": row.remarks,
        "problem": row.last_error,
        "applied_at": row.applied_at,
        "versions": versions,
    }
    return dict(SettingSerializer(data).data)
