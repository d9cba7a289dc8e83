"""REST: pictures for WeChat's reviewers, which they load by address."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import READ_ERRORS, InvalidSerializer
from api.views import APPID, ProgramView
from miniprograms.services.review_pictures import MAX_SIZE, BadPicture, keep_picture


class PictureSerializer(serializers.Serializer[Any]):
    picture = serializers.FileField(help_text=gettext_lazy("JPEG, PNG or GIF of up to 2 MB."))


class PictureAddressSerializer(serializers.Serializer[Any]):
    url = serializers.URLField(
        help_text=gettext_lazy("Whoever knows it can load the picture for 30 days.")
    )


class ReviewPictureView(ProgramView):
    act_scope = "settings:write"
    to_act = "miniprograms.apply_for_interface"
    serializer_class = PictureAddressSerializer
    parser_classes = (MultiPartParser,)

    @extend_schema(
        summary=gettext_lazy("Upload a picture for WeChat's reviewers"),
        description=gettext_lazy(
            "Its address goes into pic_list of an application for a private interface, or img_list "
            "of a page with orders."
        ),
        parameters=[APPID],
        request={"multipart/form-data": PictureSerializer},
        responses={201: PictureAddressSerializer, 400: InvalidSerializer, **READ_ERRORS},
    )
    def post(self, request: Request, appid: str) -> Response:
        file = self.read_body(PictureSerializer)["picture"]
        try:
            url = keep_picture(self.program, file.read(MAX_SIZE + 1), by=request.user)
        except BadPicture as error:
            raise ValidationError({"picture": [str(error)]}) from None
        return Response({"url": url}, HTTPStatus.CREATED)
