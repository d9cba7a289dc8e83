"""REST: say something to a user. Nothing that users wrote is told here."""

from http import HTTPStatus
from typing import Any, cast

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import ErrorSerializer, InvalidSerializer, RefusedSerializer
from api.idempotency import KEY_HEADER, idempotent
from api.permissions import MayAnswer
from api.views import APPID, AccountView, act_response
from messaging.forms import explain_bad_content
from messaging.models import Reply
from messaging.services import customer_service
from miniprograms.models import Authorizer
from platform_auth.operations import Actor
from wechat import replies
from wechat.errors import NotReady, Refused, WeChatError
from wechat.replies import BadContent, Content

SEND = "/cgi-bin/message/custom/send"
SENDABLE = frozenset[str]().union(*replies.CUSTOM.values())

ANSWERED_STATES = (Reply.State.SENT, Reply.State.DUE, Reply.State.UNKNOWN)


class MessageSerializer(serializers.Serializer[Any]):
    """As WeChat's custom/send takes it: the member named by `msgtype` holds what is said."""

    touser = serializers.CharField(max_length=64, help_text=gettext_lazy("The user's openid."))
    msgtype = serializers.ChoiceField(sorted(SENDABLE))

    def get_fields(self) -> dict[str, Any]:
        members = {kind: serializers.DictField(required=False) for kind in sorted(SENDABLE)}
        return {**super().get_fields(), **members}


class SentSerializer(serializers.ModelSerializer[Reply]):
    """What came of it: `due` will be tried again, `unknown` is perhaps sent."""

    state = serializers.ChoiceField([str(state) for state in ANSWERED_STATES])

    class Meta:
        model = Reply
        fields = ["id", "state"]
        read_only_fields = fields


class MessageView(AccountView):
    act_scope = "messages:send"
    permission_classes = [MayAnswer]

    @extend_schema(
        summary=gettext_lazy("Send a customer-service message to a user who has written"),
        description=gettext_lazy(
            "The body is that of WeChat's custom/send: `touser`, `msgtype`, and the member that "
            "`msgtype` names. WeChat takes five messages within 48 hours of the user's last, and "
            "two or three within a minute of other acts; 422 with its errcode beyond that. 404 "
            "where the user has never written to the account. 201 where WeChat has taken it, 202 "
            "where it will be tried again (`due`) or is perhaps sent (`unknown`): look, and do "
            "not send it under another Idempotency-Key."
        ),
        parameters=[APPID, KEY_HEADER],
        request=MessageSerializer,
        responses={
            201: SentSerializer,
            202: SentSerializer,
            400: InvalidSerializer,
            **dict.fromkeys((401, 403, 404, 409, 429, 503), ErrorSerializer),
            422: RefusedSerializer,
        },
    )
    @idempotent
    def post(self, request: Request, appid: str) -> Response:
        account = self.authorizer
        openid = self.read_body(MessageSerializer)["touser"]
        content = _read_content(dict(cast(dict[str, Any], request.data)), account)
        conversation = get_object_or_404(account.conversations.all(), openid=openid)
        conversation.authorizer = account
        reply = customer_service.send_message(conversation, content, by=cast(Actor, request.user))
        if reply.state == Reply.State.FAILED:
            raise _refusal(reply)
        is_sent = reply.state == Reply.State.SENT
        data = SentSerializer(reply).data
        return act_response(data, is_lost=not is_sent, status=HTTPStatus.CREATED)


def _read_content(body: dict[str, Any], account: Authorizer) -> Content:
    body.pop("touser")
    try:
        content = replies.parse_content(body)
        replies.check_custom(content, account.kind)
    except BadContent as problem:
        member = str(problem.params.get("member", "msgtype"))
        raise ValidationError({member: [explain_bad_content(problem)]}) from None
    return content


def _refusal(reply: Reply) -> WeChatError:
    """What WeChat answered to REPLY, as its row keeps it."""
    if reply.errcode is None:
        return NotReady(reply.last_error)
    _path, _code, errmsg = reply.last_error.partition(f": {reply.errcode} ")
    return Refused(SEND, reply.errcode, errmsg)
