"""What the list of accounts tells of their code: what is live, in review, and uploaded last."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audits.admin.code_status import AUDIT_COLOURS, taken_back_label
from audits.models import CodeAudit, CodeSummary, CodeTemplate, PreflightSummary
from audits.services.preflight.checking import describe_failing
from audits.services.summaries import is_taken_back, order_key, summary_of
from miniprograms.admin.facts import Fact, add_facts
from miniprograms.models import Authorizer
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import label
from platform_auth.listing import list_words

MOST_CHOICES = 20  # in the filter
BEHIND = "behind"
REVIEWS: dict[str, Any] = {status.name.lower(): status.label for status in CodeAudit.Status} | {
    "released": _("released")
}
REVIEW_COLOURS = {status.name.lower(): colour for status, colour in AUDIT_COLOURS.items()}


def _is_blank(field: str) -> Q:
    """No code of that kind. Without a row, which on PostgreSQL every account has, there is none."""
    is_blank = Q(**{f"code_summary__{field}": ""})
    if connection.vendor == "postgresql":
        return is_blank
    return is_blank | Q(code_summary__isnull=True)


class LiveVersionFilter(admin.SimpleListFilter):
    """
    What users have. The choices are the newest templates' versions, since to ask which versions are
    live would read the whole table; any other may be in the address, `<2.0.0` is all below it.
    """

    title = _("live version")
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        templates = CodeTemplate.objects.exclude(user_version="").order_by("-template_id")
        newest = templates.values_list("user_version", flat=True)[: 2 * MOST_CHOICES]
        versions = list(dict.fromkeys(newest))[:MOST_CHOICES]
        asked = request.GET.get(self.parameter_name, "")
        if asked and asked not in ("none", BEHIND, *versions):
            versions.insert(0, asked)
        named = [("none", _("none")), (BEHIND, _("below the newest template's"))]
        return [*named, *((version, version) for version in versions)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        version = self.value()
        if not version:
            return queryset
        if version == "none":
            return queryset.filter(_is_blank("live_version"))
        if version == BEHIND:
            return queryset.filter(is_behind())
        if version.startswith("<"):
            return queryset.filter(is_live_below(version[1:]))
        return queryset.filter(code_summary__live_version=version)


def is_live_below(version: str) -> Q:
    """Something is live, and it is older than VERSION."""
    return Q(code_summary__live_key__lt=order_key(version), code_summary__live_key__gt="")


def is_behind() -> Q:
    """Something older than the newest template's version is live, of an account not unbound."""
    templates = CodeTemplate.objects.exclude(user_version="").order_by("-template_id")
    newest = templates.values_list("user_version", flat=True).first() or ""
    return is_live_below(newest) & ~Q(state=Authorizer.State.UNBOUND)


def is_held_back() -> Q:
    """The newest preflight found what WeChat would refuse, of an account not unbound."""
    return Q(preflight__ok=False) & ~Q(state=Authorizer.State.UNBOUND)


ReviewFilter = choice_filter(
    _("review"),
    "review",
    {
        "none": (_("none"), lambda: _is_blank("review")),
        **{word: (name, partial(Q, code_summary__review=word)) for word, name in REVIEWS.items()},
    },
)


def _read_summaries(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related("code_summary")


def _with_summaries(rows: QuerySet[Any]) -> QuerySet[Any]:
    """
    Every account has a summary on PostgreSQL, and only where that is said can it begin with the
    summaries' index.
    """
    if connection.vendor == "postgresql":
        return rows.filter(code_summary__isnull=False)
    return rows


def _review_label(account: Authorizer) -> SafeString | str:
    summary = summary_of(account)
    if not summary.review:
        return "–"
    if is_taken_back(summary):
        text = taken_back_label()
    else:
        text = label(REVIEWS.get(summary.review, summary.review), _colour(summary))
    return format_html("{} {}", text, summary.review_version) if summary.review_version else text


def _colour(summary: CodeSummary) -> str:
    return REVIEW_COLOURS.get(summary.review, "")


def _review_text(account: Authorizer) -> str:
    review = summary_of(account).review
    return str(REVIEWS.get(review, review))


PreflightFilter = choice_filter(
    _("preflight"),
    "preflight",
    {
        "fine": (_("nothing stands in the way"), partial(Q, preflight__ok=True)),
        "failing": (_("something stands in the way"), is_held_back),
        "none": (_("not looked at"), partial(Q, preflight__isnull=True)),
    },
)


def preflight_of(account: Authorizer) -> PreflightSummary | None:
    try:
        return account.preflight
    except PreflightSummary.DoesNotExist:
        return None


def _preflight_label(account: Authorizer) -> SafeString | str:
    preflight = preflight_of(account)
    if preflight is None:
        return "–"
    if preflight.ok:
        return label(_("fine"), "success")
    title = list_words(describe_failing(preflight.failing))
    text = label(_("%(number)d failing") % {"number": len(preflight.failing)}, "danger")
    return format_html('<span title="{}">{}</span>', title, text)


def _preflight_text(account: Authorizer) -> str:
    preflight = preflight_of(account)
    if preflight is None:
        return ""
    return str(_("fine")) if preflight.ok else list_words(describe_failing(preflight.failing))


VIEW_PERMISSION = "audits.view_codeaudit"

add_facts(
    Fact(
        name="live_version",
        title=_("live version"),
        permission=VIEW_PERMISSION,
        is_of_programs=True,
        show=lambda row: summary_of(row).live_version or "–",
        text=lambda row: summary_of(row).live_version,
        extend=_read_summaries,
        filter=LiveVersionFilter,
        is_in_header=True,
        ordering="code_summary__live_key",
        when_sorted=_with_summaries,
    ),
    Fact(
        name="review",
        title=_("review"),
        permission=VIEW_PERMISSION,
        is_of_programs=True,
        show=_review_label,
        text=_review_text,
        extend=_read_summaries,
        filter=ReviewFilter,
        is_in_header=True,
        ordering="code_summary__review",
        when_sorted=_with_summaries,
    ),
    Fact(
        name="newest_upload",
        title=_("newest upload"),
        permission=VIEW_PERMISSION,
        is_of_programs=True,
        show=lambda row: summary_of(row).uploaded_version or "–",
        text=lambda row: summary_of(row).uploaded_version,
        extend=_read_summaries,
        ordering="code_summary__uploaded_key",
        when_sorted=_with_summaries,
    ),
    Fact(
        name="preflight",
        title=_("preflight"),
        permission=VIEW_PERMISSION,
        is_of_programs=True,
        show=_preflight_label,
        text=_preflight_text,
        extend=lambda rows: rows.select_related("preflight"),
        filter=PreflightFilter,
    ),
)
