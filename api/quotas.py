"""REST: what is left of WeChat's quota of calls, counting anew, and what became of one call."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, ASK_ERRORS, InvalidSerializer
from api.fields import StrictSerializer
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, CodeView
from miniprograms.services.call_quotas import call_of, clear_quota, quota_of, resets_left
from platform_auth.text_rules import TextRule, as_long_as, broken_rules, made_of

_PATTERN = r"/[A-Za-z0-9_./-]{1,200}"
PATH = OpenApiParameter(
    "path",
    {"type": "string", "pattern": f"^{_PATTERN}$"},
    required=True,
    description=_("A path of WeChat's API, such as /wxa/get_page."),
)
RID = OpenApiParameter(
    "rid",
    {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    OpenApiParameter.PATH,
    description=_("As it stands at the end of WeChat's errmsg."),
)
OF_APPID = OpenApiParameter("appid", str, required=True, description=_("Whose call it was."))
GET_ERRORS: dict[int, Any] = {**ASK_ERRORS, 400: InvalidSerializer}
_RULES = (
    TextRule(_("A path begins with /."), lambda text: text.startswith("/")),
    TextRule(_("A path has no query."), lambda text: "?" not in text),
    made_of("0-9A-Za-z_./?-", _("A path has letters, digits and _./- only; here is: %(odd)s")),
    as_long_as(2, 201, _("A path has 2 to 201 characters; this has %(length)d.")),
)


class RateSerializer(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    seconds = serializers.IntegerField()


class QuotaSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    daily_limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField(allow_null=True)
    remain = serializers.IntegerField(allow_null=True)
    rates = RateSerializer(many=True)
    resets_left = serializers.IntegerField(
        help_text=_("How often the counters may still be reset this month, as far as we know.")
    )


class ClearSerializer(StrictSerializer):
    """Why the counters start anew; kept in the operation log."""

    reason = serializers.CharField(max_length=200)


class ClearedSerializer(serializers.Serializer[Any]):
    resets_left = serializers.IntegerField()


class CallSerializer(serializers.Serializer[Any]):
    invoked_at = serializers.IntegerField(allow_null=True, help_text=_("Unix seconds."))
    milliseconds = serializers.IntegerField(allow_null=True)
    request_url = serializers.CharField()
    request_body = serializers.CharField()
    response_body = serializers.CharField()
    client_ip = serializers.CharField()


class QuotaView(CodeView):
    read_scope = "authorizers:read"
    to_read = "miniprograms.view_authorizer"
    serializer_class = QuotaSerializer

    @extend_schema(
        summary=_("What is left today of the calls of one path of WeChat's API"),
        description=_(
            "WeChat counts them for each account and path, until midnight in China. `rates` are "
            "its limits of shorter times. null where WeChat does not tell."
        ),
        parameters=[APPID, PATH],
        responses={200: QuotaSerializer, **GET_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        path = request.query_params.get("path", "")
        if broken := broken_rules(path, _RULES):
            raise ValidationError({"path": broken})
        quota = quota_of(self.authorizer, path)
        return Response(
            {
                "path": path,
                "daily_limit": quota.daily_limit,
                "used": quota.used,
                "remain": quota.remain,
                "rates": [{"calls": calls, "seconds": seconds} for calls, seconds in quota.rates],
                "resets_left": resets_left(appid),
            }
        )


class QuotaClear(CodeView):
    act_scope = "quota:clear"
    to_act = "miniprograms.clear_quota"

    @extend_schema(
        summary=_("Let WeChat count the calls of an account anew, ten times a month"),
        description=_(
            "For all paths of the account at once. The reason is kept in the operation log. 409 "
            "`no_reset_left` where the month's ten are used up as far as the platform knows."
        ),
        parameters=[APPID, KEY_HEADER],
        request=ClearSerializer,
        responses={200: ClearedSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        fields = self.read_body(ClearSerializer)
        left = clear_quota(self.authorizer, fields["reason"], by=request.user)
        return Response({"resets_left": left})


class CallView(CodeView):
    read_scope = "authorizers:read"
    to_read = "miniprograms.view_authorizer"
    serializer_class = CallSerializer

    @extend_schema(
        summary=_("What WeChat has seen of a call that failed"),
        description=_("By the rid at the end of its errmsg, within a week. Tokens are masked."),
        parameters=[RID, OF_APPID],
        responses={200: CallSerializer, **GET_ERRORS},
    )
    def get(self, request: Request, rid: str) -> Response:
        self.kwargs["appid"] = request.query_params.get("appid", "")
        if not self.kwargs["appid"]:
            raise ValidationError({"appid": [_("Say whose call it was.")]})
        return Response(call_of(self.authorizer, rid))
