"""The list of accounts: with what apps above know of each, and as a file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.views import ChangeList

from miniprograms.admin.facts import Fact, add_to_rows, cell_of, facts_for
from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin
from platform_auth.admin.spreadsheet import csv_lines, csv_response
from platform_auth.operations import record_operation
from platform_auth.person_names import name_person

EXPORT_BATCH, MAX_EXPORTED = 500, 100_000


class AccountChangeList(ChangeList):
    """A page of accounts, with the facts of those on it."""

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[str]:
        """In one direction, so that an index can be read along."""
        ordering: list[str] = super().get_ordering(request, queryset)
        is_descending = ordering[0].startswith("-")
        first = [name for name in ordering if name.lstrip("-") not in ("pk", "id")]
        return [*first, "-pk" if is_descending else "pk"] if first else ordering

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request, *args, **kwargs)
        return add_to_rows(facts_for(request.user), rows.for_lists())


class ListedAccounts(StaffAdmin):
    """Adds to the admin of accounts the facts of apps above, and the list as CSV."""

    list_before_template = "admin/accounts/bar.html"
    live_columns = ("standing", "live_version", "review", "unread", "token_health")

    def rows_now(self, request: HttpRequest, keys: Iterable[int]) -> QuerySet[Any]:
        rows: Any = super().rows_now(request, keys)
        return add_to_rows(facts_for(request.user), rows.for_lists())

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[AccountChangeList]:
        return AccountChangeList

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        first, state, *others = super().get_list_display(request)
        return [first, state, *map(cell_of, facts_for(request.user)), *others]

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        filters = [fact.filter for fact in facts_for(request.user) if fact.filter]
        return [*super().get_list_filter(request), *filters]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        own = path("export/", view, name="miniprograms_authorizer_export")
        return [own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        export = reverse("admin:miniprograms_authorizer_export")
        query = request.GET.urlencode()
        bar = {"export_url": f"{export}?{query}" if query else export}
        answer: HttpResponse = super().changelist_view(request, {**bar, **(extra_context or {})})
        return answer

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """What is found, as CSV, with what this person may see of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            raise BadRequest from None
        facts = facts_for(request.user)
        record_operation(
            "export_accounts", by=request.user, result=request.GET.urlencode()[:500] or "*"
        )
        titles = [*(title for title, _text in _OWN_COLUMNS), *(fact.title for fact in facts)]
        name = f"accounts-{timezone.localtime():%Y%m%d-%H%M}"
        return csv_response(name, csv_lines(titles, _export_rows(rows, facts)))


def _export_rows(rows: QuerySet[Authorizer], facts: Sequence[Fact]) -> Iterator[list[str]]:
    """ROWS, the newest first, by many short queries; none reads more than one batch."""
    newest_first = rows.order_by("-pk")
    page = list(newest_first[:EXPORT_BATCH])
    remaining = MAX_EXPORTED
    while page:
        for row in page:
            own = [text(row) for _title, text in _OWN_COLUMNS]
            yield own + [fact.text(row) for fact in facts]
        remaining -= len(page)
        page = list(newest_first.filter(pk__lt=page[-1].pk)[: min(remaining, EXPORT_BATCH)])


def _local(at: Any) -> str:
    return timezone.localtime(at).isoformat(" ", "seconds") if at else ""


_OWN_COLUMNS: list[tuple[Any, Callable[[Authorizer], str]]] = [
    (_("appid"), lambda row: row.appid),
    (_("name"), lambda row: row.nick_name),
    (_("original id"), lambda row: row.user_name),
    (_("principal"), lambda row: row.principal_name),
    (_("kind"), lambda row: str(row.get_kind_display())),
    (_("state"), lambda row: str(row.get_state_display())),
    (_("account status"), lambda row: str(row.get_account_status_display())),
    (_("merchant"), lambda row: name_person(row.owner) if row.owner else ""),
    (_("tags"), lambda row: ", ".join(tag.name for tag in row.tags.all())),
    (_("permission sets"), lambda row: " ".join(str(item["id"]) for item in row.permission_sets)),
    (_("authorised"), lambda row: _local(row.create_time)),
    (_("last error"), lambda row: row.last_error),
]
