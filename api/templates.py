"""REST: the code templates that versions are uploaded from."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from api.errors import READ_ERRORS, InvalidSerializer
from api.fields import UTCField
from api.views import CodeView
from audits.models import CodeTemplate
from wechat.code_templates import STANDARD_TEMPLATE

_VERSION = ["template_id", "component", "type", "user_version", "user_desc"]
_ORIGIN = ["source_appid", "source_name", "developer", "notes", "created_at"]


class TemplateSerializer(serializers.ModelSerializer[CodeTemplate]):
    component = serializers.CharField(source="component.appid")
    type = serializers.SerializerMethodField()
    created_at = UTCField(allow_null=True)

    class Meta:
        model = CodeTemplate
        fields = [*_VERSION, *_ORIGIN]
        read_only_fields = fields

    def get_type(self, template: CodeTemplate) -> str:
        """`ordinary`, or `standard`: WeChat has reviewed it and takes little in its ext.json."""
        is_standard = template.template_type == STANDARD_TEMPLATE
        return "standard" if is_standard else "ordinary"


@extend_schema_view(
    get=extend_schema(
        summary=_("The code templates, newest first"),
        description=_(
            "Those that WeChat's library holds, as it was read last; one that is not listed yet "
            "can be uploaded all the same, since WeChat is asked then."
        ),
        responses={200: TemplateSerializer(many=True), 400: InvalidSerializer, **READ_ERRORS},
    )
)
class TemplateList(CodeView, ListAPIView[CodeTemplate]):
    read_scope = "code:read"
    queryset = CodeTemplate.objects.none()
    to_read = "audits.view_codetemplate"
    serializer_class = TemplateSerializer

    def get_queryset(self) -> QuerySet[CodeTemplate]:
        return CodeTemplate.objects.filter(gone_at=None).select_related("component")
