"""REST: what we know of the accounts that authorise us. No answer holds a secret."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from api.audits import AuditStateSerializer
from api.errors import LIST_ERRORS, ErrorSerializer, InvalidSerializer
from api.fields import UTCField
from api.permissions import MayLook
from api.views import APPID, NewestFirst
from audits.models import CodeAudit
from miniprograms.models import Authorizer, AuthorizerQuerySet


class PermissionSetSerializer(serializers.Serializer[Any]):
    """权限集"""

    id = serializers.IntegerField()
    name = serializers.CharField()


class TokenHealthSerializer(serializers.Serializer[Authorizer]):
    """Whether the authorizer token is fit for use; the token itself is told to nobody."""

    state = serializers.ChoiceField(["fresh", "expired", "none"], source="token_state")
    expires_at = UTCField(allow_null=True)


_ACCOUNT = ["appid", "user_name", "nick_name", "principal_name", "kind", "state", "account_status"]
_AUTHORISATION = ["verify_type_info", "func_info", "token", "authorized_at", "unauthorized_at"]


class AuthorizerSerializer(serializers.ModelSerializer[Authorizer]):
    func_info = PermissionSetSerializer(source="permission_sets", many=True)
    token = TokenHealthSerializer(source="*")
    authorized_at = UTCField(source="create_time", allow_null=True)
    unauthorized_at = UTCField(allow_null=True)
    updated_at = UTCField()
    audit = serializers.SerializerMethodField()

    class Meta:
        model = Authorizer
        fields = [*_ACCOUNT, *_AUTHORISATION, "updated_at", "audit"]
        read_only_fields = fields

    @extend_schema_field(AuditStateSerializer(allow_null=True))
    def get_audit(self, authorizer: Authorizer) -> dict[str, Any] | None:
        """The newest audit of its code; there is none before code is submitted through us."""
        newest: list[CodeAudit] = authorizer.newest_audits  # type: ignore[attr-defined]
        return AuditStateSerializer(newest[0]).data if newest else None


class AuthorizerFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Authorizer.Kind.choices)
    state = django_filters.ChoiceFilter(choices=Authorizer.State.choices)
    search = django_filters.CharFilter(
        method="find", max_length=200, label=_("An appid, an original id, or a part of a name.")
    )

    def find(self, rows: AuthorizerQuerySet, name: str, value: str) -> AuthorizerQuerySet:
        return rows.found_by(value)


_AUDIT_COLUMNS = ["authorizer_id", "auditid", "status", "reason", "create_time", "released_at"]


@extend_schema_view(
    list=extend_schema(
        summary=_("The accounts you may see, newest first"),
        responses={200: AuthorizerSerializer(many=True), 400: InvalidSerializer, **LIST_ERRORS},
    ),
    retrieve=extend_schema(
        summary=_("One account"),
        parameters=[APPID],
        responses={200: AuthorizerSerializer, 404: ErrorSerializer, **LIST_ERRORS},
    ),
)
class AuthorizerViewSet(ReadOnlyModelViewSet[Authorizer]):
    queryset = Authorizer.objects.none()
    serializer_class = AuthorizerSerializer
    permission_classes = [MayLook]
    pagination_class = NewestFirst
    filterset_class = AuthorizerFilter
    lookup_field = "appid"
    lookup_value_regex = "[0-9A-Za-z]+"

    def get_queryset(self) -> AuthorizerQuerySet:
        newest = CodeAudit.objects.newest_first().only(*_AUDIT_COLUMNS)[:1]
        rows = Authorizer.objects.visible_to(self.request.user).for_lists()
        return rows.prefetch_related(Prefetch("audits", newest, to_attr="newest_audits"))
