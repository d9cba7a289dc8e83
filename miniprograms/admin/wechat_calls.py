"""The log of calls to WeChat: searched by account, client, rid and request."""

import re
from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.db import DatabaseError, InterfaceError
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth import call_log
from platform_auth.admin.call_links import link_call
from platform_auth.admin.columns import account_column, column, link, time_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import StaffAdmin, label
from platform_auth.call_models import UNANSWERED, WELL, WeChatCall
from platform_auth.errcodes import explain_errcode
from platform_auth.models import ApiClient, Component

MOST_CLIENTS = 100  # in the filter
MOST_FOUND = 1000  # rows of one rid or request
NEWEST = 100_000  # among which a path is looked for that stands alone

_APPID = re.compile(r"wx[0-9a-zA-Z]{8,30}", re.ASCII)

OutcomeFilter = choice_filter(
    _("what came of it"),
    "outcome",
    {
        "well": (_("all is well"), lambda: Q(outcome=WELL)),
        "refused": (_("refused"), lambda: ~Q(outcome=WELL) & ~Q(outcome__in=UNANSWERED)),
        "unanswered": (_("no answer"), lambda: ~Q(outcome=WELL) & Q(outcome__in=UNANSWERED)),
    },
)


class ClientFilter(admin.SimpleListFilter):
    title = _("API client")
    parameter_name = "client"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """The first by name; and the one that is chosen, though it may be gone."""
        clients = ApiClient.objects.order_by("name", "pk").values_list("pk", "name")[:MOST_CLIENTS]
        names = {str(pk): name for pk, name in clients}
        if (chosen := self.value()) and chosen not in names:
            names[chosen] = chosen
        return list(names.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        if not chosen:
            return queryset
        is_number = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
        return queryset.filter(client_id=int(chosen)) if is_number else queryset.none()


@admin.register(WeChatCall)
class WeChatCallAdmin(StaffAdmin):
    asks_outside = False
    account_tab = "log"
    list_display = (
        "begun",
        "account",
        "path",
        "outcome_label",
        "rid",
        "milliseconds",
        "attempt",
        "asker",
    )
    list_display_links = ("begun",)
    list_filter = (OutcomeFilter, ClientFilter)
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("appid",)
    search_help_text = _(
        "An appid, a rid or a request; a path as well, which alone is looked for among the newest "
        "100,000"
    )
    readonly_fields = (
        *("at", "account", "path", "outcome_label", "explanation", "rid", "rid_at_wechat"),
        *("milliseconds", "attempt", "asker", "same_request"),
    )
    fields = readonly_fields

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With what this process has not written yet."""
        with suppress(DatabaseError, InterfaceError):  # its writer tries again, and says so
            call_log.write()
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[WeChatCall]:
        clients = ApiClient.objects.filter(pk=OuterRef("client_id")).values("name")[:1]
        rows: QuerySet[WeChatCall] = super().get_queryset(request)
        return rows.annotate(client_name=Subquery(clients))

    def find_rows(self, queryset: Any, term: str) -> Any:
        words = term.split()[:3]
        for word in words:
            queryset = _narrow(queryset, word, is_alone=len(words) == 1)
        return queryset

    begun = time_column("at", _("time"))
    asker = column(_("called by"), lambda row: _asker(row))
    explanation = column(_("explanation"), lambda row: _explain(row) or "–")
    account = account_column(_("account"))
    outcome_label = column(_("errcode"), lambda row: describe_outcome(row))
    rid_at_wechat = column(_("at WeChat"), lambda row: _rid_at_wechat(row))
    same_request = column(_("request"), lambda row: link_call(row.request_id))


def _narrow(rows: Any, word: str, *, is_alone: bool) -> Any:
    """Those of ROWS that WORD names: an account, a path, a rid or a request."""
    if _APPID.fullmatch(word):
        return rows.filter(appid=word)
    if word.startswith("/"):
        newest = WeChatCall.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        rows = rows.filter(path=word)
        return rows.filter(pk__gt=newest - NEWEST) if is_alone else rows
    # Each by its own index: of both together the database might read all rows instead.
    numbers = [
        pk
        for condition in ({"rid": word}, {"request_id": word})
        for pk in WeChatCall.objects.filter(**condition).values_list("pk", flat=True)[:MOST_FOUND]
    ]
    return rows.filter(pk__in=numbers)


def _asker(row: Any) -> str:
    name = row.asked_by or str(_("the system"))
    return name if row.client_id is None else f"{name} · {row.client_name or row.client_id}"


def describe_outcome(row: WeChatCall) -> SafeString:
    if row.outcome == WELL:
        return label(row.outcome, "success")
    return label(row.outcome, "danger" if row.outcome in UNANSWERED else "warning")


def _explain(row: WeChatCall) -> str:
    if row.outcome in UNANSWERED:
        return str(_UNANSWERED_WORDS[row.outcome])
    return explain_errcode(int(row.outcome)) if row.outcome != WELL else ""


_UNANSWERED_WORDS = {
    "Unreachable": _("No usable answer came; what came of it is not known."),
    "NotSent": _("WeChat could not be connected to; nothing was sent."),
    "BadAnswer": _("Something came back that is no answer of WeChat's."),
}


def _owner_of(row: WeChatCall) -> Authorizer | Component | None:
    """The account of ROW, or the component, if it is still here."""
    account: Authorizer | None = Authorizer.objects.filter(appid=row.appid).first()
    component: Component | None = Component.objects.filter(appid=row.appid).first()
    return account or component


def _rid_at_wechat(row: WeChatCall) -> SafeString | str:
    """Where WeChat is asked what it has seen of this call."""
    owner = _owner_of(row) if row.rid else None
    if owner is None:
        return "–"
    name = f"admin:{owner._meta.app_label}_{owner._meta.model_name}_change"
    page = reverse(name, args=[owner.pk]).removesuffix("change/")
    return link(f"{page}calls/?rid={row.rid}", _("Ask WeChat what it has seen"))
