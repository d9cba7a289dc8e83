"""REST: what we know of the accounts that authorise us. No answer holds a secret."""

from datetime import UTC
from typing import Any

import django_filters
from django.db.models import Prefetch, Q
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from api.auth import ErrorSerializer, InvalidSerializer
from audits.models import CodeAudit
from miniprograms.models import Authorizer, AuthorizerQuerySet


class UTCField(serializers.DateTimeField):
    """A time in UTC, to the second, ending in Z."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M:%SZ", default_timezone=UTC, **kwargs)


class PermissionSetSerializer(serializers.Serializer[Any]):
    """权限集"""

    id = serializers.IntegerField()
    name = serializers.CharField()


class TokenHealthSerializer(serializers.Serializer[Authorizer]):
    """Whether the authorizer token is fit for use; the token itself is told to nobody."""

    state = serializers.ChoiceField(["fresh", "expired", "none"], source="token_state")
    expires_at = UTCField(allow_null=True)


AUDIT_WORDS = [*(status.name.lower() for status in CodeAudit.Status), "released"]


class AuditStateSerializer(serializers.ModelSerializer[CodeAudit]):
    """How WeChat's review of a version stands."""

    status = serializers.ChoiceField(AUDIT_WORDS, source="word")
    submitted_at = UTCField(source="create_time")

    class Meta:
        model = CodeAudit
        fields = ["auditid", "status", "reason", "submitted_at"]
        read_only_fields = fields


class AuthorizerSerializer(serializers.ModelSerializer[Authorizer]):
    func_info = PermissionSetSerializer(source="permission_sets", many=True)
    token = TokenHealthSerializer(source="*")
    authorized_at = UTCField(source="create_time", allow_null=True)
    unauthorized_at = UTCField(allow_null=True)
    updated_at = UTCField()
    audit = serializers.SerializerMethodField()

    class Meta:
        model = Authorizer
        fields = [
            "appid",
            "user_name",
            "nick_name",
            "principal_name",
            "kind",
            "state",
            "account_status",
            "verify_type_info",
            "func_info",
            "token",
            "authorized_at",
            "unauthorized_at",
            "updated_at",
            "audit",
        ]
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
        method="find", label=_("An appid, an original id, or how a name begins.")
    )

    def find(self, rows: AuthorizerQuerySet, name: str, value: str) -> AuthorizerQuerySet:
        """Each of these has an index; a name's middle has none and would take a second."""
        return rows.filter(Q(appid=value) | Q(user_name=value) | Q(nick_name__startswith=value))


class NewestFirst(CursorPagination):
    """Pages by cursor: the thousandth costs as much as the first."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class MayLook(IsAuthenticated):
    """Merchants may look at their own; staff only with the permission to look at authorizers."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        is_known = super().has_permission(request, view)
        return is_known and (not user.is_staff or user.has_perm("miniprograms.view_authorizer"))


# What an answer is made of. The columns that hold secrets stay in the database.
_COLUMNS = [
    *("appid", "user_name", "nick_name", "principal_name", "kind", "state", "account_status"),
    *("verify_type_info", "func_info", "expires", "create_time", "unauthorized_at", "updated_at"),
]
_AUDIT_COLUMNS = [
    *("authorizer_id", "auditid", "status", "reason", "create_time", "released_at"),
]
_ERRORS = {401: ErrorSerializer, 403: ErrorSerializer, 429: ErrorSerializer}


@extend_schema_view(
    list=extend_schema(
        summary=_("The accounts you may see, newest first"),
        responses={200: AuthorizerSerializer(many=True), 400: InvalidSerializer, **_ERRORS},
    ),
    retrieve=extend_schema(
        summary=_("One account"),
        parameters=[OpenApiParameter("appid", str, OpenApiParameter.PATH, description="wx…")],
        responses={200: AuthorizerSerializer, 404: ErrorSerializer, **_ERRORS},
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
        """The rows this key may see."""
        newest = CodeAudit.objects.newest_first().only(*_AUDIT_COLUMNS)[:1]
        rows = Authorizer.objects.visible_to(self.request.user).only(*_COLUMNS)
        return rows.prefetch_related(Prefetch("audits", newest, to_attr="newest_audits"))
