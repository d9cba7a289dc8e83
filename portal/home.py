"""The portal's first page: what is bound, what is under way, and the form to bind more."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Case, Count, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_stubs_ext import StrOrPromise

from miniprograms.models import Authorizer
from miniprograms.services.attempts import Stage
from miniprograms.services.showing import SHOWN
from platform_auth.acting_component import components_for_merchants
from portal.attempts import find_attempts, is_assigned, read_bindings
from portal.conditions import condition_of
from portal.forms import BindForm
from portal.messages import count_unread
from portal.standings import read_standings

ACCOUNTS_PER_PAGE = 50
FEW = 5  # are found without a search
_BOUND = Q(state=Authorizer.State.BOUND)
_UNBOUND = Q(state=Authorizer.State.UNBOUND)
_AILING = ~Q(account_status=Authorizer.AccountStatus.NORMAL) & ~_UNBOUND
# What the merchant must do something about: in this order it stands first.
_REJECTED = _BOUND & Q(code_summary__review="rejected")
_URGENT = Q(state=Authorizer.State.NEEDS_REAUTHORIZATION) | _AILING
_LACKING = _BOUND & ~Q(lacks="")
_UNREADY = _BOUND & Q(preflight__ok=False, preflight__for_merchant__gt="")
_TROUBLE = Case(
    When(_REJECTED, then=0),
    When(_URGENT, then=1),
    When(_LACKING, then=2),
    When(_UNREADY, then=3),
    default=4,
)
# The parts of the list, by what their address says.
PARTS = {
    "to-do": (gettext_lazy("Something to do"), _REJECTED | _URGENT | _LACKING | _UNREADY),
    "in-review": (
        gettext_lazy("Under review"),
        _BOUND & Q(code_summary__review__in=["in_review", "delayed", "submitting", "unknown"]),
    ),
    "approved": (gettext_lazy("Approved, not online"), _BOUND & Q(code_summary__review="passed")),
    "unbound": (gettext_lazy("No longer bound"), _UNBOUND),
}
# What a phone's browser calls itself; WeChat on a computer names itself too, and is none.
_WECHAT = r"MicroMessenger(?!.*(?:WindowsWechat|MacWechat))"
PHONE = re.compile(rf"Mobile|{_WECHAT}")
PHONES_WECHAT = re.compile(_WECHAT)


@never_cache
@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    return render_home(request, BindForm(platforms=components_for_merchants()))


def render_home(request: HttpRequest, form: BindForm, status: int = HTTPStatus.OK) -> HttpResponse:
    """The page with FORM, which may hold errors."""
    if form.errors:  # below a long list it would not be seen
        form.fields["biz_appid"].widget.attrs["autofocus"] = True
    own = Authorizer.objects.for_lists().filter(owner_id=request.user.pk, is_show=SHOWN)
    term = request.GET.get("q", "").strip()
    if term:
        own = own.filter(Q(nick_name__icontains=term) | Q(appid=term))
    parts = _count_parts(own)
    part = request.GET.get("part", "")
    own = own.filter(PARTS[part][1]) if part in PARTS else own
    accounts = own.select_related("preflight").annotate(trouble=_TROUBLE)
    accounts = accounts.order_by("trouble", "-id")
    pages = Paginator(accounts, ACCOUNTS_PER_PAGE)
    pages.count = next((one.number for one in parts if one.name == part), parts[0].number)
    page = pages.get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)  # read once, for all that is told of them
    count_unread(request, page.object_list)
    standings = read_standings(page.object_list)
    user: User = request.user  # type: ignore[assignment]
    bindings = read_bindings(user)
    unfinished = find_attempts(user, bindings)
    context = {
        "form": form,
        "action": reverse("portal:bind"),
        "is_phone": is_phone(request),
        "page": page,
        "term": term,
        "part": part if part in PARTS else "",
        "parts": parts,
        "is_searchable": term or part or parts[0].number > FEW,
        "rows": [(row, standings[row.pk], condition_of(row, standings[row.pk])) for row in page],
        "unfinished": unfinished,
        "is_waiting": any(one.stage == Stage.WAITING for one in unfinished),
        "assigned": [row.authorizer for row in bindings if is_assigned(row)],
    }
    return render(request, "portal/home.html", context, status=status)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the list: its NAME in addresses, its TITLE, and the NUMBER of accounts in it."""

    name: str
    title: StrOrPromise
    number: int


def _count_parts(rows: QuerySet[Authorizer]) -> list[Part]:
    """All of ROWS, and their parts."""
    numbers = rows.order_by().aggregate(
        all=Count("pk"),
        **{name: Count("pk", filter=condition) for name, (_title, condition) in PARTS.items()},
    )
    parts = [Part(name, title, numbers[name]) for name, (title, _condition) in PARTS.items()]
    return [Part("", gettext_lazy("All"), numbers["all"]), *parts]


def is_phone(request: HttpRequest) -> bool:
    """Whether this browser is a phone's, and needs no code to scan."""
    return bool(PHONE.search(request.headers.get("User-Agent", "")))


def is_in_phones_wechat(request: HttpRequest) -> bool:
    """Whether it is WeChat on a phone, which alone opens the page where owners confirm there."""
    return bool(PHONES_WECHAT.search(request.headers.get("User-Agent", "")))
