"""REST: releasing the version that has passed, and rolling back."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS
from api.fields import LARGEST, StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, CodeView, act_response
from audits.models import Release
from audits.services import releasing


class ReleaseRequestSerializer(StrictSerializer):
    """The audit that people agreed to: while another is the newest, nothing is released."""

    auditid = serializers.CharField(required=False, max_length=32)


class RevertSerializer(StrictSerializer):
    """WeChat's own number of a past version; without it, the one before."""

    app_version = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST)


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    status = serializers.ChoiceField(Release.State.choices, source="state")
    auditid = serializers.CharField(source="audit.auditid", default=None, allow_null=True)
    user_version = serializers.CharField(source="audit.user_version", default=None, allow_null=True)
    live_version = serializers.CharField(source="live_after")
    at = UTCField()

    class Meta:
        model = Release
        fields = ["kind", "status", "auditid", "user_version", "app_version", "live_version", "at"]
        read_only_fields = fields


class ReleaseView(CodeView):
    act_scope = "code:release"
    to_act = "audits.release_audit"

    @extend_schema(
        summary=_("Release the version whose audit has passed"),
        description=_(
            "All users get it. `auditid` names the audit that people agreed to, so that nothing "
            "newer is released by mistake: 409 `audit_not_passed` where another is the newest. "
            "Where two people must agree, 409 `needs_second_person` until the second asks. 202 "
            "with the status `unknown` where WeChat's answer was lost: the platform finds out."
        ),
        parameters=[APPID, KEY_HEADER],
        request=ReleaseRequestSerializer,
        responses={200: ReleaseSerializer, 202: ReleaseSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        fields = self.read_body(ReleaseRequestSerializer)
        return _response(releasing.release_newest_audit(self.authorizer, by=request.user, **fields))


class RevertView(CodeView):
    act_scope = "code:release"
    to_act = "audits.release_audit"

    @extend_schema(
        summary=_("Roll back to a version that was live before"),
        description=_(
            "Without `app_version` to the one before. WeChat decides which versions can be gone "
            "back to, and lets no roll-back follow another: 422. 202 with the status `unknown` "
            "where WeChat's answer was lost."
        ),
        parameters=[APPID, KEY_HEADER],
        request=RevertSerializer,
        responses={200: ReleaseSerializer, 202: ReleaseSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        fields = self.read_body(RevertSerializer)
        return _response(releasing.revert_release(self.authorizer, by=request.user, **fields))


def _response(act: Release) -> Response:
    is_lost = act.state == Release.State.UNKNOWN
    return act_response(ReleaseSerializer(act).data, is_lost=is_lost)
