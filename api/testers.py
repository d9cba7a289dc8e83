"""REST: who may open a mini program's trial version. Staff act, and merchants on their own."""

from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ACT_ERRORS, ASK_ERRORS
from api.fields import StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import APPID, ProgramView
from miniprograms.models import Tester
from miniprograms.services.testers import (
    ListedTester,
    NotATester,
    add_tester,
    list_testers,
    remove_tester,
)
from wechat.errors import NotSent, Unreachable

USERSTR = OpenApiParameter(
    "userstr", str, OpenApiParameter.PATH, description=gettext_lazy("As the list names them.")
)


class AddTesterSerializer(StrictSerializer):
    wechatid = serializers.CharField(max_length=64, help_text="微信号")


class TesterSerializer(serializers.Serializer[Any]):
    """A tester; what is null, we do not know: they were added elsewhere."""

    userstr = serializers.CharField(help_text=gettext_lazy("WeChat's name for them."))
    wechatid = serializers.CharField(allow_null=True)
    added_at = UTCField(allow_null=True)
    added_by = serializers.CharField(
        allow_null=True, help_text=gettext_lazy("Merchants are told of themselves alone.")
    )


class TesterListSerializer(serializers.Serializer[Any]):
    results = TesterSerializer(many=True)


class UnknownSerializer(serializers.Serializer[Any]):
    """WeChat's answer was lost: look at the list."""

    status = serializers.ChoiceField(["unknown"])


class TesterView(ProgramView):
    """What both addresses share."""

    read_scope = "authorizers:read"
    act_scope = "settings:write"
    to_read = "miniprograms.view_tester"
    to_act = "miniprograms.manage_testers"
    merchants_may_read = True
    merchants_may_act = True
    serializer_class = TesterSerializer

    def describe(self, userstr: str, tester: Tester | None) -> dict[str, Any]:
        data = {
            "userstr": userstr,
            "wechatid": tester.wechatid if tester else None,
            "added_at": tester.added_at if tester else None,
            "added_by": self._name_of(tester) if tester else None,
        }
        return dict(TesterSerializer(data).data)

    def _name_of(self, tester: Tester) -> str | None:
        """Who has added them; members of staff are not named to merchants."""
        user, person = self.request.user, tester.added_by
        return person.get_username() if person and (user.is_staff or user == person) else None


class TesterList(TesterView):
    @extend_schema(
        summary=gettext_lazy("The testers of a mini program, by WeChat's list"),
        description=gettext_lazy(
            "WeChat is asked. It names them by its `userstr` alone; whose WeChat id that is, and "
            "who added them, the platform knows of those who were added through it. An account "
            "that is no mini program is 404."
        ),
        parameters=[APPID],
        responses={200: TesterListSerializer, **ASK_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        rows: list[ListedTester] = list_testers(self.program)
        return Response({"results": [self.describe(row.userstr, row.added) for row in rows]})

    @extend_schema(
        summary=gettext_lazy("Add a tester"),
        description=gettext_lazy(
            "By their WeChat id; they may then open the trial version. WeChat's refusals are 422: "
            "nobody has the id, the tester may not be added, the mini program has no place left. "
            "202 where its answer was lost: look at the list."
        ),
        parameters=[APPID, KEY_HEADER],
        request=AddTesterSerializer,
        responses={201: TesterSerializer, 202: UnknownSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        wechatid = self.read_body(AddTesterSerializer)["wechatid"]
        try:
            row = add_tester(self.program, wechatid, by=request.user)
        except NotSent:
            raise
        except Unreachable:
            return Response({"status": "unknown"}, HTTPStatus.ACCEPTED)
        return Response(self.describe(row.userstr, row), HTTPStatus.CREATED)


class TesterDetail(TesterView):
    @extend_schema(
        summary=gettext_lazy("Remove a tester"),
        description=gettext_lazy(
            "404 where nobody of that `userstr` is on WeChat's list. 202 where its answer was "
            "lost: look at the list."
        ),
        parameters=[APPID, USERSTR, KEY_HEADER],
        request=None,
        responses={204: None, 202: UnknownSerializer, **ACT_ERRORS},
    )
    @idempotent
    def delete(self, request: Request, appid: str, userstr: str) -> Response:
        try:
            remove_tester(self.program, userstr, by=request.user)
        except NotATester:
            raise Http404 from None
        except NotSent:
            raise
        except Unreachable:
            return Response({"status": "unknown"}, HTTPStatus.ACCEPTED)
        return Response(status=HTTPStatus.NO_CONTENT)
