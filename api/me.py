"""REST: whose key it is, and what it may do."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from api.clients import ANY_SCOPE, client_of, has_scope
from api.errors import LIST_ERRORS
from api.fields import UTCField
from api.permissions import MayAsk
from platform_auth.client_models import SCOPES

CLIENT, PERSON = "client", "person"


class MeSerializer(serializers.Serializer[Any]):
    """The client or person of a key. No accounts are named where all may be seen."""

    kind = serializers.ChoiceField([CLIENT, PERSON])
    name = serializers.CharField()
    owner = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(list(SCOPES)))
    appids = serializers.ListField(child=serializers.CharField())
    expiry = UTCField(allow_null=True, help_text=_("null: it does not expire."))
    rate = serializers.IntegerField(help_text=_("Requests a minute."))


class MeView(APIView):
    read_scope = ANY_SCOPE
    permission_classes = [MayAsk]

    @extend_schema(
        summary=_("Whose key this is, and what it may do"),
        description=_(
            "For a program that starts: whether its key is alive, until when, which scopes and "
            "accounts it has, and how many requests a minute it may send. No accounts are named "
            "where all that its owner sees may be asked for."
        ),
        responses={200: MeSerializer, **LIST_ERRORS},
    )
    def get(self, request: Request) -> Response:
        client, name = client_of(request), request.user.get_username()
        about = {
            "kind": CLIENT if client else PERSON,
            "name": client.name if client else name,
            "owner": name,
            "scopes": [scope for scope in SCOPES if has_scope(request, scope)],
            "appids": client.appids if client else [],
            "expiry": client.expires_at if client else request.auth.expiry,  # type: ignore[union-attr]
            "rate": client.rate if client else _rate_of_people(),
        }
        return Response(MeSerializer(about).data)


def _rate_of_people() -> int:
    return int(str(api_settings.DEFAULT_THROTTLE_RATES["user"]).partition("/")[0])
