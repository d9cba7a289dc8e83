"""REST: what targets can be told."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.clients import ANY_SCOPE
from api.errors import LIST_ERRORS, READ_ERRORS
from api.permissions import MayAsk
from messaging.services.event_types.catalogue import EVENT_TYPES
from messaging.services.event_types.schemas import EventType


class EventTypeSerializer(serializers.Serializer[EventType]):
    name = serializers.CharField(help_text=_("The `type` of a payload, such as audit.passed."))
    group = serializers.CharField(help_text=_("What it is about; targets may ask for a group."))
    description = serializers.CharField()
    schema = serializers.DictField(help_text=_("JSON Schema (2020-12) of the whole payload."))
    example = serializers.DictField(help_text=_("A whole payload, about nobody."))


class EventTypePageSerializer(serializers.Serializer[Any]):
    """All types on one page, in the shape of all lists."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = EventTypeSerializer(many=True)


class EventTypeList(APIView):
    read_scope = ANY_SCOPE
    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="event_types_list",
        summary=_("The catalogue of events"),
        description=_(
            "Everything that a forward target can be told by a signed POST: what happens to "
            "accounts and their code, WeChat's messages and events, and what WeChat tells the "
            "platform of accounts. Each type comes with the JSON Schema of its payload and an "
            "example. Staff choose on the page of a target which of them it gets. Members may be "
            "added to a payload, and types to the catalogue: ignore what you do not know."
        ),
        responses={200: EventTypePageSerializer, **LIST_ERRORS},
    )
    def get(self, request: Request) -> Response:
        entries = [EventTypeSerializer(entry).data for entry in EVENT_TYPES.values()]
        return Response({"next": None, "previous": None, "results": entries})


class EventTypeDetail(APIView):
    read_scope = ANY_SCOPE
    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="event_types_retrieve",
        summary=_("One type of event"),
        description=_("Its JSON Schema, and an example of a payload. An unknown name is 404."),
        parameters=[
            OpenApiParameter("name", str, OpenApiParameter.PATH, description="audit.passed, …")
        ],
        responses={200: EventTypeSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, name: str) -> Response:
        entry = EVENT_TYPES.get(name)
        if entry is None:
            raise Http404
        return Response(EventTypeSerializer(entry).data)
