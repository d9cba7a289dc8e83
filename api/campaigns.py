"""REST: campaigns, which bring one template to many mini programs. Staff only."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api.campaign_fields import (
    CampaignRequestSerializer,
    CampaignSerializer,
    ForecastSerializer,
    ItemPlanSerializer,
    ItemsFilterSerializer,
    ProgramSerializer,
    attach_counts,
)
from api.clients import check_scope, client_of, narrow
from api.errors import (
    ACT_ERRORS,
    READ_ERRORS,
    ErrorSerializer,
    InvalidSerializer,
    RefusedSerializer,
)
from api.idempotency import KEY_HEADER, idempotent
from api.preflight import PreflightSerializer
from api.views import APPID, CodeView
from audits.models import Campaign, CampaignItem, CodeTemplate
from audits.problems import BadExtJson, NeedsReleaseRight, UnknownPrograms
from audits.services import campaigns, templates
from audits.services.forecasts import forecast_campaign
from audits.services.plans import plan_items, preflight_item
from audits.services.rollout.steps import MAY_COMMIT, MAY_RELEASE, MAY_SUBMIT
from miniprograms.models import Tag
from platform_auth.models import Component

MAY_OPERATE = (MAY_COMMIT, MAY_SUBMIT)
PK = OpenApiParameter("pk", OpenApiTypes.INT, OpenApiParameter.PATH)

# What a request calls them, and what the service does.
_RULES = {
    "canary": "canary_size",
    "at_once": "concurrency",
    "daily_limit": "daily_budget",
    "most_failures": "most_failures",
    "when_open": "when_open",
    "submit": "submits",
}
_CHOICE = {
    "appids": "appids",
    "tag": "tag",
    "state": "state",
    "search": "name",
    "live_below": "live_below",
    "never_live": "never_live",
}


def find_template(template_id: int, component: str = "") -> CodeTemplate:
    """
    The template of WeChat's number; one that our mirror lacks may be new at WeChat, which is asked.

    Raises ValidationError where there is none, or one in several components.
    """
    components = Component.objects.filter(**({"appid": component} if component else {}))
    rows = CodeTemplate.objects.filter(
        template_id=template_id, gone_at=None, component__in=components
    )
    found = list(rows.select_related("component")[:2])
    if not found:
        for row in components:
            templates.sync_templates(row)
        found = list(rows.select_related("component")[:2])
    if not found:
        raise ValidationError({"template_id": [_("There is no such template.")]})
    if len(found) > 1:
        raise ValidationError({"component": [_("Several platforms have it: say which.")]})
    return found[0]


def check_campaign_rights(request: Request, fields: Mapping[str, Any]) -> None:
    """Raise PermissionDenied where who asks may not do all that the campaign would."""
    releases = fields["release"] == "when_passed"
    if releases:
        check_scope(request, "code:release")
    wanted = [*MAY_OPERATE, *([MAY_RELEASE] if releases else [])]
    if not request.user.has_perms(wanted):
        raise PermissionDenied


def choose(request: Request, template: CodeTemplate, fields: Mapping[str, Any]) -> Any:
    """
    The mini programs that FIELDS name, as TEMPLATE may go to, of those that REQUEST may be about.
    Raises ValidationError.
    """
    tag = fields.get("tag", "")
    if tag and not Tag.objects.filter(name=tag).exists():
        raise ValidationError({"tag": [_("There is no such tag.")]})
    chosen = {_CHOICE[name]: fields[name] for name in _CHOICE if name in fields}
    if "appids" not in fields:
        chosen.setdefault("state", "bound")
    try:
        _check_named(request, fields.get("appids", []))
        return narrow(campaigns.choose_programs(template, **chosen), request)
    except UnknownPrograms as error:
        raise ValidationError({"appids": [str(error)]}) from None


def _check_named(request: Request, appids: list[str]) -> None:
    """Raises UnknownPrograms for APPIDS that are none of the client's."""
    client = client_of(request)
    if client is not None and client.appids and (others := set(appids) - set(client.appids)):
        raise UnknownPrograms(sorted(others))


def create(request: Request, template: CodeTemplate, fields: Mapping[str, Any]) -> Campaign:
    """A campaign of TEMPLATE as FIELDS describe it, prepared. Raises ValidationError, CannotAct."""
    rules = {_RULES[name]: fields[name] for name in _RULES if name in fields}
    rules["auto_release"] = fields["release"] == "when_passed"
    try:
        return campaigns.create_campaign(
            template,
            choose(request, template, fields),
            by=request.user,
            ext=fields.get("ext"),
            user_version=fields["user_version"],
            user_desc=fields["user_desc"],
            **rules,
        )
    except BadExtJson as error:
        raise ValidationError({"ext": error.problems}) from None


class CampaignView(CodeView):
    read_scope = "code:write"
    act_scope = "code:write"
    to_read = "audits.view_campaign"
    to_act: ClassVar[str | tuple[str, ...]] = MAY_OPERATE

    queryset: Any = Campaign.objects.select_related("template__component", "created_by", "run_by")

    def visible_campaigns(self) -> Any:
        """All; for a client of some accounts those that are about no other."""
        rows = CampaignView.queryset.all()
        client = client_of(self.request)
        if client is None or not client.appids:
            return rows
        others = CampaignItem.objects.exclude(authorizer__appid__in=client.appids)
        return rows.exclude(pk__in=others.values("campaign"))

    def get_campaign(self) -> Campaign:
        campaign: Campaign = get_object_or_404(self.visible_campaigns(), pk=self.kwargs["pk"])
        return campaign

    def describe(self, campaign: Campaign) -> dict[str, Any]:
        attach_counts([campaign])
        return dict(CampaignSerializer(campaign).data)


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The campaigns, newest first"),
        responses={200: CampaignSerializer(many=True), 400: InvalidSerializer, **READ_ERRORS},
    )
)
class CampaignList(CampaignView, ListAPIView[Campaign]):
    serializer_class = CampaignSerializer

    def get_queryset(self) -> Any:
        return self.visible_campaigns()

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        attach_counts(page or [])
        return page

    @extend_schema(
        summary=gettext_lazy("Prepare a campaign: nothing is called before it is started"),
        parameters=[KEY_HEADER],
        request=CampaignRequestSerializer,
        responses={201: CampaignSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = self.read_body(CampaignRequestSerializer)
        check_campaign_rights(request, fields)
        template = find_template(fields["template_id"], fields.get("component", ""))
        campaign = create(request, template, fields)
        return Response(self.describe(campaign), HTTPStatus.CREATED)


class CampaignDetail(CampaignView):
    @extend_schema(
        summary=gettext_lazy("A campaign, and how far it is"),
        parameters=[PK],
        responses={200: CampaignSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.describe(self.get_campaign()))


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The mini programs of a campaign"),
        parameters=[PK, ItemsFilterSerializer],
        responses={200: ProgramSerializer(many=True), 400: InvalidSerializer, **READ_ERRORS},
    )
)
class CampaignItems(CampaignView, ListAPIView[CampaignItem]):
    queryset = CampaignItem.objects.none()
    serializer_class = ProgramSerializer

    def get_queryset(self) -> Any:
        campaign = self.get_campaign()
        filled = ItemsFilterSerializer(data=self.request.query_params)
        filled.is_valid(raise_exception=True)
        items = campaign.items.select_related("authorizer", "audit", "version__template")
        return items.filter(**filled.validated_data)


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("What a campaign would do to each mini program; nothing is done"),
        parameters=[PK],
        responses={200: ItemPlanSerializer(many=True), 400: InvalidSerializer, **READ_ERRORS},
    )
)
class CampaignPlan(CampaignView, ListAPIView[CampaignItem]):
    queryset = CampaignItem.objects.none()
    serializer_class = ItemPlanSerializer

    def get_queryset(self) -> Any:
        return self.get_campaign().items.select_related("authorizer", "version")

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        return plan_items(self.get_campaign(), page or [])


class CampaignForecast(CampaignView):
    @extend_schema(
        summary=gettext_lazy("When a campaign may end, by WeChat's quota and recent waiting times"),
        parameters=[PK],
        responses={
            200: ForecastSerializer,
            **READ_ERRORS,
            422: RefusedSerializer,
            502: ErrorSerializer,
            503: ErrorSerializer,
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(ForecastSerializer(forecast_campaign(self.get_campaign())).data)


class CampaignPreflight(CampaignView):
    throttle_scope = "acts"  # it asks WeChat while the client waits

    @extend_schema(
        summary=gettext_lazy("What would stand in the way of a mini program of a campaign"),
        parameters=[PK, APPID],
        responses={200: PreflightSerializer, **READ_ERRORS, 503: ErrorSerializer},
    )
    def get(self, request: Request, pk: int, appid: str) -> Response:
        related = ("authorizer", "campaign__template")
        items = self.get_campaign().items.select_related(*related)
        item: CampaignItem = get_object_or_404(items, authorizer__appid=appid)
        return Response(PreflightSerializer(preflight_item(item)).data)


class CampaignActView(CampaignView):
    """One act on a campaign, a service; one that releases needs the scope for that as well."""

    act: ClassVar[Callable[..., object]]
    releases: ClassVar[bool] = False
    goes_on: ClassVar[bool] = True  # so that a campaign that releases by itself may

    @extend_schema(
        parameters=[PK, KEY_HEADER],
        request=None,
        responses={200: CampaignSerializer, **ACT_ERRORS},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        campaign = self.get_campaign()
        if self.releases or (self.goes_on and campaign.auto_release):
            check_scope(request, "code:release")
        try:
            type(self).act(campaign, by=request.user)
        except NeedsReleaseRight as error:
            raise PermissionDenied(str(error)) from None
        return Response(self.describe(self.get_campaign()))


@extend_schema_view(
    post=extend_schema(summary=gettext_lazy("Start a campaign, the canary wave first"))
)
class CampaignStart(CampaignActView):
    act = staticmethod(campaigns.start_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Begin nothing new; what is at WeChat is followed all the same")
    )
)
class CampaignPause(CampaignActView):
    goes_on = False
    act = staticmethod(campaigns.pause_campaign)


@extend_schema_view(
    post=extend_schema(summary=gettext_lazy("Go on after a pause, in the name of who asks"))
)
class CampaignResume(CampaignActView):
    act = staticmethod(campaigns.resume_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("End a campaign for good; audits that are open go on at WeChat")
    )
)
class CampaignCancel(CampaignActView):
    goes_on = False
    act = staticmethod(campaigns.stop_campaign)


@extend_schema_view(
    post=extend_schema(
        summary=gettext_lazy("Let the rest follow, whatever became of the canary wave")
    )
)
class CampaignGoOn(CampaignActView):
    act = staticmethod(campaigns.pass_canary)


@extend_schema_view(
    post=extend_schema(summary=gettext_lazy("Try all that failed again, not what was rejected"))
)
class CampaignRetry(CampaignActView):
    act = staticmethod(campaigns.retry_failed)


@extend_schema_view(
    post=extend_schema(summary=gettext_lazy("Release all of a campaign that has passed"))
)
class CampaignRelease(CampaignActView):
    to_act = MAY_RELEASE
    releases = True
    act = staticmethod(campaigns.release_passed)
