"""REST: a mini program's own values of ext.json."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import READ_ERRORS, ConflictSerializer, InvalidSerializer
from api.fields import ExtJsonField, StrictSerializer, UTCField
from api.views import APPID, CodeView
from audits.models import ExtValues
from audits.problems import BadExtJson
from audits.services.ext_values import check_own_values, save_values, values_of

PUT_ERRORS: dict[int, Any] = {**READ_ERRORS, 400: InvalidSerializer, 409: ConflictSerializer}


class ExtSerializer(StrictSerializer):
    """The mini program's own values, without those of templates and tags."""

    ext = ExtJsonField(help_text=gettext_lazy("What wx.getExtConfigSync gives; replaced whole."))
    members = ExtJsonField(
        required=False,
        help_text=gettext_lazy("Other members of ext.json, such as `window`; kept if left out."),
    )


class OwnValuesSerializer(serializers.Serializer[Any]):
    ext = serializers.DictField()
    members = serializers.DictField()
    version = serializers.IntegerField(help_text=gettext_lazy("0 if it never had any."))
    changed_at = UTCField(allow_null=True)
    changed_by = serializers.CharField(allow_null=True)


class ExtView(CodeView):
    read_scope = "code:read"
    act_scope = "settings:write"
    to_read = "audits.view_codeversion"
    to_act = "audits.edit_ext_values"
    merchants_may_read = True
    serializer_class = OwnValuesSerializer

    @extend_schema(
        summary=gettext_lazy("A mini program's own values of ext.json"),
        description=gettext_lazy(
            "Those of this mini program alone, without what lies below them: values of its "
            "template and of its tags."
        ),
        parameters=[APPID],
        responses={200: OwnValuesSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        return Response(_describe(values_of(self.authorizer)))

    @extend_schema(
        summary=gettext_lazy("Replace a mini program's own values of ext.json"),
        description=gettext_lazy(
            "They are sent from the next upload on. Values of the template and of tags lie below: "
            "objects are merged, lists replaced, null takes away what lies below."
        ),
        parameters=[APPID],
        request=ExtSerializer,
        responses={200: OwnValuesSerializer, **PUT_ERRORS},
    )
    def put(self, request: Request, appid: str) -> Response:
        fields = self.read_body(ExtSerializer)
        current = values_of(self.authorizer)
        others = _others(current) if "members" not in fields else fields["members"]
        values = {**others, "ext": fields["ext"]}
        try:
            check_own_values(self.authorizer, values)
            seen = current.pk if current else 0
            row = save_values(self.authorizer, values, by=request.user, seen=seen)
        except BadExtJson as error:
            raise ValidationError({"ext": error.problems}) from None
        return Response(_describe(row), HTTPStatus.OK)


def _others(row: ExtValues | None) -> dict[str, Any]:
    return {name: value for name, value in row.values.items() if name != "ext"} if row else {}


def _describe(row: ExtValues | None) -> dict[str, Any]:
    values = row.values if row else {}
    data = {
        "ext": values.get("ext", {}),
        "members": _others(row),
        "version": row.pk if row else 0,
        "changed_at": row.at if row else None,
        "changed_by": row.by.get_username() if row and row.by else None,
    }
    return dict(OwnValuesSerializer(data).data)
