"""Which version runs where: of each template, how many mini programs have it live, in review…"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audits.models import CodeAudit, CodeSummary, CodeTemplate
from audits.services.summaries import GRAY, order_key
from miniprograms.models import Authorizer
from platform_auth.admin.columns import column
from platform_auth.admin.pages import StaffAdmin

MAX_TEMPLATES = 100  # on the page; WeChat keeps 200
_OPEN_REVIEWS = {CodeAudit.Status(status).name.lower() for status in CodeAudit.OPEN}
_KINDS = ("live", "review", "uploaded")
_COLUMNS = tuple(f"{kind}_{name}" for kind in _KINDS for name in ("template", "version"))


@dataclass
class VersionCounts:
    """
    How many mini programs have a version of one template live, in review, passed, uploaded; and in
    a release in steps, to which PER CENTS of their users.
    """

    version: str
    live: int = 0
    in_review: int = 0
    passed: int = 0
    in_steps: int = 0
    uploaded: int = 0
    percentages: set[int] = field(default_factory=set)

    @property
    def steps_text(self) -> str:
        """The per cents, from the least to the most."""
        shares = sorted({min(self.percentages), max(self.percentages)}) if self.percentages else []
        return "–".join(map(str, shares))


@dataclass
class TemplateCounts:
    """TEMPLATE, None for code from elsewhere; the REST runs something older than it."""

    template: CodeTemplate | None
    versions: list[VersionCounts] = field(default_factory=list)
    rest: int = 0
    rest_url: str = ""
    campaign_url: str = ""


def _count_summaries() -> list[dict[str, Any]]:
    """
    All mini programs that are not unbound, by what code they have: one reading of a narrow table.
    The few that are unbound are found by their index, not by a join with all accounts.
    """
    unbound = Authorizer.objects.filter(state=Authorizer.State.UNBOUND).order_by()
    bound = CodeSummary.objects.exclude(authorizer__in=unbound.values("pk"))
    columns = (*_COLUMNS, "review", "gray_percentage")
    return list(bound.values(*columns).annotate(number=Count("pk")))


def read_templates() -> list[TemplateCounts]:
    """The templates with their versions, the newest first; last what is from elsewhere."""
    summaries = _count_summaries()
    counts: dict[int | None, dict[str, VersionCounts]] = defaultdict(dict)
    for row in summaries:
        _add(counts, row, "live", "live")
        _add(counts, row, "uploaded", "uploaded")
        if state := _review_state(row["review"]):
            _add(counts, row, "review", state)
    templates = list(CodeTemplate.objects.order_by("gone_at", "-template_id"))
    components = {row.pk: row.component_id for row in templates}
    for row in summaries:
        row["component"] = components.get(row["live_template"])
    shown = [row for row in templates if row.gone_at is None or row.pk in counts]
    result = [_of_template(row, counts[row.pk], summaries) for row in shown[:MAX_TEMPLATES]]
    if elsewhere := counts.get(None):
        result.append(TemplateCounts(None, _sorted(elsewhere)))
    return result


def _review_state(review: str) -> str:
    if review in _OPEN_REVIEWS:
        return "in_review"
    return {"passed": "passed", GRAY: "in_steps"}.get(review, "")


def _add(
    counts: dict[int | None, dict[str, VersionCounts]], row: dict[str, Any], kind: str, state: str
) -> None:
    """Count the mini programs of ROW, whose version of KIND is in STATE."""
    version = row[f"{kind}_version"]
    if not version:
        return
    of_template = counts[row[f"{kind}_template"]]
    entry = of_template.setdefault(version, VersionCounts(version))
    setattr(entry, state, getattr(entry, state) + row["number"])
    if state == "in_steps":
        entry.percentages.add(row["gray_percentage"] or 0)


def _sorted(versions: dict[str, VersionCounts]) -> list[VersionCounts]:
    return sorted(versions.values(), key=lambda entry: order_key(entry.version), reverse=True)


def _of_template(
    template: CodeTemplate, versions: dict[str, VersionCounts], summaries: list[dict[str, Any]]
) -> TemplateCounts:
    counts = TemplateCounts(template, _sorted(versions))
    key = order_key(template.user_version)
    if template.gone_at is None and key:
        counts.rest = sum(
            row["number"]
            for row in summaries
            if row["component"] in (None, template.component_id)
            and "" < order_key(row["live_version"]) < key
        )
        query = urlencode({"live": f"<{template.user_version}"})
        counts.rest_url = f"{reverse('admin:miniprograms_authorizer_changelist')}?{query}"
        query = urlencode({"template": template.pk, "live_below": template.user_version})
        counts.campaign_url = f"{reverse('admin:audits_campaign_add')}?{query}"
    return counts


@admin.register(CodeSummary)
class CodeSummaryAdmin(StaffAdmin):
    """In the place of a list of summaries, the page of versions."""

    list_title = _("Who runs which version")
    asks_outside = False
    fields: tuple[str, ...] = ("authorizer", "live_version", "review", "in_review")
    fields += ("uploaded_version",)
    readonly_fields = fields

    in_review = column(_("version in review"), lambda row: row.review_version or "–")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.GET:
            raise BadRequest
        return self.page(
            request,
            "admin/code/version_counts.html",
            title=_("Who runs which version"),
            templates=read_templates(),
            accounts=reverse("admin:miniprograms_authorizer_changelist"),
            may_begin=request.user.has_perms(["audits.commit_version", "audits.submit_audit"]),
        )
