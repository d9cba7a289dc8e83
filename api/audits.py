"""REST: WeChat's reviews of a mini program's code. Staff act, merchants read their own."""

from http import HTTPStatus

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, READ_ERRORS, InvalidSerializer
from api.fields import LARGEST, StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, CodeView, act_response
from audits.models import CodeAudit
from audits.problems import BadSubmission, NoOpenAudit
from audits.services import submitting, verdicts
from platform_auth.errcodes import explain_errcode
from wechat.errors import NotSent, Unreachable

AUDITID = OpenApiParameter("auditid", str, OpenApiParameter.PATH)
AUDIT_WORDS = [*(status.name.lower() for status in CodeAudit.Status), "released"]


class ItemSerializer(StrictSerializer):
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


class PreviewSerializer(StrictSerializer):
    """Media ids of films and pictures."""

    video_id_list = serializers.ListField(child=serializers.CharField(), required=False)
    pic_id_list = serializers.ListField(child=serializers.CharField(), required=False)


class UgcSerializer(StrictSerializer):
    """What users publish, and who watches over it."""

    scene = serializers.ListField(child=serializers.IntegerField(), required=False)
    method = serializers.ListField(child=serializers.IntegerField(), required=False)
    other_scene_desc = serializers.CharField(required=False, max_length=256)
    has_audit_team = serializers.IntegerField(required=False, min_value=0, max_value=1)
    audit_desc = serializers.CharField(required=False, max_length=256)


class FileIdsField(serializers.ListField):
    """Keys of files that are kept here."""

    child = serializers.IntegerField(min_value=1, max_value=LARGEST)


class SubmissionSerializer(StrictSerializer):
    """What can be kept as well: fields of submit_audit, by WeChat's names, and files kept here."""

    version_desc = serializers.CharField(required=False, max_length=500)
    feedback_info = serializers.CharField(required=False, max_length=200)
    ugc_declare = UgcSerializer(required=False)
    privacy_api_not_use = serializers.BooleanField(required=False)
    order_path = serializers.CharField(required=False, max_length=200)
    preview_files = FileIdsField(
        required=False, max_length=10, help_text=_("Pictures and films, uploaded here before.")
    )
    feedback_files = FileIdsField(
        required=False, max_length=5, help_text=_("Go with the answer to a rejection.")
    )


class SubmitSerializer(SubmissionSerializer):
    """The fields of one submission, over what is kept for the template and the mini program."""

    item_list = serializers.ListField(child=ItemSerializer(), required=False, max_length=5)
    preview_info = PreviewSerializer(required=False)
    version_desc = serializers.CharField(required=False)
    feedback_stuff = serializers.CharField(required=False)
    order_path = serializers.CharField(required=False)
    despite_preflight = serializers.CharField(
        required=False,
        max_length=500,
        help_text=_("Why it is submitted though WeChat would refuse it; takes a right of its own."),
    )


class AuditStateSerializer(serializers.ModelSerializer[CodeAudit]):
    """How WeChat's review of a version stands."""

    status = serializers.ChoiceField(AUDIT_WORDS, source="word")
    submitted_at = UTCField(source="create_time")

    class Meta:
        model = CodeAudit
        fields = ["auditid", "status", "reason", "submitted_at"]
        read_only_fields = fields


_OUTCOME = ["user_version", "errcode", "explanation", "decided_at", "released_at"]


class AuditSerializer(AuditStateSerializer):
    errcode = serializers.IntegerField(allow_null=True)
    explanation = serializers.SerializerMethodField()
    decided_at = UTCField(allow_null=True)
    released_at = UTCField(allow_null=True)

    class Meta(AuditStateSerializer.Meta):
        fields = [*AuditStateSerializer.Meta.fields, *_OUTCOME]
        read_only_fields = fields

    def get_explanation(self, audit: CodeAudit) -> str:
        """Why WeChat would not take the submission and what to do, or ""."""
        return explain_errcode(audit.errcode)


@extend_schema_view(
    get=extend_schema(
        summary=_("The audits of a mini program, newest first"),
        description=_(
            "As the platform knows them: by WeChat's pushes, and by asking where one is late. A "
            "rejection's `reason` is WeChat's own text; `explanation` says what to do about an "
            "errcode."
        ),
        parameters=[APPID],
        responses={200: AuditSerializer(many=True), 400: InvalidSerializer, **READ_ERRORS},
    )
)
class AuditList(CodeView, ListAPIView[CodeAudit]):
    read_scope = "code:read"
    act_scope = "code:write"
    queryset = CodeAudit.objects.none()
    to_act = "audits.submit_audit"
    merchants_may_read = True
    serializer_class = AuditSerializer

    def get_queryset(self) -> QuerySet[CodeAudit]:
        audits: QuerySet[CodeAudit] = self.authorizer.audits.all()
        return audits

    @extend_schema(
        summary=_("Submit the newest version for WeChat's review"),
        description=_(
            "What is sent lies over the profiles that are kept for the mini program and its "
            "template, so an empty object is the usual body. Before WeChat is asked, the "
            "preflight holds back what it would refuse (409 `preflight_failed`, no quota is "
            "spent). One audit may be open at a time: 409 `audit_open` names it. 202 with the "
            "status `unknown` where WeChat's answer was lost: the platform finds out, so do not "
            "submit again, but look."
        ),
        parameters=[APPID, KEY_HEADER],
        request=SubmitSerializer,
        responses={201: AuditSerializer, 202: AuditSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        body = self.read_body(SubmitSerializer)
        despite = body.pop("despite_preflight", "")
        try:
            audit = submitting.submit_newest_version(
                self.authorizer, by=request.user, fields=body, despite=despite
            )
        except BadSubmission as error:
            raise ValidationError(str(error)) from None
        is_lost = audit.status == CodeAudit.Status.UNKNOWN
        data = AuditSerializer(audit).data
        return act_response(data, is_lost=is_lost, status=HTTPStatus.CREATED)


class AuditRefresh(CodeView):
    act_scope = "code:read"
    to_act = "audits.view_codeaudit"

    @extend_schema(
        summary=_("Ask WeChat now how an audit stands"),
        description=_(
            "Usually not needed: WeChat's pushes are heard, and audits that are long open are "
            "asked about. 422 where WeChat does not know the audit any more."
        ),
        parameters=[APPID, AUDITID, KEY_HEADER],
        request=None,
        responses={200: AuditSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str, auditid: str) -> Response:
        audit = verdicts.refresh_audit(_find_audit(self), by=request.user)
        return Response(AuditSerializer(audit).data)


class AuditWithdraw(CodeView):
    act_scope = "code:write"
    to_act = "audits.submit_audit"

    @extend_schema(
        summary=_("Withdraw the open audit"),
        description=_(
            "WeChat allows it five times a day and ten times a month: 422 beyond that. 409 "
            "`no_open_audit` where the verdict was sooner. 202 with the status `unknown` where "
            "WeChat's answer was lost."
        ),
        parameters=[APPID, AUDITID, KEY_HEADER],
        request=None,
        responses={200: AuditSerializer, 202: AuditSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str, auditid: str) -> Response:
        audit = _find_audit(self)
        if not audit.is_open:
            raise NoOpenAudit
        try:
            submitting.withdraw_open_audit(self.authorizer, by=request.user)
        except NotSent:
            raise
        except Unreachable:  # polling will find out; until then nobody knows
            unknown = {**AuditSerializer(audit).data, "status": "unknown"}
            return act_response(unknown, is_lost=True)
        audit.refresh_from_db()
        return Response(AuditSerializer(audit).data)


def _find_audit(view: CodeView) -> CodeAudit:
    """The audit in the address of VIEW: the newest of its number."""
    audits = view.authorizer.audits.filter(auditid=view.kwargs["auditid"]).newest_first()
    audit: CodeAudit | None = audits.first()
    if audit is None:
        raise Http404
    return audit
