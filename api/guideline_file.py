"""REST: a file with the privacy guideline in full."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS
from api.fields import StrictSerializer
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, ProgramView
from miniprograms.services.settings.guideline_file import MAX_GUIDELINE_FILE, upload_guideline_file
from miniprograms.services.settings.kinds import BadSetting


class GuidelineTextSerializer(StrictSerializer):
    content = serializers.CharField(
        max_length=MAX_GUIDELINE_FILE, help_text=gettext_lazy("Plain text of up to 100 kB.")
    )


class GuidelineFileSerializer(serializers.Serializer[Any]):
    ext_file_media_id = serializers.CharField(
        help_text=gettext_lazy("For `owner_setting` of the privacy guideline.")
    )


class GuidelineFileView(ProgramView):
    act_scope = "settings:write"
    to_act = "miniprograms.edit_settings"
    serializer_class = GuidelineFileSerializer

    @extend_schema(
        summary=gettext_lazy("Upload a file with the privacy guideline in full"),
        description=gettext_lazy(
            "It is shown once the guideline that is desired names it and is applied."
        ),
        parameters=[APPID, KEY_HEADER],
        request=GuidelineTextSerializer,
        responses={201: GuidelineFileSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        content = self.read_body(GuidelineTextSerializer)["content"]
        try:
            media_id = upload_guideline_file(self.program, content, by=request.user)
        except BadSetting as error:
            raise ValidationError({"content": error.problems}) from None
        return Response({"ext_file_media_id": media_id}, HTTPStatus.CREATED)
