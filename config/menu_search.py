"""The search above the menu of the staff pages: pages, accounts and people, a few of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from config.navigation import sidebar
from miniprograms.models import Authorizer

MOST_OF_EACH = 8
LONGEST_TERM = 100  # no name is longer
SHORTEST_BEGINNING = 4  # of an id: all of them begin with wx, or gh_


@dataclass(frozen=True, slots=True)
class Hit:
    """What is called TITLE, at URL; ABOUT tells it from others of that name."""

    icon: str
    title: str
    about: str
    url: str


@require_GET
def menu_search(request: HttpRequest) -> HttpResponse:
    """The entries that drop down from the field. What a person may not look at is not there."""
    term = request.GET.get("s", "").strip()[:LONGEST_TERM]
    hits = [*_pages(request, term), *_accounts(request, term), *_people(request, term)]
    context = {"term": term, "hits": hits if term else []}
    return TemplateResponse(request, "admin/parts/menu_search.html", context)


def _pages(request: HttpRequest, term: str) -> Iterator[Hit]:
    for group in sidebar(request):
        for item in group["items"]:
            if term.casefold() in str(item["title"]).casefold():
                yield Hit(item["icon"], str(item["title"]), str(group["title"]), item["link"])


def _accounts(request: HttpRequest, term: str) -> Iterator[Hit]:
    rows = _matching(request, Authorizer, term)
    if not rows and term.startswith(("wx", "gh_")) and len(term) >= SHORTEST_BEGINNING:
        visible = Authorizer.objects.for_lists().visible_to(request.user)
        column = "appid__startswith" if term.startswith("wx") else "user_name__startswith"
        if admin.site.get_model_admin(Authorizer).has_view_permission(request):
            rows = list(visible.filter(**{column: term})[:MOST_OF_EACH])
    for row in rows:
        url = reverse("admin:miniprograms_authorizer_change", args=[row.pk])
        yield Hit("apps", row.nick_name or row.appid, row.appid if row.nick_name else "", url)


def _people(request: HttpRequest, term: str) -> Iterator[Hit]:
    for row in _matching(request, User, term):
        role = _("staff") if row.is_staff else _("merchant")
        about = f"{row.username} · {role}" if row.get_full_name() else role
        url = reverse("admin:auth_user_change", args=[row.pk])
        yield Hit("person", row.get_full_name() or row.username, about, url)


def _matching(request: HttpRequest, model: type[Any], term: str) -> list[Any]:
    """The first rows that the list of MODEL finds by TERM, for whoever may look at it."""
    page = admin.site.get_model_admin(model)
    if not term or not page.has_view_permission(request):
        return []
    rows, _may_repeat = page.get_search_results(request, page.get_queryset(request), term)
    return list(rows[:MOST_OF_EACH])
