"""REST: from what a developer's machine uploaded to a template, and on to a campaign."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.campaign_fields import CampaignRulesSerializer, CampaignSerializer, attach_counts
from api.campaigns import check_campaign_rights, choose, create
from api.errors import (
    ACT_ERRORS,
    READ_ERRORS,
    AmbiguousSerializer,
    DraftSerializer,
    ErrorSerializer,
    InvalidSerializer,
    RefusedSerializer,
)
from api.fields import StrictSerializer, UTCField
from api.idempotency import KEY_HEADER, idempotent
from api.views import CodeView, act_response
from audits.models import Campaign, CodeTemplate, Promotion
from audits.problems import CannotAct, NeedsReleaseRight
from audits.services import campaigns
from audits.services.promoting import DraftDescription, describe_draft, promote_described
from audits.services.templates import list_drafts
from platform_auth.models import Component

COMPONENT = OpenApiParameter("component", str, OpenApiParameter.QUERY, description="wx…")
PROMOTE_ERRORS: dict[int, Any] = {**ACT_ERRORS, 409: AmbiguousSerializer}


class PromotedCampaignSerializer(CampaignRulesSerializer):
    """A campaign of the new template, with the draft's version and description unless given."""

    user_version = serializers.CharField(max_length=64, required=False)
    user_desc = serializers.CharField(max_length=500, required=False)
    start = serializers.BooleanField(
        default=False, help_text=gettext_lazy("Otherwise it is prepared.")
    )


class PromoteSerializer(StrictSerializer):
    """What is known of the upload. The newest draft that fits becomes a template."""

    source_appid = serializers.CharField(
        required=False,
        max_length=32,
        help_text=gettext_lazy("The development mini program that it was uploaded to."),
    )
    user_version = serializers.CharField(required=False, max_length=64)
    user_desc = serializers.CharField(required=False, max_length=5000)
    newer_than = serializers.DateTimeField(
        help_text=gettext_lazy("By WeChat's clock: a minute before the upload began.")
    )
    component = serializers.CharField(
        required=False,
        max_length=32,
        help_text=gettext_lazy("The platform's appid, where there are several."),
    )
    campaign = PromotedCampaignSerializer(required=False)


class PromotionSerializer(serializers.ModelSerializer[Promotion]):
    """`template_id` is null while nobody knows whether WeChat has added it: ask again."""

    status = serializers.ChoiceField(Promotion.State.choices, source="state")
    component = serializers.CharField(source="component.appid")
    template_id = serializers.IntegerField(
        source="template.template_id", default=None, allow_null=True
    )
    uploaded_at = UTCField()
    campaign = serializers.SerializerMethodField()

    class Meta:
        model = Promotion
        fields = ["status", "template_id", "component", "draft_id", "source_appid"]
        fields += ["user_version", "user_desc", "uploaded_at", "campaign"]
        read_only_fields = fields

    def get_campaign(self, promotion: Promotion) -> CampaignSerializer(allow_null=True):  # type: ignore[valid-type]
        """What was made of it, if that was asked for."""
        campaign: Campaign | None = self.context.get("campaign")
        if campaign is None:
            return None
        attach_counts([campaign])
        return CampaignSerializer(campaign).data


class DraftPageSerializer(serializers.Serializer[Any]):
    """The whole draft box, which is one page."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = DraftSerializer(many=True)


def find_component(appid: str) -> Component:
    """The platform of APPID, or the only one. Raises ValidationError."""
    rows: list[Component] = list(
        Component.objects.filter(**({"appid": appid} if appid else {}))[:2]
    )
    if not rows:
        raise ValidationError({"component": [_("There is no such platform.")]})
    if len(rows) > 1:
        raise ValidationError({"component": [_("There are several platforms: say which.")]})
    return rows[0]


class DraftList(CodeView):
    read_scope = "code:read"
    queryset = Promotion.objects.none()
    to_read = "audits.view_codetemplate"

    @extend_schema(
        operation_id="drafts_list",
        summary=gettext_lazy("WeChat's draft box, newest first: what developers uploaded last"),
        description=gettext_lazy(
            "WeChat is asked. A draft is what was uploaded to a development mini program of the "
            "platform and is no template yet. Where there are several platforms, `component` says "
            "which; 400 without it."
        ),
        parameters=[COMPONENT],
        responses={
            200: DraftPageSerializer,
            400: InvalidSerializer,
            **READ_ERRORS,
            422: RefusedSerializer,
            502: ErrorSerializer,
            503: ErrorSerializer,
        },
    )
    def get(self, request: Request) -> Response:
        component = find_component(request.query_params.get("component", ""))
        drafts = sorted(list_drafts(component), key=lambda draft: -draft.create_time)
        rows = [describe_draft(draft) for draft in drafts]
        return Response({"next": None, "previous": None, "results": rows})


class PromoteView(CodeView):
    act_scope = "code:write"
    to_act = "audits.change_codetemplate"

    @extend_schema(
        summary=gettext_lazy("Make the draft that was just uploaded a template"),
        description=gettext_lazy(
            "A draft is added once: asked for again, it is the template of then (200). Where "
            "WeChat's answer was lost the status is 202; ask again until it is not."
        ),
        parameters=[KEY_HEADER],
        request=PromoteSerializer,
        responses={
            200: PromotionSerializer,
            201: PromotionSerializer,
            202: PromotionSerializer,
            **PROMOTE_ERRORS,
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = self.read_body(PromoteSerializer)
        rules = fields.pop("campaign", None)
        component = find_component(fields.pop("component", ""))
        if rules is not None:
            _check_campaign(request, component, rules)
        before = Promotion.objects.order_by("-id").values_list("pk", flat=True).first() or 0
        promotion = promote_described(component, DraftDescription(**fields), by=request.user)
        campaign = None
        if rules is not None and promotion.template is not None:
            campaign = _make_campaign(request, promotion, promotion.template, rules)
        data = PromotionSerializer(promotion, context={"campaign": campaign}).data
        is_new = (promotion.pk or 0) > before or campaign is not None
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return act_response(data, is_lost=promotion.template is None, status=status)


def _check_campaign(request: Request, component: Component, rules: dict[str, Any]) -> None:
    """What can be wrong with the campaign is found before the draft becomes a template."""
    check_campaign_rights(request, rules)
    if not choose(request, CodeTemplate(component=component), rules).exists():
        raise CannotAct(_("No mini program fits that is not in another campaign already."))


def _make_campaign(
    request: Request, promotion: Promotion, template: CodeTemplate, rules: dict[str, Any]
) -> Campaign:
    texts = {"user_version": promotion.user_version, "user_desc": promotion.user_desc[:500]}
    campaign = create(request, template, {**texts, **rules})
    if rules["start"]:
        try:
            campaigns.start_campaign(campaign, by=request.user)
        except NeedsReleaseRight as error:
            raise PermissionDenied(str(error)) from None
    return Campaign.objects.select_related("template__component", "created_by", "run_by").get(
        pk=campaign.pk
    )
