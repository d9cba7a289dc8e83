"""What staff pages share: read-only rows, acts that ask first, lists that count only so far."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.admin import ModelAdmin

from platform_auth.admin.account_links import AccountLinks
from platform_auth.admin.boxes import ago as ago
from platform_auth.admin.boxes import label as label
from platform_auth.admin.live_lists import LiveLists
from platform_auth.admin.near_paginator import NearPaginator
from platform_auth.admin.shown_once import ShownOnce
from platform_auth.admin.titles import TitledAdmin
from platform_auth.errcodes import explain_error, explain_kept
from platform_auth.fields import Unreadable
from platform_auth.forms import capitalise_labels
from platform_auth.listing import with_detail
from platform_auth.operations import record_operation
from wechat.bulkhead import take_place
from wechat.errors import Refused, WeChatError, scrub

MAX_CHOSEN = 20  # each may keep WeChat busy for seconds while a person waits

_LARGEST = 2**63 - 1  # of a number that a column holds
# How the lists' filters compare; more would let columns be guessed letter by letter.
COMPARISONS = {"", "exact", "in", "isnull", "isempty", "gte", "lt", "id__exact"}

ASK = "admin/ask.html"
Act = Callable[[Any], object]


class UncertainOutcome(str):
    """A sentence about an act whose outcome nobody knows yet."""


class StaffAdmin(TitledAdmin, AccountLinks, LiveLists, ShownOnce):
    """Rows that staff look at. No form changes them: acts do, each with a permission of its own."""

    list_per_page = 50
    list_sections = ()  # the frame asks twice a row; for what is missing Django lists all there is
    list_fullwidth = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions_on_top = True
    troubles: tuple[type[Exception], ...] = (WeChatError, Unreadable)
    asks_outside = True  # whether acts may ask WeChat, or another server, while a person waits

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By the list's filters alone: Django would let every column of the row be asked about."""
        name, _dunder, comparison = lookup.partition("__")
        offered = {name for item in self.get_list_filter(request) for name in parameters_of(item)}
        return name in offered and comparison in COMPARISONS and not _is_beyond(value)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an address says about a new row, without keys that no row could have."""
        values = super().get_changeform_initial_data(request)
        return {name: value for name, value in values.items() if self._may_begin(name, value)}

    def _may_begin(self, name: str, value: Any) -> bool:
        fields = [field for field in self.opts.get_fields() if field.name == name]
        keys = value if isinstance(value, list) else [value]
        return all(_holds(field.target_field, keys) for field in fields if field.is_relation)

    def is_key(self, text: str) -> bool:
        """Whether a row could have this key: a number that the column holds."""
        return _holds(self.opts.pk, [unquote(text)])

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        return super().get_object(request, object_id, *args) if self.is_key(object_id) else None

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        if not all(map(self.is_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest
        return super().response_action(request, queryset)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        rows = self.find_rows(queryset, term) if term else queryset
        if rows is None:
            rows, may_repeat = super().get_search_results(request, queryset, search_term)
            return rows, bool(may_repeat)
        return rows, False

    def find_rows(self, queryset: Any, term: str) -> Any:
        """Those of QUERYSET that TERM names exactly, by an index; None: let Django search."""
        return None

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Without the buttons that do not fit the row as it is."""
        if not self.is_key(str(object_id)):
            return []
        unfit = self.unfit_acts(object_id)
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        buttons = super().get_actions_detail(request, object_id)
        return [item for item in buttons if item.action_name.removeprefix(prefix) not in unfit]

    def unfit_acts(self, object_id: Any) -> set[str]:
        """Which of `actions_detail` make no sense for the row now."""
        return set()

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> NearPaginator:
        page = request.GET.get("p") or request.GET.get("page") or "1"
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 9 else 1
        return NearPaginator(queryset, per_page, *args, page=number, **kwargs)

    def carry_out(self, request: HttpRequest, row: Any, act: Act) -> None:
        """Do ACT to ROW and show what came of it. Raises Crowded before anything is done."""
        if self.asks_outside:
            take_place()
        try:
            sentence = act(row)
        except self.troubles as problem:
            self.message_user(
                request, with_detail(row, self.describe_problem(problem)), messages.ERROR
            )
        else:
            level = messages.WARNING if isinstance(sentence, UncertainOutcome) else messages.SUCCESS
            self.message_user(request, with_detail(row, sentence), level)

    def describe_problem(self, problem: Exception) -> object:
        """What the page says of PROBLEM, one of `troubles`: WeChat's refusals are explained."""
        if isinstance(problem, Refused):
            rid = f" rid {problem.rid}" if problem.rid else ""
            return f"{explain_error(problem)}{rid}"
        return explain_kept(str(problem)) if isinstance(problem, WeChatError) else problem

    def carry_out_each(self, request: HttpRequest, rows: Iterable[Any], act: Act) -> None:
        """Do ACT to each of ROWS, but not to a whole table while the person waits."""
        for row in self.limit_chosen(request, rows):
            self.carry_out(request, row, act)

    def limit_chosen(self, request: HttpRequest, rows: Any) -> list[Any]:
        """ROWS as a list; empty, with a message, if they are too many to act on at once."""
        chosen = list(rows[: MAX_CHOSEN + 1])
        if len(chosen) > MAX_CHOSEN:
            text = _("Nothing was done: choose at most %(most)d at once.") % {"most": MAX_CHOSEN}
            self.message_user(request, text, messages.ERROR)
            return []
        return chosen

    def confirm(
        self,
        request: HttpRequest,
        object_id: str,
        act: Callable[[Any, Any], object],
        *,
        title: object,
        question: object,
        form: Callable[[HttpRequest, Any], Form] | None = None,
        back: str | None = None,
        preview: Callable[[Any, Any], object] | None = None,
        row: Any = None,
        **context: Any,
    ) -> HttpResponse:
        """
        A page that asks before ACT is done to one row, with the FORM's answers; POST does it.

        ROW is that row where the caller has looked at it already, as this person may see it.
        BACK is the page that one comes from and goes to, by default the row's own; PREVIEW shows
        what would be done, at the click of a button of its own; CONTEXT is for the template.
        """
        row = row or self.visible_or_404(request, object_id)
        back = back or self.url_of(row)
        filled = form(request, row) if form else None
        if request.method == "POST" and (filled is None or filled.is_valid()):
            if preview is None or "preview" not in request.POST:
                self.carry_out(request, row, lambda row: act(row, filled))
                return HttpResponseRedirect(back)
            context["preview"] = preview(row, filled)
        context |= {"title": title, "question": question, "form": filled, "back": back}
        context["has_preview"] = preview is not None
        return self.page(request, ASK, rows=[row], **context)

    def confirm_chosen(
        self,
        request: HttpRequest,
        queryset: Any,
        act: Act,
        *,
        action: str,
        title: object,
        question: object,
        also: Callable[[Any], list[tuple[str, str]]] = lambda row: [],
        name: Callable[[Any], str] | None = None,
    ) -> HttpResponse | None:
        """
        A page that asks before ACT is done to the rows chosen in a list; the same POST, confirmed,
        does it. None once it is done: back to the list.

        ALSO gives what the page remembers of a row, as names and values it posts; NAME what it
        calls the row.
        """
        rows = self.limit_chosen(request, queryset)
        if not rows:
            return None
        if request.POST.get("confirmed"):
            for row in rows:
                self.carry_out(request, row, act)
            return None
        chosen = [(ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows]
        remembered = [pair for row in rows for pair in also(row)]
        hidden = [("action", action), *chosen, *remembered]
        names = [(name or self.name_of)(row) for row in rows]
        context = {"title": title, "question": question, "hidden": hidden}
        context["back"] = request.get_full_path()
        return self.page(request, ASK, rows=names, **context)

    def ask(
        self, request: HttpRequest, row: Any, title: object, question: object
    ) -> TemplateResponse:
        """The page that asks about ROW before what its POST does, which is the caller's."""
        context = {"title": title, "question": question, "back": self.url_of(row)}
        return self.page(request, ASK, rows=[row], **context)

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """A page of our own within the admin's frame."""
        request.current_app = self.admin_site.name
        if template == ASK and (form := context.get("form")):
            capitalise_labels(form)
        named = context.pop("rows", [])
        rows = [row if isinstance(row, str) else self.name_of(row) for row in named]
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, template, {**frame, "rows": rows, **context})

    def visible_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The row, if this person may see it: an act must not tell names that the list hides."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def name_of(self, row: Any) -> str:
        """ROW as the pages that ask call it."""
        name = self.title_of(row)
        words = [getattr(row, field, "") for field in ("appid", "nick_name")]
        return " ".join([name, *(word for word in words if word and word not in name)])

    def url_of(self, row: Any) -> str:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[quote(row.pk)])


class FormAdmin(StaffAdmin):
    """Rows that staff may edit by form, as far as their permissions go."""

    has_add_permission = ModelAdmin.has_add_permission
    has_change_permission = ModelAdmin.has_change_permission
    has_delete_permission = ModelAdmin.has_delete_permission

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's "delete selected", whose rows and log are not one transaction."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            appid = getattr(obj, "appid", "")
            record_operation(
                f"delete_{self.opts.model_name}", by=request.user, appid=appid, result=str(obj)
            )
        return super().log_deletions(request, queryset)


class RecordedAdmin(FormAdmin):
    """Rows with no service below that records: what Django's admin logs becomes an operation."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        record_operation(f"add_{self.opts.model_name}", by=request.user, result=str(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        names = ", ".join(_changed_names(message))
        record_operation(
            f"change_{self.opts.model_name}", by=request.user, result=f"{obj}: {names}"
        )
        return super().log_change(request, obj, message)


def _holds(field: Any, values: Iterable[str]) -> bool:
    """Whether the column of FIELD could hold each of VALUES."""
    try:
        for value in values:
            field.clean(value, None)
    except ValidationError:
        return False
    return True


def _is_beyond(value: str) -> bool:
    """Whether it is a number that no column holds."""
    digits = value.strip().lstrip("-")
    return digits.isdecimal() and int(digits[:20]) > _LARGEST


def parameters_of(item: Any) -> Sequence[str]:
    """What ITEM of a list's filters, a field or a class, is called in an address."""
    if isinstance(item, str):
        return [item]
    if isinstance(item, tuple):
        return [item[0]]
    return getattr(item, "parameters", None) or [item.parameter_name]


def _changed_names(message: Any) -> list[str]:
    """
    The names in Django's log MESSAGE: of fields, and of rows added or deleted within the form;
    never their values.
    """
    parts = message if isinstance(message, list) else []
    return [
        str(name)
        for part in parts
        for details in part.values()
        for name in details.get("fields") or filter(None, [details.get("name")])
    ]


# ── pieces of page ──────────────────────────────────────────────────────────────────────────────


def say(text: StrOrPromise, **words: object) -> SafeString:
    """TEXT with WORDS in it, of which a time of `ago` stays what it is."""
    safe = {name: _as_html(word) for name, word in words.items()}
    return SafeString(escape(str(text)) % safe)


def _as_html(word: object) -> str:
    """A template ends in a line of its own, which would stand before what follows."""
    return word.strip() if isinstance(word, SafeString) else escape(str(word))


def copyable(text: str) -> SafeString:
    """TEXT in a field with a button that copies it."""
    return render_to_string("admin/parts/copy.html", {"text": text})


def pretty(value: object, *, is_open: bool = False) -> SafeString | str:
    """VALUE as indented JSON behind a fold, without anything shaped like a credential."""
    if not value:
        return "–"
    text = scrub(json.dumps(value, ensure_ascii=False, indent=2, default=str))
    context = {"text": text, "lines": text.count("\n") + 1, "is_open": is_open}
    return render_to_string("admin/parts/json.html", context)


def table(headers: Sequence[object], rows: Sequence[Sequence[object]]) -> SafeString | str:
    if not rows:
        return "–"
    return render_to_string("admin/parts/table.html", {"headers": headers, "rows": rows})
