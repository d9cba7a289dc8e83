"""What views share. (A docstring here is printed in the schema.)"""

import re
from functools import cached_property
from http import HTTPStatus
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from api.clients import accounts_of
from api.permissions import MayAct, MayLook, is_act
from miniprograms.models import Authorizer
from wechat.bulkhead import take_place

APPID = OpenApiParameter(
    "appid",
    {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$", "examples": ["wx0123456789abcdef"]},
    OpenApiParameter.PATH,
    description="wx…",
)


_ROW = re.compile(r"[0-9]{1,18}", re.ASCII)  # a number that a column holds


class NewestFirst(CursorPagination):
    """Pages by cursor: the thousandth costs as much as the first."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Any:
        """The cursor that was sent. One that we have not made is a mistake in the request."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor, is_ours = None, False
        else:
            position = cursor.position if cursor else None
            is_ours = position is None or bool(_ROW.fullmatch(str(position)))
        if not is_ours:
            raise ValidationError({"cursor": [self.invalid_cursor_message]})
        return cursor


class AccountView(GenericAPIView[Any]):
    pagination_class = NewestFirst
    read_scope: ClassVar[str] = ""
    act_scope: ClassVar[str] = ""

    @property
    def throttle_scope(self) -> str | None:
        """Acts ask WeChat while the client waits, so they are fewer than readings."""
        return "acts" if is_act(self.request) else None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "appid" in kwargs:
            _ = self.authorizer  # whatever else is wrong: what is not yours is not found
        if is_act(request) and hasattr(self, str(request.method).lower()):
            take_place()

    @cached_property
    def authorizer(self) -> Authorizer:
        """The account in the address. One that this key may not see is not found."""
        rows = accounts_of(self.request)
        authorizer: Authorizer = get_object_or_404(rows, appid=self.kwargs["appid"])
        return authorizer

    def read_body(self, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """What was sent, as FORM reads it."""
        filled = form(data=self.request.data)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)


class HostNotAllowed(PermissionDenied):
    default_code = "host_not_allowed"
    default_detail = _("This host is not on the list of hosts of the client of this key.")


class SecretView(AccountView):
    """
    What is about users and their pages: answers that nobody between keeps. There are as many logins
    as users, so no more than the client's own rate bounds them.
    """

    permission_classes = [MayLook]

    @property
    def throttle_scope(self) -> str | None:
        return None

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().finalize_response(*args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class CodeView(AccountView):
    """What is about code: who may read and act, and the mini program that is spoken of."""

    permission_classes = [MayAct]
    to_read: ClassVar[str] = "audits.view_codeaudit"
    to_act: ClassVar[str | tuple[str, ...]] = ""
    merchants_may_read: ClassVar[bool] = False
    merchants_may_act: ClassVar[bool] = False


class ProgramView(CodeView):
    """What is about a mini program, which other kinds of accounts do not have."""

    @property
    def program(self) -> Authorizer:
        """The mini program in the address; an account of another kind is not found."""
        if self.authorizer.kind != Authorizer.Kind.MINI_PROGRAM:
            raise NotFound
        return self.authorizer


def act_response(data: Any, *, is_lost: bool, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The answer to an act: 202 while nobody knows whether WeChat has done it, else STATUS."""
    return Response(data, HTTPStatus.ACCEPTED if is_lost else status)
