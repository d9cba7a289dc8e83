"""REST: users who log in on web pages of official accounts (网页授权)."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.clients import client_of
from api.errors import ACT_ERRORS, READ_ERRORS, ConflictSerializer, InvalidSerializer
from api.fields import StrictSerializer
from api.users import UserCodeSerializer
from api.views import APPID, HostNotAllowed, SecretView
from miniprograms.models import Authorizer
from miniprograms.services.kinds import check_kind
from miniprograms.services.page_hosts import check_page, is_listed, is_private
from miniprograms.services.web_logins import direct_url, find_user, is_free_for_us, relayed_url
from platform_auth.text_rules import ASCII_PAGE_RULES
from wechat.web_logins import BASE, SCOPES

LONGEST_STATE = 128  # bytes, which WeChat gives back
LONGEST_ADDRESS = 1000

REDIRECT_URI = OpenApiParameter(
    "redirect_uri",
    {"type": "string", "format": "uri", "maxLength": LONGEST_ADDRESS},
    required=True,
    description=_("A page of yours, over https, on a host of the client's list."),
)
SCOPE = OpenApiParameter(
    "scope",
    {"type": "string", "enum": list(SCOPES), "default": BASE},
    description=_("snsapi_base: the openid, unasked. snsapi_userinfo: the user is asked."),
)
STATE = OpenApiParameter(
    "state",
    {"type": "string", "maxLength": LONGEST_STATE},
    description=_("Comes back untouched: tie it to the user's session, and compare it."),
)
DIRECT = OpenApiParameter(
    "direct",
    {"type": "boolean", "default": False},
    description=_(
        "WeChat sends the user to redirect_uri itself, with a code of its own. The host must then "
        "be one of the platform's at WeChat, too."
    ),
)


class PageSerializer(StrictSerializer):
    redirect_uri = serializers.CharField(max_length=LONGEST_ADDRESS)
    scope = serializers.ChoiceField(SCOPES, default=BASE)
    state = serializers.CharField(
        default="", allow_blank=True, trim_whitespace=False, max_length=LONGEST_STATE
    )
    direct = serializers.BooleanField(default=False)

    def validate_redirect_uri(self, value: str) -> str:
        check_page(value, ASCII_PAGE_RULES)
        if not is_private(value):
            raise ValidationError(_("It must be over https."))
        if not is_free_for_us(value):
            raise ValidationError(
                _("Its query must have no code, state, error or errcode: these are added.")
            )
        return value

    def validate_state(self, value: str) -> str:
        if len(value.encode(errors="replace")) > LONGEST_STATE:
            raise ValidationError(_("At most 128 bytes; a Chinese character takes three."))
        if not value.isprintable():
            raise ValidationError(_("There are no control characters in it."))
        return value


class LoginAddressSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()


class WebProfileSerializer(serializers.Serializer[Any]):
    """By WeChat's names; what it does not tell is empty."""

    openid = serializers.CharField()
    nickname = serializers.CharField(allow_blank=True)
    sex = serializers.IntegerField()
    province = serializers.CharField(allow_blank=True)
    city = serializers.CharField(allow_blank=True)
    country = serializers.CharField(allow_blank=True)
    headimgurl = serializers.CharField(allow_blank=True)
    privilege = serializers.ListField(child=serializers.CharField())
    unionid = serializers.CharField(allow_blank=True)


class WebUserSerializer(serializers.Serializer[Any]):
    """
    `user` with scope snsapi_userinfo; `unionid` where the account is bound to an Open Platform
    account; `is_snapshot` where WeChat shows the page to nobody in particular, and the user is a
    made-up one: show them the page, and let them do nothing.
    """

    openid = serializers.CharField()
    scope = serializers.CharField()
    unionid = serializers.CharField(required=False)
    is_snapshot = serializers.BooleanField(required=False)
    user = WebProfileSerializer(required=False)


class OAuthUrlView(SecretView):
    read_scope = "users:login"

    @extend_schema(
        summary=_("WeChat's page on which a user of an official account logs in"),
        description=_(
            "Open it in WeChat. The user comes back to the platform and goes on to redirect_uri, "
            "with `code` and `state`; where they refused with `error=access_denied`, where WeChat "
            "fails with `error=server_error` or `temporarily_unavailable`. The code is the "
            "platform's own: good once, for two minutes, for this client and account, at "
            "`oauth/user/`. The address can be opened by any number of users. A host that is not "
            "on the client's list is 403 `host_not_allowed`; a person's key has no list, so it is "
            "for clients. 409 `other_kind` for a mini program."
        ),
        parameters=[APPID, REDIRECT_URI, SCOPE, STATE, DIRECT],
        responses={
            200: LoginAddressSerializer,
            **READ_ERRORS,
            400: InvalidSerializer,
            409: ConflictSerializer,
        },
    )
    def get(self, request: Request, appid: str) -> Response:
        account = self.authorizer
        check_kind(account, Authorizer.Kind.OFFICIAL_ACCOUNT)
        filled = PageSerializer(data=request.query_params.dict())
        filled.is_valid(raise_exception=True)
        page = dict(filled.validated_data)
        client, is_direct = client_of(request), page.pop("direct")
        if client is None or not is_listed(page["redirect_uri"], client.redirect_hosts):
            raise HostNotAllowed
        url = direct_url(account, **page) if is_direct else relayed_url(client, account, **page)
        return Response({"url": url})


class OAuthUserView(SecretView):
    act_scope = "users:login"

    @extend_schema(
        summary=_("Who has logged in, by the code that came to redirect_uri"),
        description=_(
            "409 `code_spent` for a code of the platform's that is used, too old, another client's "
            "or another account's. A code of WeChat's own, from `direct`, is taken as well: 422 "
            "with 40029 or 40163 where it is wrong or used. Where WeChat does not answer (502), "
            "the platform's code is still good."
        ),
        parameters=[APPID],
        request=UserCodeSerializer,
        responses={200: WebUserSerializer, **ACT_ERRORS},
    )
    def post(self, request: Request, appid: str) -> Response:
        account = self.authorizer
        check_kind(account, Authorizer.Kind.OFFICIAL_ACCOUNT)
        code = self.read_body(UserCodeSerializer)["code"]
        return Response(find_user(client_of(request), account, code))
