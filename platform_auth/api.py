"""Keys to the REST API: made from a password, revoked by themselves."""

from typing import Any

from django.contrib.auth import authenticate
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle, ScopedRateThrottle
from rest_framework.views import APIView


class ErrorSerializer(serializers.Serializer[Any]):
    """What every error looks like."""

    code = serializers.CharField()
    detail = serializers.CharField()
    request_id = serializers.CharField()


class InvalidSerializer(ErrorSerializer):
    """An error about what was sent, field by field."""

    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False)


class KeySerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField()


class BasicHeader(BasicAuthentication):
    """Reads HTTP Basic and believes nothing: checking is the same for both ways, and throttled."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        return {"username": userid, "password": password}, None


class TokenView(APIView):
    """POST makes a key from a username and a password, DELETE revokes the key it is sent with."""

    throttle_scope = "login"

    def get_authenticators(self) -> list[BaseAuthentication]:
        is_login = self.request is not None and self.request.method == "POST"
        return [] if is_login else [TokenAuthentication()]

    def get_authenticate_header(self, request: Request) -> str:
        if request.method == "POST":
            return BasicHeader().authenticate_header(request)
        return super().get_authenticate_header(request)
