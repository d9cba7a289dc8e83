"""The message log: how it is searched, what its lines say, and how it is exported."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from messaging.services.describing import describe, label_of
from messaging.services.history import told_by_push
from miniprograms.models import Authorizer
from platform_auth.admin.redaction import redact
from platform_auth.fields import Unreadable
from platform_auth.forms import capitalise
from platform_auth.models import Push
from webhooks.routing import COMPONENT_PUSHES
from wechat import push as wire
from wechat.errors import Untrusted, scrub
from wechat.messages import EVENTS, MESSAGES, read_message

MOST_ACCOUNTS = 20  # whose names begin alike
MOST_ROWS, AT_ONCE = 100_000, 1_000  # of an export

COMPONENT_WORDS = {
    "component_verify_ticket": _("the platform's ticket"),
    "authorized": _("gave its authorisation"),
    "updateauthorized": _("changed what it authorises"),
    "unauthorized": _("cancelled its authorisation"),
    "notify_third_fasteregister": _("a quick registration"),
    "notify_third_fastregisterbetaapp": _("a trial mini program was registered"),
    "notify_third_fastverifybetaapp": _("a trial mini program was verified"),
    "notify_3rd_wxa_auth": _("a verification by WeChat"),
    "notify_3rd_wxa_wxverify": _("a verification by WeChat"),
    "notify_icpfiling_verify_result": _("a check for its ICP filing"),
    "notify_apply_icpfiling_result": _("its ICP filing"),
    "order_path_apply_result_notify": _("its page of orders was applied for"),
    "order_path_audit_result_notify": _("its page of orders was reviewed"),
}


def fields_of(push: Push) -> Any:
    """What PUSH holds, redacted. Raises Unreadable or Untrusted."""
    return redact(wire.read(push.body.encode()).fields)


def name_of_kind(kind: str) -> str:
    """KIND in words; "" where we have none."""
    if kind in COMPONENT_WORDS:
        return str(COMPONENT_WORDS[kind])
    if kind in MESSAGES:
        return label_of(kind)
    if kind in EVENTS:
        return describe(read_message(wire.Push(kind, {"Event": kind}))).label
    return ""


def says(push: Push) -> str:
    """What PUSH says to a person, in one line; "" where its kind says it all."""
    is_plain = not push.openid and push.kind in COMPONENT_PUSHES
    return "" if is_plain else scrub(told_by_push(push).line)


# ── searching ───────────────────────────────────────────────────────────────────────────────────


def _text(label: Any, placeholder: Any, **attrs: str) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"placeholder": placeholder, **attrs})
    return forms.CharField(label=label, required=False, max_length=200, widget=widget)


def _time(label: Any) -> forms.DateTimeField:
    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
    return forms.DateTimeField(label=label, required=False, widget=widget)


class LogForm(forms.Form):
    """What is looked for. All of it may be left out."""

    account = _text(_("account"), _("wx…, gh_…, or beginning of a name"))
    user = _text(_("user"), "openid")
    kind = _text(_("kind"), "text, CLICK…", list="push-kinds", autocomplete="off")
    state = forms.ChoiceField(
        label=_("state"),
        choices=[("", "–"), *Push.State.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    since = _time(_("from"))
    until = _time(_("until"))

    def __init__(self, given: Any) -> None:
        super().__init__(given, label_suffix="")
        capitalise(self)

    def narrow(self, rows: QuerySet[Push]) -> QuerySet[Push]:
        """Those of ROWS that are looked for; none if something was filled in wrongly."""
        if not self.is_valid():
            return rows.none()
        said = self.cleaned_data
        exact = {
            "openid": said["user"].strip(),
            "kind": said["kind"].strip(),
            "state": said["state"],
            "received_at__gte": said["since"],
            "received_at__lt": said["until"],
        }
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        account = said["account"].strip()
        return rows.filter(appid__in=_appids(account)) if account else rows


def _appids(term: str) -> list[str]:
    """The accounts that TERM stands for. Pushes name appids that nobody knows, too."""
    if term.startswith("wx"):
        return [term]
    named = Q(user_name=term) if term.startswith("gh_") else Q(nick_name__startswith=term)
    found = Authorizer.objects.filter(named).order_by()  # else PostgreSQL reads them by that order
    return list(found.values_list("appid", flat=True)[:MOST_ACCOUNTS])


class LogFilter(admin.ListFilter):
    """The form as Django's list knows it. It stands above the list, not in the filters' panel."""

    title = _("search")
    template = "admin/pushes/filter.html"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]
        self.form = LogForm(self.used_parameters)

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str]:  # type: ignore[override]
        return list(LogForm.base_fields)

    def choices(self, changelist: Any) -> Any:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return self.form.narrow(queryset)


def bar(request: HttpRequest) -> dict[str, Any]:
    """What the page shows above the list: the form, short ways to frequent questions."""
    given = {name: request.GET.get(name, "") for name in LogForm.base_fields}
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    week = today - timedelta(days=6)
    quick = [
        (_("today"), {"since": f"{today:%Y-%m-%dT%H:%M}", "until": ""}),
        (_("7 days"), {"since": f"{week:%Y-%m-%dT%H:%M}", "until": ""}),
        (_("failed"), {"state": "failed"}),
    ]
    return {
        "log_form": LogForm(given),
        "kinds": [(kind, name_of_kind(kind)) for kind in (*MESSAGES, *EVENTS, *COMPONENT_PUSHES)],
        "quick": [(label, _query({**given, **more})) for label, more in quick],
        "is_searched": any(given.values()),
        "export_query": _query(given),
    }


def _query(values: dict[str, str]) -> str:
    return "?" + urlencode({name: value for name, value in values.items() if value})


def searched(request: HttpRequest) -> str:
    """What was looked for, for the operation log."""
    given = {name: request.GET.get(name, "") for name in LogForm.base_fields}
    return ", ".join(f"{name}={value}" for name, value in given.items() if value)[:500]


# ── export ──────────────────────────────────────────────────────────────────────────────────────

TITLES = (_("received"), _("sent"), _("appid"), _("account"), _("user"), _("kind"),
          _("in words"), _("says"), _("state"), _("attempts"), _("error"),
          _("fields"))  # fmt: skip


def export_rows(rows: QuerySet[Push]) -> Iterator[list[str]]:
    """
    ROWS, the newest first, as cells of text. They are read by many short queries: one long one
    would keep the database from cleaning up behind the pushes that come meanwhile.
    """
    rows, left = rows.order_by("-received_at", "-id"), MOST_ROWS
    page = list(rows[: min(left, AT_ONCE)])
    while page:
        names = _names(page)
        for push in page:
            yield _cells(push, names)
        left -= len(page)
        last = page[-1]
        older = Q(received_at__lt=last.received_at) | Q(
            received_at=last.received_at, pk__lt=last.pk
        )
        page = list(rows.filter(older, received_at__lte=last.received_at)[: min(left, AT_ONCE)])


def _names(page: list[Push]) -> dict[str, str]:
    appids = {push.appid for push in page}
    rows = Authorizer.objects.filter(appid__in=appids).values_list("appid", "nick_name")
    return dict(rows)


def _cells(push: Push, names: dict[str, str]) -> list[str]:
    return [
        *(
            timezone.localtime(at).isoformat(" ", "seconds")
            for at in (push.received_at, push.created)
        ),
        push.appid,
        names.get(push.appid, ""),
        push.openid,
        push.kind,
        name_of_kind(push.kind),
        says(push),
        str(push.get_state_display()),
        str(push.attempts),
        push.error,
        _fields(push),
    ]


def _fields(push: Push) -> str:
    try:
        return json.dumps(fields_of(push), ensure_ascii=False)
    except Unreadable:
        return gettext("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
    except Untrusted:
        return ""
