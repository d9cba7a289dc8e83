"""REST: users of mini programs: who logs in, what is encrypted for them, their phone numbers."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, READ_ERRORS, ConflictSerializer, InvalidSerializer
from api.fields import StrictSerializer
from api.views import APPID, SecretView
from miniprograms.models import Authorizer
from miniprograms.services.kinds import check_kind
from miniprograms.services.program_users import OtherWatermark, decrypt, find_phone_number, log_in
from wechat.user_data import Undecipherable

LONGEST_DATA = 64 * 1024


class CannotDecrypt(APIException):
    """NAME is the value that shows it, which is not repeated."""

    status_code = HTTPStatus.BAD_REQUEST
    default_code = "undecipherable"

    def __init__(self, name: str) -> None:
        detail = _(
            "%(name)s does not fit. A later login has another session_key, and a + in base64 must "
            "not become a blank."
        )
        super().__init__(detail % {"name": name})


class WrongWatermark(APIException):
    status_code = HTTPStatus.BAD_REQUEST
    default_code = "watermark_mismatch"
    default_detail = OtherWatermark.text


class UserCodeSerializer(StrictSerializer):
    code = serializers.CharField(max_length=512)


class UserSessionSerializer(serializers.Serializer[Any]):
    """`unionid` only where the mini program is bound to an Open Platform account."""

    openid = serializers.CharField()
    unionid = serializers.CharField(required=False)
    session_key = serializers.CharField()


class EncryptedSerializer(StrictSerializer):
    """What the front end was given, as it is: base64 each."""

    session_key = serializers.CharField(max_length=64)
    encrypted_data = serializers.CharField(max_length=LONGEST_DATA)
    iv = serializers.CharField(max_length=64)


class PhoneCodeSerializer(UserCodeSerializer):
    """`openid`, where it is known, has WeChat check that the code is this user's."""

    openid = serializers.CharField(max_length=64, required=False, default="")


class PhoneSerializer(serializers.Serializer[Any]):
    phone_number = serializers.CharField()
    pure_phone_number = serializers.CharField()
    country_code = serializers.CharField()


DECRYPTED = {
    "openId": "o…",
    "nickName": "Lin",
    "watermark": {"appid": "wx…", "timestamp": 1767254400},
}


class ProgramUserView(SecretView):
    """Of mini programs alone."""

    act_scope = "users:login"

    @property
    def program(self) -> Authorizer:
        """The mini program in the address. Raises OtherKind."""
        authorizer = self.authorizer
        check_kind(authorizer, Authorizer.Kind.MINI_PROGRAM)
        return authorizer


class LoginView(ProgramUserView):
    @extend_schema(
        summary=_("Log a user of a mini program in, by the code of wx.login"),
        description=_(
            "WeChat's jscode2session by the platform. A code is good once, for five minutes: 422 "
            "with WeChat's errcode 40029 (wrong or too old) or 40163 (used). The session_key is "
            "for your back end alone; `decrypt/` takes it. 409 `other_kind` for an official "
            "account, 409 `not_bound` where only the account's owner can help."
        ),
        parameters=[APPID],
        request=UserCodeSerializer,
        responses={200: UserSessionSerializer, **ACT_ERRORS},
    )
    def post(self, request: Request, appid: str) -> Response:
        program = self.program
        session = log_in(program, self.read_body(UserCodeSerializer)["code"])
        unionid = {"unionid": session.unionid} if session.unionid else {}
        return Response({"openid": session.openid, **unionid, "session_key": session.session_key})


class DecryptView(ProgramUserView):
    @extend_schema(
        summary=_("Decrypt what a mini program's front end was given"),
        description=_(
            "With the session_key of the user's newest login. The answer is the object as WeChat "
            "made it, once its watermark names this account. 400 `undecipherable` where the key "
            "does not open it, 400 `watermark_mismatch` where it was made for another account. "
            "WeChat is not asked, and nothing is kept."
        ),
        parameters=[APPID],
        request=EncryptedSerializer,
        examples=[OpenApiExample("answer", DECRYPTED, response_only=True, status_codes=[200])],
        responses={
            200: OpenApiTypes.OBJECT,
            **READ_ERRORS,
            400: InvalidSerializer,
            409: ConflictSerializer,
            503: ACT_ERRORS[503],
        },
    )
    def post(self, request: Request, appid: str) -> Response:
        program = self.program
        fields = self.read_body(EncryptedSerializer)
        try:
            content = decrypt(program, **fields)
        except Undecipherable as error:
            raise CannotDecrypt(error.name) from None
        except OtherWatermark:
            raise WrongWatermark from None
        return Response(content)


class PhoneNumberView(ProgramUserView):
    @extend_schema(
        summary=_("The phone number of a user who has pressed the button for it"),
        description=_(
            "By the code that the button gave (getPhoneNumber), which is good once, for five "
            "minutes from the press: 422 with 40029 afterwards. The account must have granted "
            "permission set 18."
        ),
        parameters=[APPID],
        request=PhoneCodeSerializer,
        responses={200: PhoneSerializer, **ACT_ERRORS},
    )
    def post(self, request: Request, appid: str) -> Response:
        program = self.program
        phone = find_phone_number(program, **self.read_body(PhoneCodeSerializer))
        return Response(
            {
                "phone_number": phone.number,
                "pure_phone_number": phone.pure_number,
                "country_code": phone.country_code,
            }
        )
