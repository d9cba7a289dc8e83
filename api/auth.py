"""Keys to the REST API: made from a password, revoked by themselves."""

from datetime import UTC
from typing import Any, cast

from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from api.clients import PersonAuthentication
from api.errors import ErrorSerializer, InvalidSerializer
from platform_auth.logins.agents import describe_agent
from platform_auth.logins.keys import make_key, revoke_key
from platform_auth.logins.second_factor import factor_of, is_wanting, verify_code


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False)
    code = serializers.CharField(
        required=False,
        max_length=40,
        help_text=gettext_lazy("Of the second factor, for staff who have set one up."),
    )
    name = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=60,
        help_text=gettext_lazy(
            "What the key is called on the page of the person's keys, such as the program that it "
            "is for; without one, what the program calls itself (`User-Agent`)."
        ),
    )


class KeySerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField(default_timezone=UTC)


class BasicHeader(BasicAuthentication):
    """Reads HTTP Basic and believes nothing: the check is the same for both ways, and throttled."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        return {"username": userid, "password": password}, None


class TokenView(APIView):
    """Keys to this API: `Authorization: Token …`."""

    permission_classes = [AllowAny]

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if self._is_login else [PersonAuthentication()]

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self._is_login else [IsAuthenticated()]

    def get_throttles(self) -> list[BaseThrottle]:
        """A login is counted by the one policy that all our doors share."""
        return [] if self._is_login else super().get_throttles()[:1]

    def get_authenticate_header(self, request: Request) -> str:
        if self._is_login:
            return 'Basic realm="api"'
        return super().get_authenticate_header(request)

    @property
    def _is_login(self) -> bool:
        """Whether a key is being made; an old one in the header then neither helps nor hurts."""
        return self.request is not None and self.request.method == "POST"

    @extend_schema(
        summary=gettext_lazy("Make a key from a username and a password, as JSON or by HTTP Basic"),
        description=gettext_lazy(
            "For somebody at a terminal; another back end uses the key of a client, which staff "
            "make. The key is good for ten hours, and ends sooner with the password, the account "
            "or a right that is taken away. A person has at most ten: one more ends the oldest. "
            "Staff with a second factor send its code, too. Wrong passwords are counted over all "
            "doors: 429 says when to try again."
        ),
        request=CredentialsSerializer,
        responses={
            200: KeySerializer,
            400: InvalidSerializer,
            401: ErrorSerializer,
            429: ErrorSerializer,
            503: ErrorSerializer,
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        basic = BasicHeader().authenticate(request)
        form = CredentialsSerializer(data=_with_body(basic[0], request) if basic else request.data)
        form.is_valid(raise_exception=True)
        words = dict(form.validated_data)
        code, name = words.pop("code", ""), words.pop("name", "")
        user = authenticate(request._request, **words)
        if user is None:
            raise AuthenticationFailed(_("Invalid username/password."))
        _check_second_factor(user, code)
        key, token = make_key(user, name or describe_agent(request.headers.get("User-Agent", "")))
        return Response(KeySerializer({"token": token, "expiry": key.expiry}).data)

    @extend_schema(
        summary=gettext_lazy("Revoke the key that this request is sent with"),
        description=gettext_lazy(
            "It is dead at once; the person's other keys live on. A client's key is not revoked "
            "here but by staff or its owner, on their pages."
        ),
        request=None,
        responses={204: None, 401: ErrorSerializer},
    )
    def delete(self, request: Request) -> Response:
        revoke_key(cast(AuthToken, request.auth))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _with_body(credentials: dict[str, str], request: Request) -> dict[str, str]:
    """What came by HTTP Basic, with the code and the name that only the body can hold."""
    is_json = request.content_type == "application/json"
    body = request.data if is_json and isinstance(request.data, dict) else {}
    return {**credentials, **{word: body[word] for word in ("code", "name") if word in body}}


def _check_second_factor(user: AbstractBaseUser, code: str) -> None:
    if is_wanting(user):
        detail = _("Set up the second factor in the staff pages first.")
        raise AuthenticationFailed(detail, code="second_factor_missing")
    if factor_of(user) is None:
        return
    if not code:
        raise AuthenticationFailed(_("A code is needed, too."), code="second_factor_needed")
    if verify_code(user, code) is None:
        raise AuthenticationFailed(_("The code is wrong."), code="second_factor_wrong")
