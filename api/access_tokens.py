"""REST: access tokens, for back ends that call WeChat themselves."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import READ_ERRORS, ConflictSerializer, ErrorSerializer, InvalidSerializer
from api.fields import StrictSerializer, UTCField
from api.permissions import MayLook
from api.views import APPID, AccountView
from miniprograms.services.lending import MOST_SECONDS, lend_token
from platform_auth.client_models import TOKENS_READ

SECONDS = OpenApiParameter(
    "min_seconds",
    {"type": "integer", "minimum": 0, "maximum": MOST_SECONDS, "default": 0},
    description=_("How long the token must be good for at least."),
)


class SecondsSerializer(StrictSerializer):
    min_seconds = serializers.IntegerField(default=0, min_value=0, max_value=MOST_SECONDS)


class AccessTokenSerializer(serializers.Serializer[Any]):
    """Keep it no longer than `expires_in`, and ask again rather than refresh it yourselves."""

    access_token = serializers.CharField(source="token")
    expires_at = UTCField()
    expires_in = serializers.IntegerField(source="seconds")


class AccessTokenView(AccountView):
    permission_classes = [MayLook]
    read_scope = TOKENS_READ

    @extend_schema(
        summary=_("The account's access token, refreshed in time for everybody at once"),
        description=_(
            "Each reading is in the operation log. 409 `not_bound` where only the account's owner "
            "can help; 503 while WeChat gives no token."
        ),
        parameters=[APPID, SECONDS],
        responses={
            200: AccessTokenSerializer,
            **READ_ERRORS,
            400: InvalidSerializer,
            409: ConflictSerializer,
            503: ErrorSerializer,
        },
    )
    def get(self, request: Request, appid: str) -> Response:
        filled = SecondsSerializer(data=request.query_params.dict())
        filled.is_valid(raise_exception=True)
        lent = lend_token(
            self.authorizer, seconds=filled.validated_data["min_seconds"], by=request.user
        )
        data = AccessTokenSerializer(lent).data
        return Response(data, headers={"Cache-Control": "no-store"})
