"""REST: what would stand in the way of a submission, asked before it costs quota."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import READ_ERRORS, CheckSerializer, ErrorSerializer
from api.fields import UTCField
from api.views import APPID, CodeView
from audits.services.preflight.checking import preflight_of
from miniprograms.models import Authorizer


class PreflightSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField(help_text=gettext_lazy("Whether nothing stands in the way."))
    checked_at = UTCField()
    checks = CheckSerializer(many=True)


class PreflightView(CodeView):
    read_scope = "code:read"
    merchants_may_read = True
    throttle_scope = "acts"  # it asks WeChat while the client waits
    serializer_class = PreflightSerializer

    @extend_schema(
        summary=gettext_lazy("What would stand in the way of submitting the newest version"),
        description=gettext_lazy(
            "WeChat is asked, less what it was asked within five minutes. A submission with a "
            "check that is `false` is held back with 409 `preflight_failed`."
        ),
        parameters=[APPID],
        responses={200: PreflightSerializer, **READ_ERRORS, 503: ErrorSerializer},
    )
    def get(self, request: Request, appid: str) -> Response:
        if self.authorizer.kind != Authorizer.Kind.MINI_PROGRAM:
            raise Http404
        return Response(PreflightSerializer(preflight_of(self.authorizer)).data)
