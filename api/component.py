"""REST: how our third-party platform itself is doing. No answer holds a secret."""

import logging
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.errors import READ_ERRORS, ErrorSerializer
from api.fields import TOKEN_STATES, UTCField
from api.permissions import MayLook
from miniprograms.services.call_quotas import quota_of, resets_left
from platform_auth.acting_component import NoComponent, SeveralComponents, acting_component
from platform_auth.models import Component, Push
from wechat.bulkhead import Crowded
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

COUNTED_PATH = "/cgi-bin/component/api_create_preauthcode"  # without it nobody can bind
QUOTA_LIFE = 60  # seconds, so that who watches us closely does not have WeChat asked each time
LATEST_PUSHES = 1000


class TicketSerializer(serializers.Serializer[Any]):
    """component_verify_ticket, which WeChat pushes every ten minutes and which is good for 12 h."""

    received_at = UTCField(allow_null=True)
    age_seconds = serializers.IntegerField(allow_null=True)


class ComponentTokenSerializer(serializers.Serializer[Any]):
    """Whether the component token is fit for use."""

    state = serializers.ChoiceField(TOKEN_STATES)
    expires_at = UTCField(allow_null=True)


class ComponentQuotaSerializer(serializers.Serializer[Any]):
    """What is left today of the calls that begin a binding."""

    path = serializers.CharField()
    daily_limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField(allow_null=True)
    remain = serializers.IntegerField(allow_null=True)


class ComponentSerializer(serializers.Serializer[Any]):
    appid = serializers.CharField()
    name = serializers.CharField()
    ticket = TicketSerializer()
    token = ComponentTokenSerializer()
    last_push_at = UTCField(allow_null=True)
    quota = ComponentQuotaSerializer(
        allow_null=True, help_text=_("Up to a minute old; null where WeChat does not tell.")
    )
    resets_left = serializers.IntegerField(
        help_text=_("How often the counters may still be reset this month, as far as we know.")
    )


class ComponentView(APIView):
    read_scope = "authorizers:read"
    permission_classes = [MayLook]

    @extend_schema(
        summary=_("How the platform itself is: ticket, token, pushes, quota"),
        description=_(
            "Of the platform that acts for new bindings, or of the one that `appid` chooses. Where "
            "several are registered and the settings name none, it must be chosen: 409 "
            "`several_components`. No answer holds a secret. A ticket that is older than half an "
            "hour means that WeChat's pushes do not arrive; after twelve hours no new token can be "
            "had. The quota is that of the call that begins a binding. 404 while no platform is "
            "registered."
        ),
        parameters=[OpenApiParameter("appid", str, description=_("One of our platforms."))],
        responses={200: ComponentSerializer, 409: ErrorSerializer, **READ_ERRORS},
    )
    def get(self, request: Request) -> Response:
        component = _component_of(request)
        expires, received_at = component.access_token_expires, component.ticket_received_at
        about = {
            "appid": component.appid,
            "name": component.name,
            "ticket": {
                "received_at": received_at,
                "age_seconds": _seconds_since(received_at) if received_at else None,
            },
            "token": {
                "state": _token_state(component),
                "expires_at": datetime.fromtimestamp(expires, UTC) if expires else None,
            },
            "last_push_at": _last_push_at(component),
            "quota": _kept_quota(component),
            "resets_left": resets_left(component.appid),
        }
        return Response(ComponentSerializer(about).data)


def _component_of(request: Request) -> Component:
    """The one that REQUEST chooses, or that acts for new bindings. Raises CannotAct, Http404."""
    try:
        return acting_component(request.query_params.get("appid", ""))
    except SeveralComponents:
        raise
    except NoComponent:
        raise Http404 from None


def _seconds_since(at: datetime) -> int:
    return max(0, int((timezone.now() - at).total_seconds()))


def _token_state(component: Component) -> str:
    if not component.access_token_expires:
        return "none"
    is_fresh = component.access_token_expires > timezone.now().timestamp()
    return "fresh" if is_fresh else "expired"


def _last_push_at(component: Component) -> datetime | None:
    """Of the latest pushes of all; a component that is silent for so long has none."""
    latest = Push.objects.order_by("-received_at").values_list("component_id", "received_at")
    times = (at for pk, at in latest[:LATEST_PUSHES].iterator() if pk == component.pk)
    return next(times, None)


def _kept_quota(component: Component) -> dict[str, Any] | None:
    """What WeChat told up to a minute ago; without a cache it is asked each time."""
    key = f"component-quota-{component.pk}"
    try:
        kept: dict[str, Any] | None = cache.get(key)
        if kept is None:
            kept = _ask_quota(component)
            cache.set(key, kept, QUOTA_LIFE)
    except RedisError as error:
        logger.warning("no cache to keep the quota in: %s", type(error).__name__)
        kept = _ask_quota(component)
    quota: dict[str, Any] | None = kept["quota"]
    return quota


def _ask_quota(component: Component) -> dict[str, Any]:
    try:
        quota = quota_of(component, COUNTED_PATH)
    except (WeChatError, Crowded) as error:
        logger.warning("no quota: %s", error)
        return {"quota": None}
    numbers = {name: getattr(quota, name) for name in ("daily_limit", "used", "remain")}
    return {"quota": {"path": COUNTED_PATH, **numbers}}
