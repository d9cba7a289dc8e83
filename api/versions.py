"""REST: the versions of a mini program's code, and uploading one."""

from http import HTTPStatus

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, READ_ERRORS, InvalidSerializer
from api.fields import LARGEST, ExtJsonField, StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, CodeView, act_response
from audits.models import CodeTemplate, CodeVersion
from audits.problems import BadExtJson
from audits.services import committing, templates
from platform_auth.errcodes import explain_errcode


class CommitSerializer(StrictSerializer):
    template_id = serializers.IntegerField(min_value=0, max_value=LARGEST)
    user_version = serializers.CharField(max_length=64)
    user_desc = serializers.CharField(max_length=500)
    ext_json = ExtJsonField(
        required=False,
        allow_null=True,
        help_text=gettext_lazy("Over the values that are kept for the mini program, this once."),
    )


_OUTCOME = ["status", "errcode", "explanation", "created_at"]


class VersionSerializer(serializers.ModelSerializer[CodeVersion]):
    template_id = serializers.IntegerField(source="template.template_id")
    status = serializers.ChoiceField(CodeVersion.State.choices, source="state")
    errcode = serializers.IntegerField(allow_null=True)
    explanation = serializers.SerializerMethodField()
    created_at = UTCField()

    class Meta:
        model = CodeVersion
        fields = ["id", "template_id", "user_version", "user_desc", *_OUTCOME]
        read_only_fields = fields

    def get_explanation(self, version: CodeVersion) -> str:
        """Why WeChat refused it and what to do, or ""."""
        return explain_errcode(version.errcode)


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The versions uploaded to a mini program, newest first"),
        description=gettext_lazy(
            "What was uploaded through the platform, with WeChat's answer; `explanation` says "
            "what to do about an errcode."
        ),
        parameters=[APPID],
        responses={200: VersionSerializer(many=True), 400: InvalidSerializer, **READ_ERRORS},
    )
)
class VersionList(CodeView, ListAPIView[CodeVersion]):
    read_scope = "code:read"
    act_scope = "code:write"
    queryset = CodeVersion.objects.none()
    to_read = "audits.view_codeversion"
    to_act = "audits.commit_version"
    serializer_class = VersionSerializer

    def get_queryset(self) -> QuerySet[CodeVersion]:
        versions: QuerySet[CodeVersion] = self.authorizer.versions.select_related("template")
        return versions.defer("ext_json")

    @extend_schema(
        summary=gettext_lazy("Upload a template to a mini program as its trial version"),
        description=gettext_lazy(
            "It becomes the mini program's trial version and can then be submitted; an older "
            "trial version is lost. ext.json is made of the values kept for the template, the "
            "tags and the mini program, with `ext_json` over them this once. 400 names what the "
            "template's schema refuses, 409 `commit_open` while another upload or submission "
            "runs. 202 with the status `unknown` where WeChat's answer was lost: the platform "
            "finds out."
        ),
        parameters=[APPID, KEY_HEADER],
        request=CommitSerializer,
        responses={201: VersionSerializer, 202: VersionSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        fields = self.read_body(CommitSerializer)
        ext = fields.pop("ext_json", None)
        template = self._find_template(fields.pop("template_id"))
        try:
            version = committing.commit_template(
                self.authorizer, template, ext=ext, by=request.user, **fields
            )
        except BadExtJson as error:
            raise ValidationError({"ext_json": [str(error)]}) from None
        is_lost = version.state == CodeVersion.State.UNKNOWN
        data = VersionSerializer(version).data
        return act_response(data, is_lost=is_lost, status=HTTPStatus.CREATED)

    def _find_template(self, template_id: int) -> CodeTemplate:
        """One that our mirror lacks may be new at WeChat, which is then asked."""
        component = self.authorizer.component
        rows = CodeTemplate.objects.filter(
            component=component, template_id=template_id, gone_at=None
        )
        template = rows.first()
        if template is None:
            templates.sync_templates(component)
            template = rows.first()
        if template is None:
            raise ValidationError({"template_id": [_("There is no such template.")]})
        return template
