"""REST: what we know of the accounts that authorise us. No answer holds a secret."""

from typing import Any

import django_filters
from django.db.models import Prefetch
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.viewsets import ReadOnlyModelViewSet

from api.audits import AuditStateSerializer
from api.clients import accounts_of
from api.errors import LIST_ERRORS, ErrorSerializer, InvalidSerializer
from api.fields import TOKEN_STATES, UTCField
from api.permissions import MayLook
from api.views import APPID, NewestFirst
from audits.models import CodeAudit
from miniprograms.models import Authorizer, AuthorizerQuerySet


class PermissionSetSerializer(serializers.Serializer[Any]):
    """权限集"""

    id = serializers.IntegerField()
    name = serializers.CharField()


class MissingPermissionSerializer(serializers.Serializer[Any]):
    """A function of the platform's for which the account has granted no permission set."""

    code = serializers.CharField()
    name = serializers.CharField()
    sets = PermissionSetSerializer(
        source="set_list", many=True, help_text=_("Any one of them would do.")
    )


class TokenHealthSerializer(serializers.Serializer[Authorizer]):
    """Whether the authorizer token is fit for use; the token itself is told to nobody."""

    state = serializers.ChoiceField(TOKEN_STATES, source="token_state")
    expires_at = UTCField(allow_null=True)


_ACCOUNT = ["appid", "user_name", "nick_name", "principal_name", "kind", "state", "account_status"]
_PERMISSIONS = ["func_info", "missing_permissions"]
_AUTHORISATION = ["verify_type_info", *_PERMISSIONS, "token", "authorized_at", "unauthorized_at"]


class AuthorizerSerializer(serializers.ModelSerializer[Authorizer]):
    func_info = PermissionSetSerializer(source="permission_sets", many=True)
    missing_permissions = MissingPermissionSerializer(
        source="lacking_needs",
        many=True,
        help_text=_("What its owner must authorise anew before we can do it."),
    )
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


MOST_APPIDS = 100
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description=_("The ETag of an answer that you keep: 304 while nothing has changed."),
)


class AuthorizerFilter(django_filters.FilterSet):
    appids = django_filters.CharFilter(
        method="pick", label=_("Up to 100 appids, with commas between them.")
    )
    updated_since = django_filters.IsoDateTimeFilter(
        field_name="updated_at", lookup_expr="gte", label=_("What has changed since then.")
    )
    kind = django_filters.ChoiceFilter(choices=Authorizer.Kind.choices)
    state = django_filters.ChoiceFilter(choices=Authorizer.State.choices)
    search = django_filters.CharFilter(
        method="find", max_length=200, label=_("An appid, an original id, or a part of a name.")
    )

    def pick(self, rows: AuthorizerQuerySet, name: str, value: str) -> AuthorizerQuerySet:
        appids = value.split(",")
        if len(appids) > MOST_APPIDS:
            raise ValidationError({name: [_("At most %(most)d.") % {"most": MOST_APPIDS}]})
        return rows.filter(appid__in=appids)

    def find(self, rows: AuthorizerQuerySet, name: str, value: str) -> AuthorizerQuerySet:
        return rows.found_by(value)


_AUDIT_COLUMNS = ["authorizer_id", "auditid", "status", "reason", "create_time", "released_at"]


@extend_schema_view(
    list=extend_schema(
        summary=_("The accounts you may see, newest first"),
        description=_(
            "All that the owner of the key may see, unbound ones too, in pages. Whoever keeps a "
            "copy asks with `updated_since`, or sends the ETag of the last answer as "
            "`If-None-Match`. A value that a filter does not know is 400."
        ),
        parameters=[IF_NONE_MATCH],
        responses={
            200: AuthorizerSerializer(many=True),
            304: None,
            400: InvalidSerializer,
            **LIST_ERRORS,
        },
    ),
    retrieve=extend_schema(
        summary=_("One account"),
        description=_(
            "Its state, how its authorisation and token stand, and its newest audit. An account "
            "of somebody else's is 404, as one that does not exist."
        ),
        parameters=[APPID, IF_NONE_MATCH],
        responses={200: AuthorizerSerializer, 304: None, 404: ErrorSerializer, **LIST_ERRORS},
    ),
)
@method_decorator(conditional_page, name="dispatch")
class AuthorizerViewSet(ReadOnlyModelViewSet[Authorizer]):
    read_scope = "authorizers:read"
    queryset = Authorizer.objects.none()
    serializer_class = AuthorizerSerializer
    permission_classes = [MayLook]
    pagination_class = NewestFirst
    filterset_class = AuthorizerFilter
    lookup_field = "appid"
    lookup_value_regex = "[0-9A-Za-z]+"

    def get_queryset(self) -> AuthorizerQuerySet:
        newest = CodeAudit.objects.newest_first().only(*_AUDIT_COLUMNS)[:1]
        rows = accounts_of(self.request).for_lists()
        return rows.prefetch_related(Prefetch("audits", newest, to_attr="newest_audits"))
