"""How pushes are searched."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from messaging.services.kind_names import name_of_kind
from miniprograms.models import Authorizer
from platform_auth.forms import TimeField, capitalise_labels
from platform_auth.models import Push
from webhooks.routing import COMPONENT_PUSHES
from wechat.messages import EVENTS, MESSAGES

MAX_ACCOUNTS = 20  # whose names begin alike


def _text_input(label: Any, placeholder: Any, **attrs: str) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"placeholder": placeholder, **attrs})
    return forms.CharField(label=label, required=False, max_length=200, widget=widget)


def _time_input(label: Any) -> TimeField:
    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
    return TimeField(label=label, required=False, widget=widget)


class LogForm(forms.Form):
    """What is looked for. All of it may be left out."""

    account = _text_input(_("account"), _("wx…, gh_…, or beginning of a name"))
    user = _text_input(_("user"), "openid")
    kind = _text_input(_("kind"), "text, CLICK…", list="push-kinds", autocomplete="off")
    state = forms.ChoiceField(
        label=_("state"),
        choices=[("", "–"), *Push.State.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    since = _time_input(_("from"))
    until = _time_input(_("until"))

    def __init__(self, data: Any) -> None:
        super().__init__(data, label_suffix="")
        capitalise_labels(self)

    def narrow(self, rows: QuerySet[Push]) -> QuerySet[Push]:
        """Those of ROWS that are looked for; none if something was filled in wrongly."""
        if not self.is_valid():
            return rows.none()
        terms = self.cleaned_data
        exact = {
            "openid": terms["user"].strip(),
            "kind": terms["kind"].strip(),
            "state": terms["state"],
            "received_at__gte": terms["since"],
            "received_at__lt": terms["until"],
        }
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        account = terms["account"].strip()
        return rows.filter(appid__in=_appids(account)) if account else rows


def _appids(term: str) -> list[str]:
    """The accounts that TERM stands for. Pushes name appids that nobody knows, too."""
    if term.startswith("wx"):
        return [term]
    named = Q(user_name=term) if term.startswith("gh_") else Q(nick_name__startswith=term)
    rows = Authorizer.objects.filter(named).order_by()  # else PostgreSQL reads them by that order
    return list(rows.values_list("appid", flat=True)[:MAX_ACCOUNTS])


class LogFilter(admin.ListFilter):
    """The form as Django's list knows it. It stands above the list, not in the filters' panel."""

    title = _("search")
    template = "admin/pushes/filter.html"
    parameters = tuple(LogForm.base_fields)

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]
        self.form = LogForm(self.used_parameters)

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str]:  # type: ignore[override]
        return list(self.parameters)

    def choices(self, changelist: Any) -> Any:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return self.form.narrow(queryset)


def search_bar(request: HttpRequest) -> dict[str, Any]:
    """What the page shows above the list: the form, short ways to frequent questions."""
    terms = _terms(request)
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    week = today - timedelta(days=6)
    quick = [
        (_("today"), {"since": f"{today:%Y-%m-%dT%H:%M}", "until": ""}),
        (_("7 days"), {"since": f"{week:%Y-%m-%dT%H:%M}", "until": ""}),
        (_("failed"), {"state": "failed"}),
    ]
    return {
        "log_form": LogForm(terms),
        "kinds": [(kind, name_of_kind(kind)) for kind in (*MESSAGES, *EVENTS, *COMPONENT_PUSHES)],
        "quick": [(label, _query({**terms, **changes})) for label, changes in quick],
        "is_searched": any(terms.values()),
        "export_query": _query(terms),
    }


def _query(values: dict[str, str]) -> str:
    return "?" + urlencode({name: value for name, value in values.items() if value})


def describe_search(request: HttpRequest) -> str:
    """What was looked for, for the operation log."""
    terms = _terms(request).items()
    return ", ".join(f"{name}={value}" for name, value in terms if value)[:500]


def _terms(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "") for name in LogForm.base_fields}
