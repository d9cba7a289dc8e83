"""REST: pages that use WeChat's JS-SDK, and cards, signed."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.clients import client_of
from api.errors import ASK_ERRORS, ConflictSerializer, InvalidSerializer
from api.fields import StrictSerializer
from api.views import APPID, HostNotAllowed, SecretView
from miniprograms.models import Authorizer
from miniprograms.services.kinds import check_kind
from miniprograms.services.page_hosts import check_page, is_listed
from miniprograms.services.signing import sign_card, sign_page

LONGEST_ADDRESS = 2000
LATEST = 2**32

URL = OpenApiParameter(
    "url",
    {"type": "string", "format": "uri", "maxLength": LONGEST_ADDRESS},
    required=True,
    description=_("The page's address as the browser has it; what follows a # is left out."),
)
NONCE = OpenApiParameter(
    "nonceStr",
    {"type": "string", "pattern": "^[0-9A-Za-z]{1,32}$"},
    description=_("Only if you want one of your own."),
)
TIMESTAMP = OpenApiParameter(
    "timestamp",
    {"type": "integer", "minimum": 1, "maximum": LATEST},
    description=_("Unix seconds, only if you want one of your own."),
)
_OF_CARD = {
    "card_id": _("Of the card; left out, the signature is for all of the account's."),
    "code": _("Of the one card that the user gets, where you give out the codes."),
    "openid": _("Of the only user who may take it."),
}


class SignedSerializer(StrictSerializer):
    nonceStr = serializers.RegexField(r"\A[0-9A-Za-z]{1,32}\Z", default="")  # noqa: N815 -- WeChat's
    timestamp = serializers.IntegerField(default=None, min_value=1, max_value=LATEST)


class SignedPageSerializer(SignedSerializer):
    url = serializers.CharField(max_length=LONGEST_ADDRESS)

    def validate_url(self, value: str) -> str:
        page = value.partition("#")[0]
        check_page(page)
        return page


class SignedCardSerializer(SignedSerializer):
    card_id = serializers.CharField(default="", max_length=64)
    code = serializers.CharField(default="", max_length=64)
    openid = serializers.CharField(default="", max_length=64)


class ConfigSerializer(serializers.Serializer[Any]):
    """What wx.config takes; `url` is what was signed."""

    appId = serializers.CharField()  # noqa: N815 -- WeChat's
    timestamp = serializers.IntegerField()
    nonceStr = serializers.CharField()  # noqa: N815 -- WeChat's
    signature = serializers.CharField()
    url = serializers.CharField()


class CardExtSerializer(serializers.Serializer[Any]):
    """cardExt of wx.addCard, as an object: it wants it as a text of JSON."""

    code = serializers.CharField(required=False)
    openid = serializers.CharField(required=False)
    timestamp = serializers.CharField()
    nonce_str = serializers.CharField()
    signature = serializers.CharField()


class CardSerializer(serializers.Serializer[Any]):
    card_id = serializers.CharField(allow_blank=True)
    card_ext = CardExtSerializer()


SIGNING_ERRORS: dict[int, Any] = {**ASK_ERRORS, 400: InvalidSerializer, 409: ConflictSerializer}


class SigningView(SecretView):
    read_scope = "jssdk:sign"

    def read_query(self, form: type[SignedSerializer]) -> dict[str, Any]:
        """What is to be signed, of an account that has tickets. Raises OtherKind."""
        check_kind(self.authorizer, Authorizer.Kind.OFFICIAL_ACCOUNT)
        filled = form(data=self.request.query_params.dict())
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)


class JssdkView(SigningView):
    @extend_schema(
        summary=_("What wx.config takes on a page of an official account"),
        description=_(
            "The platform keeps one jsapi_ticket of the account for all who ask, and asks WeChat "
            "for a new one in time. The page's host must be on the client's list (403 "
            "`host_not_allowed`), and at WeChat one of the platform's. A person's key has no list, "
            "so it is for clients. 409 `other_kind` for a mini program, 422 with 61007 where the "
            "account has not granted permission set 4."
        ),
        parameters=[APPID, URL, NONCE, TIMESTAMP],
        responses={200: ConfigSerializer, **SIGNING_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        page = self.read_query(SignedPageSerializer)
        client = client_of(request)
        if client is None or not is_listed(page["url"], client.redirect_hosts):
            raise HostNotAllowed
        signature = sign_page(
            self.authorizer, page["url"], nonce=page["nonceStr"], timestamp=page["timestamp"]
        )
        return Response(
            {
                "appId": appid,
                "timestamp": signature.timestamp,
                "nonceStr": signature.nonce,
                "signature": signature.value,
                "url": page["url"],
            }
        )


class CardView(SigningView):
    @extend_schema(
        summary=_("What wx.addCard takes for a card of an official account"),
        description=_(
            "Signed with the account's api_ticket, of which the platform keeps one for all. 422 "
            "with 61007 where the account has not granted permission set 8."
        ),
        parameters=[
            APPID,
            *(OpenApiParameter(name, str, description=text) for name, text in _OF_CARD.items()),
            NONCE,
            TIMESTAMP,
        ],
        responses={200: CardSerializer, **SIGNING_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        card = self.read_query(SignedCardSerializer)
        values = [card[name] for name in _OF_CARD if card[name]]
        signature = sign_card(
            self.authorizer, values, nonce=card["nonceStr"], timestamp=card["timestamp"]
        )
        ext = {name: card[name] for name in ("code", "openid") if card[name]}
        return Response(
            {
                "card_id": card["card_id"],
                "card_ext": {
                    **ext,
                    "timestamp": str(signature.timestamp),
                    "nonce_str": signature.nonce,
                    "signature": signature.value,
                },
            }
        )
