"""
REST: a mini program's code, from template to release. Staff act, merchants read their own reviews.

An act may carry an `Idempotency-Key`: asked for again, it is answered again and not done again.
"""

import json
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import idempotency
from api.auth import ErrorSerializer, InvalidSerializer
from api.authorizers import AuditStateSerializer, MayLook, NewestFirst, UTCField
from audits.models import CodeAudit, CodeTemplate, CodeVersion, Release
from audits.problems import BadExtJson, NothingOpen
from audits.services import committing, releasing, submitting, templates, verdicts
from miniprograms.models import Authorizer
from platform_auth.errcodes import explain_errcode
from wechat.code import Submission
from wechat.errors import NotSent, Unreachable

KEY = "Idempotency-Key"
KEY_LENGTH = 128
# What a client asking again shall be told again; after anything else the key may try once more.
DECIDED = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
LARGEST = 2**63 - 1  # of a number that a column holds

Act = Callable[..., Response]


# What is sent


class Strict(serializers.Serializer[Any]):
    """A mistyped name is told, not dropped: what is missing would go to WeChat unsaid."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            raise ValidationError({str(name): [_("There is no such field.")] for name in unknown})
        return super().to_internal_value(data)


class ExtJsonField(serializers.JSONField):
    """ext.json as an object, or as the text that WeChat's own endpoint takes."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except ValueError:
                self.fail("invalid")
        if not isinstance(data, dict):
            raise ValidationError(_("ext.json must be an object."))
        try:
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except ValueError:  # half a character, or no number
            self.fail("invalid")
        return data


class CommitSerializer(Strict):
    template_id = serializers.IntegerField(min_value=0, max_value=LARGEST)
    user_version = serializers.CharField(max_length=64)
    user_desc = serializers.CharField(max_length=500)
    ext_json = ExtJsonField(required=False, allow_null=True)


class ItemSerializer(Strict):
    """A page offered for review, and the category it belongs to."""

    address = serializers.CharField(required=False)
    tag = serializers.CharField(required=False)
    title = serializers.CharField(required=False, max_length=32)
    first_class = serializers.CharField()
    second_class = serializers.CharField()
    third_class = serializers.CharField(required=False)
    first_id = serializers.IntegerField()
    second_id = serializers.IntegerField()
    third_id = serializers.IntegerField(required=False)


class PreviewSerializer(Strict):
    """Media ids of films and pictures."""

    video_id_list = serializers.ListField(child=serializers.CharField(), required=False)
    pic_id_list = serializers.ListField(child=serializers.CharField(), required=False)


class UgcSerializer(Strict):
    """What users publish, and who watches over it."""

    scene = serializers.ListField(child=serializers.IntegerField(), required=False)
    method = serializers.ListField(child=serializers.IntegerField(), required=False)
    other_scene_desc = serializers.CharField(required=False, max_length=256)
    has_audit_team = serializers.IntegerField(required=False, min_value=0, max_value=1)
    audit_desc = serializers.CharField(required=False, max_length=256)


class SubmitSerializer(Strict):
    """The fields of submit_audit, by WeChat's names."""

    item_list = serializers.ListField(child=ItemSerializer(), required=False, max_length=5)
    preview_info = PreviewSerializer(required=False)
    version_desc = serializers.CharField(required=False)
    feedback_info = serializers.CharField(required=False, max_length=200)
    feedback_stuff = serializers.CharField(required=False)
    ugc_declare = UgcSerializer(required=False)
    privacy_api_not_use = serializers.BooleanField(required=False)
    order_path = serializers.CharField(required=False)


class ReleaseRequestSerializer(Strict):
    """The audit that people agreed to: while another is the newest, nothing is released."""

    auditid = serializers.CharField(required=False, max_length=32)


class RevertSerializer(Strict):
    """WeChat's own number of a past version; without it, the one before."""

    app_version = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST)


# What is answered


class TemplateSerializer(serializers.ModelSerializer[CodeTemplate]):
    component = serializers.CharField(source="component.appid")
    type = serializers.SerializerMethodField()
    created_at = UTCField(allow_null=True)

    class Meta:
        model = CodeTemplate
        fields = [
            *("template_id", "component", "type", "user_version", "user_desc"),
            *("source_appid", "source_name", "developer", "notes", "created_at"),
        ]
        read_only_fields = fields

    def get_type(self, template: CodeTemplate) -> str:
        """`ordinary`, or `standard`: WeChat has reviewed it and takes little in its ext.json."""
        is_standard = template.template_type == committing.STANDARD_TEMPLATE
        return "standard" if is_standard else "ordinary"


class VersionSerializer(serializers.ModelSerializer[CodeVersion]):
    template_id = serializers.IntegerField(source="template.template_id")
    status = serializers.ChoiceField(CodeVersion.State.choices, source="state")
    errcode = serializers.IntegerField(allow_null=True)
    explanation = serializers.SerializerMethodField()
    created_at = UTCField()

    class Meta:
        model = CodeVersion
        fields = [
            *("id", "template_id", "user_version", "user_desc", "status", "errcode"),
            *("explanation", "created_at"),
        ]
        read_only_fields = fields

    def get_explanation(self, version: CodeVersion) -> str:
        """Why WeChat refused it and what to do, or ""."""
        return explain_errcode(version.errcode)


class AuditSerializer(AuditStateSerializer):
    errcode = serializers.IntegerField(allow_null=True)
    explanation = serializers.SerializerMethodField()
    decided_at = UTCField(allow_null=True)
    released_at = UTCField(allow_null=True)

    class Meta(AuditStateSerializer.Meta):
        fields = [
            *AuditStateSerializer.Meta.fields,
            *("user_version", "errcode", "explanation", "decided_at", "released_at"),
        ]
        read_only_fields = fields

    def get_explanation(self, audit: CodeAudit) -> str:
        """Why WeChat would not take the submission and what to do, or ""."""
        return explain_errcode(audit.errcode)


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    status = serializers.ChoiceField(Release.State.choices, source="state")
    auditid = serializers.CharField(source="audit.auditid", default=None, allow_null=True)
    user_version = serializers.CharField(source="audit.user_version", default=None, allow_null=True)
    live_version = serializers.CharField(source="live_after")
    at = UTCField()

    class Meta:
        model = Release
        fields = [
            *("kind", "status", "auditid", "user_version", "app_version", "live_version", "at")
        ]
        read_only_fields = fields


class ConflictSerializer(ErrorSerializer):
    """Something else is under way, or missing; `auditid` where an audit is in the way."""

    auditid = serializers.CharField(required=False, allow_null=True)


class RefusalSerializer(serializers.Serializer[Any]):
    errcode = serializers.IntegerField()
    errmsg = serializers.CharField()
    explanation = serializers.CharField()


class RefusedSerializer(ErrorSerializer):
    """WeChat's own answer was no."""

    wechat = RefusalSerializer()


# Who may, and how often


class MayAct(MayLook):
    """Staff with the permission that the view names; merchants where it lets them read."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        view = cast(CodeView, view)
        if not super().has_permission(request, view):
            return False
        acts = request.method == "POST"
        if not request.user.is_staff:
            return view.merchants_may_read and not acts
        return request.user.has_perm(view.to_act if acts else view.to_read)


def once(act: Act) -> Act:
    """ACT is done once for an Idempotency-Key; asked for again, its answer is given again."""

    @wraps(act)
    def wrapped(view: "CodeView", request: Request, **address: str) -> Response:
        key = request.headers.get(KEY)
        if key is None:
            return act(view, request, **address)
        if not (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
            raise ValidationError({KEY: [_("Up to 128 printable ASCII characters.")]})
        asked = idempotency.digest_of(str(request.method), request.path, request.data)
        row = idempotency.claim(cast(int, request.user.pk), key, asked)
        if row.status is not None:
            return Response(row.answer, row.status, headers={"Idempotency-Replayed": "true"})
        try:
            response = act(view, request, **address)
        except Exception as error:  # what nobody foresaw goes on, and leaves the key taken
            response = view.handle_exception(error)
        if response.status_code < HTTPStatus.BAD_REQUEST or response.status_code in DECIDED:
            answer = json.loads(JSONRenderer().render(response.data))
            idempotency.keep(row, response.status_code, answer)
        else:
            idempotency.give_back(row)
        return response

    return wrapped


# Documentation


APPID = OpenApiParameter("appid", str, OpenApiParameter.PATH, description="wx…")
_AUDITID = OpenApiParameter("auditid", str, OpenApiParameter.PATH)
KEY_HEADER = OpenApiParameter(
    KEY,
    str,
    OpenApiParameter.HEADER,
    description=gettext_lazy(
        "Any text of your own, new for each act. For 24 hours the same request with the same key"
        " is answered again and not done again. What says that nothing was done (400, 404, 502,"
        " 503) is not kept; a key whose request was cut off stays taken."
    ),
)
_REFUSALS: dict[int, Any] = {
    401: ErrorSerializer,
    403: ErrorSerializer,
    404: ErrorSerializer,
    429: ErrorSerializer,
}
_TROUBLES: dict[int, Any] = {
    **_REFUSALS,
    400: InvalidSerializer,
    409: ConflictSerializer,
    422: RefusedSerializer,
    502: ErrorSerializer,
    503: ErrorSerializer,
}


# Views


class CodeView(GenericAPIView[Any]):
    """What is about code: who may read and act, and the mini program that is spoken of."""

    permission_classes = [MayAct]
    pagination_class = NewestFirst
    to_read: ClassVar[str] = "audits.view_codeaudit"
    to_act: ClassVar[str] = ""
    merchants_may_read: ClassVar[bool] = False

    @property
    def throttle_scope(self) -> str | None:
        """Acts ask WeChat while the client waits, so they are fewer than readings."""
        return "acts" if self.request.method == "POST" else None

    @cached_property
    def authorizer(self) -> Authorizer:
        """The mini program in the address. One that this key may not see is not found."""
        rows = Authorizer.objects.visible_to(self.request.user)
        found: Authorizer = get_object_or_404(rows, appid=self.kwargs["appid"])
        return found

    def find_audit(self) -> CodeAudit:
        """The audit in the address."""
        audits = self.authorizer.audits.filter(auditid=self.kwargs["auditid"]).newest_first()
        audit: CodeAudit | None = audits.first()
        return audit or get_object_or_404(CodeAudit.objects.none())

    def take(self, form: type[Strict]) -> dict[str, Any]:
        """What was sent, as FORM reads it."""
        filled = form(data=self.request.data)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The code templates, newest first"),
        responses={200: TemplateSerializer(many=True), **_REFUSALS},
    )
)
class TemplateList(CodeView, ListAPIView[CodeTemplate]):
    queryset = CodeTemplate.objects.none()
    to_read = "audits.view_codetemplate"
    serializer_class = TemplateSerializer

    def get_queryset(self) -> QuerySet[CodeTemplate]:
        return CodeTemplate.objects.filter(gone_at=None).select_related("component")


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The versions uploaded to a mini program, newest first"),
        parameters=[APPID],
        responses={200: VersionSerializer(many=True), **_REFUSALS},
    )
)
class VersionList(CodeView, ListAPIView[CodeVersion]):
    queryset = CodeVersion.objects.none()
    to_read = "audits.view_codeversion"
    to_act = "audits.commit_version"
    serializer_class = VersionSerializer

    def get_queryset(self) -> QuerySet[CodeVersion]:
        versions: QuerySet[CodeVersion] = self.authorizer.versions.select_related("template")
        return versions.defer("ext_json")

    @extend_schema(
        summary=gettext_lazy("Upload a template to a mini program as its trial version"),
        parameters=[APPID, KEY_HEADER],
        request=CommitSerializer,
        responses={201: VersionSerializer, 202: VersionSerializer, **_TROUBLES},
    )
    @once
    def post(self, request: Request, appid: str) -> Response:
        asked = self.take(CommitSerializer)
        ext = asked.pop("ext_json", None)
        template = self._template(asked.pop("template_id"))
        try:
            version = committing.commit(
                self.authorizer, template, ext=ext, by=request.user, **asked
            )
        except BadExtJson as error:
            raise ValidationError({"ext_json": [str(error)]}) from None
        lost = version.state == CodeVersion.State.UNKNOWN
        return Response(VersionSerializer(version).data, _status(lost, HTTPStatus.CREATED))

    def _template(self, template_id: int) -> CodeTemplate:
        """One that our mirror lacks may be new at WeChat, which is then asked."""
        component = self.authorizer.component
        known = CodeTemplate.objects.filter(
            component=component, template_id=template_id, gone_at=None
        )
        template = known.first()
        if template is None:
            templates.sync_templates(component)
            template = known.first()
        if template is None:
            raise ValidationError({"template_id": [_("There is no such template.")]})
        return template


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The audits of a mini program, newest first"),
        parameters=[APPID],
        responses={200: AuditSerializer(many=True), **_REFUSALS},
    )
)
class AuditList(CodeView, ListAPIView[CodeAudit]):
    queryset = CodeAudit.objects.none()
    to_act = "audits.submit_audit"
    merchants_may_read = True
    serializer_class = AuditSerializer

    def get_queryset(self) -> QuerySet[CodeAudit]:
        audits: QuerySet[CodeAudit] = self.authorizer.audits.all()
        return audits

    @extend_schema(
        summary=gettext_lazy("Submit the newest version for WeChat's review"),
        parameters=[APPID, KEY_HEADER],
        request=SubmitSerializer,
        responses={201: AuditSerializer, 202: AuditSerializer, **_TROUBLES},
    )
    @once
    def post(self, request: Request, appid: str) -> Response:
        fields = cast(Submission, self.take(SubmitSerializer))
        audit = submitting.submit(self.authorizer, by=request.user, fields=fields)
        lost = audit.status == CodeAudit.Status.UNKNOWN
        return Response(AuditSerializer(audit).data, _status(lost, HTTPStatus.CREATED))


class AuditRefresh(CodeView):
    to_act = "audits.view_codeaudit"

    @extend_schema(
        summary=gettext_lazy("Ask WeChat now how an audit stands"),
        parameters=[APPID, _AUDITID, KEY_HEADER],
        request=None,
        responses={200: AuditSerializer, **_TROUBLES},
    )
    @once
    def post(self, request: Request, appid: str, auditid: str) -> Response:
        audit = verdicts.refresh_audit(self.find_audit(), by=request.user)
        return Response(AuditSerializer(audit).data)


class AuditWithdraw(CodeView):
    to_act = "audits.submit_audit"

    @extend_schema(
        summary=gettext_lazy("Withdraw the open audit"),
        parameters=[APPID, _AUDITID, KEY_HEADER],
        request=None,
        responses={200: AuditSerializer, 202: AuditSerializer, **_TROUBLES},
    )
    @once
    def post(self, request: Request, appid: str, auditid: str) -> Response:
        audit = self.find_audit()
        if not audit.is_open:
            raise NothingOpen
        try:
            submitting.withdraw(self.authorizer, by=request.user)
        except NotSent:
            raise
        except Unreachable:  # polling will find out; until then nobody knows
            told = {**AuditSerializer(audit).data, "status": "unknown"}
            return Response(told, HTTPStatus.ACCEPTED)
        audit.refresh_from_db()
        return Response(AuditSerializer(audit).data)


class ReleaseView(CodeView):
    to_act = "audits.release_audit"

    @extend_schema(
        summary=gettext_lazy("Release the version whose audit has passed"),
        parameters=[APPID, KEY_HEADER],
        request=ReleaseRequestSerializer,
        responses={200: ReleaseSerializer, 202: ReleaseSerializer, **_TROUBLES},
    )
    @once
    def post(self, request: Request, appid: str) -> Response:
        asked = self.take(ReleaseRequestSerializer)
        return _done(releasing.release(self.authorizer, by=request.user, **asked))


class RevertView(CodeView):
    to_act = "audits.release_audit"

    @extend_schema(
        summary=gettext_lazy("Roll back to a version that was live before"),
        parameters=[APPID, KEY_HEADER],
        request=RevertSerializer,
        responses={200: ReleaseSerializer, 202: ReleaseSerializer, **_TROUBLES},
    )
    @once
    def post(self, request: Request, appid: str) -> Response:
        asked = self.take(RevertSerializer)
        return _done(releasing.revert(self.authorizer, by=request.user, **asked))


def _done(act: Release) -> Response:
    lost = act.state == Release.State.UNKNOWN
    return Response(ReleaseSerializer(act).data, _status(lost, HTTPStatus.OK))


def _status(lost: bool, done: HTTPStatus) -> HTTPStatus:
    """202 while nobody knows whether WeChat has done it."""
    return HTTPStatus.ACCEPTED if lost else done
