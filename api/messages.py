"""REST: say something to a user. Nothing that users wrote is told here."""

from http import HTTPStatus
from typing import Any, cast

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.auth import ErrorSerializer, InvalidSerializer
from api.authorizers import MayLook
from api.code import APPID, KEY_HEADER, RefusedSerializer, once
from messaging.forms import words_for
from messaging.models import Reply
from messaging.services import replying
from miniprograms.models import Authorizer
from platform_auth.operations import Actor
from wechat import replies
from wechat.errors import NotReady, Refused, WeChatError
from wechat.replies import BadContent, Content

SEND = "/cgi-bin/message/custom/send"
SENDABLE = frozenset[str]().union(*replies.CUSTOM.values())

State = Reply.State
STATES = (State.SENT, State.DUE, State.UNKNOWN)


class MessageSerializer(serializers.Serializer[Any]):
    """As WeChat's custom/send takes it: the member named by `msgtype` holds what is said."""

    touser = serializers.CharField(max_length=64, help_text=gettext_lazy("The user's openid."))
    msgtype = serializers.ChoiceField(sorted(SENDABLE))

    def get_fields(self) -> dict[str, Any]:
        said = {kind: serializers.DictField(required=False) for kind in sorted(SENDABLE)}
        return {**super().get_fields(), **said}


class SentSerializer(serializers.ModelSerializer[Reply]):
    """What came of it: `due` will be tried again, `unknown` is perhaps sent."""

    state = serializers.ChoiceField([str(state) for state in STATES])

    class Meta:
        model = Reply
        fields = ["id", "state"]
        read_only_fields = fields


class MaySay(MayLook):
    """Staff who may answer users; merchants who were given that, for their own accounts."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted = "answer_conversation" if request.user.is_staff else "own_conversations"
        is_known = super().has_permission(request, view)
        return is_known and request.user.has_perm(f"messaging.{wanted}")


class MessageView(GenericAPIView[Any]):
    permission_classes = [MaySay]
    throttle_scope = "acts"

    @extend_schema(
        summary=gettext_lazy("Send a customer-service message to a user who has written"),
        parameters=[APPID, KEY_HEADER],
        request=MessageSerializer,
        responses={
            201: SentSerializer,
            202: SentSerializer,
            400: InvalidSerializer,
            **dict.fromkeys((401, 403, 404, 409, 429), ErrorSerializer),
            422: RefusedSerializer,
        },
    )
    @once
    def post(self, request: Request, appid: str) -> Response:
        rows = Authorizer.objects.visible_to(request.user)
        account: Authorizer = get_object_or_404(rows, appid=appid)
        filled = MessageSerializer(data=request.data)
        filled.is_valid(raise_exception=True)
        openid = filled.validated_data["touser"]
        content = _content(dict(cast(dict[str, Any], request.data)), account)
        conversation = get_object_or_404(account.conversations.all(), openid=openid)
        conversation.authorizer = account
        reply = replying.send_message(conversation, content, by=cast(Actor, request.user))
        if reply.state == State.FAILED:
            raise _refusal(reply)
        status = HTTPStatus.CREATED if reply.state == State.SENT else HTTPStatus.ACCEPTED
        return Response(SentSerializer(reply).data, status)


def _content(said: dict[str, Any], account: Authorizer) -> Content:
    said.pop("touser")
    try:
        content = replies.parse_content(said)
        replies.check_custom(content, account.kind)
    except BadContent as problem:
        member = str(problem.params.get("member", "msgtype"))
        raise ValidationError({member: [words_for(problem)]}) from None
    return content


def _refusal(reply: Reply) -> WeChatError:
    """What WeChat said to REPLY, as its row keeps it."""
    if reply.errcode is None:
        return NotReady(reply.last_error)
    _path, _code, errmsg = reply.last_error.partition(f": {reply.errcode} ")
    return Refused(SEND, reply.errcode, errmsg)
