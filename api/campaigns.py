"""REST: campaigns, which bring one template to many mini programs. Staff only."""

from collections.abc import Mapping
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
from audits.problems import BadExtJson, UnknownPrograms
from audits.services import campaigns, templates
from audits.services.forecasts import forecast_campaign
from audits.services.plans import plan_items, preflight_item
from audits.services.rollout.steps import MAY_COMMIT, MAY_RELEASE, MAY_SUBMIT
from miniprograms.models import Tag
from platform_auth.models import Component

MAY_OPERATE = (MAY_COMMIT, MAY_SUBMIT)
PK = OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)

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
        description=gettext_lazy(
            "How far each is, by the states of its mini programs. A client of some accounts sees "
            "the campaigns that are about no others."
        ),
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
        description=gettext_lazy(
            "One template to many mini programs, chosen by appids, tag, state, name or live "
            "version; all that is named must hold. Look at its `plan/` and `forecast/`, then "
            "start it. 409 `conflict` where no mini program fits that is not in another campaign "
            "already. One that releases by itself (`when_passed`) needs the scope `code:release` "
            "and the right to release, too."
        ),
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
        description=gettext_lazy(
            "`counts` has how many mini programs are in each state; `because` says why it is "
            "paused."
        ),
        parameters=[PK],
        responses={200: CampaignSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.describe(self.get_campaign()))


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The mini programs of a campaign"),
        description=gettext_lazy(
            "In pages, narrowed to one `state` if wanted: how far each is, and in `reason` why it "
            "stands still."
        ),
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
        description=gettext_lazy(
            "The exact ext.json that would be sent and how it differs from what is live. "
            "`outcome` says which steps would follow, `reason` why one is held back. WeChat is "
            "not asked: what it would refuse says the preflight of each."
        ),
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
        description=gettext_lazy(
            "WeChat is asked how many submissions are left this month. An estimate: reviewers' "
            "times are those of the last verdicts."
        ),
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
        description=gettext_lazy(
            "As the preflight of the mini program, with what the campaign would upload. WeChat is "
            "asked, less what it was asked within five minutes."
        ),
        parameters=[PK, APPID],
        responses={200: PreflightSerializer, **READ_ERRORS, 503: ErrorSerializer},
    )
    def get(self, request: Request, pk: int, appid: str) -> Response:
        related = ("authorizer", "campaign__template")
        items = self.get_campaign().items.select_related(*related)
        item: CampaignItem = get_object_or_404(items, authorizer__appid=appid)
        return Response(PreflightSerializer(preflight_item(item)).data)
