"""Our own platform, with the domains that it may give to mini programs."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanWidget

from miniprograms.admin.settings_forms import LinesField
from miniprograms.admin.settings_tables import platform_table
from miniprograms.services.confirm_files import fetch_platform_confirm_file
from miniprograms.services.settings.kinds import BadSetting
from miniprograms.services.settings.platform_domains import (
    CALLS,
    SERVER,
    WEBVIEW,
    change_platform_domains,
    check_names,
    read_platform_domains,
)
from platform_auth.admin.acts import button, holding
from platform_auth.admin.components import ComponentPages
from platform_auth.admin.explained import ExplainedAdmin
from platform_auth.admin.pages import UncertainOutcome
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.forms import capitalise_labels
from platform_auth.logins.proof import require_proof
from platform_auth.models import Component
from platform_auth.operations import Actor
from wechat.domains import Action
from wechat.errors import WeChatError

MAY_CHANGE = "platform_auth.change_component"
TITLES = {SERVER: _("Server domains"), WEBVIEW: _("Web-view domains")}
ACTIONS = [("add", _("add")), ("delete", _("take away")), ("set", _("have these alone"))]


class NamesForm(forms.Form):
    """A change of one of the platform's lists."""

    action = forms.ChoiceField(
        label=_("what to do"), choices=ACTIONS, widget=UnfoldAdminSelectWidget
    )
    names = LinesField(_("domains"), rows=6, help_text=_("One a line, such as a.example.com"))
    published_too = forms.BooleanField(
        label=_("At once, not only in the version under test"),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, which: str, data: Any = None) -> None:
        super().__init__(data, label_suffix="", prefix=which)
        self.which = which
        capitalise_labels(self)

    def clean_names(self) -> list[str]:
        try:
            names = check_names(self.cleaned_data["names"], self.which)
        except BadSetting as problem:
            raise forms.ValidationError(problem.problems) from None
        if not names:
            raise forms.ValidationError(_("Name at least one domain."))
        return names


class PlatformDomainPages(ExplainedAdmin):
    """Adds the page of the platform's own domains to the admin of the component."""

    has_domains_permission = holding(MAY_CHANGE)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.domains_now)
        own = [path("<path:object_id>/domains/<slug:which>/", view, name="platform-domains-now")]
        return [*own, *super().get_urls()]

    @button(_("Domains"), "domains", path="domains", icon="dns")
    def domains_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the platform has registered, how to change it, and the file that proves it."""
        row: Component = self.visible_or_404(request, object_id)
        require_proof(request)
        which = str(request.POST.get("which", ""))
        forms_by_list = {
            name: NamesForm(name, request.POST if name == which else None) for name in CALLS
        }
        if request.method == "POST":
            form = forms_by_list.get(which)
            if form is None:
                self.carry_out(request, row, lambda row: _fetch_file(row, request.user))
                return HttpResponseRedirect(request.path)
            if form.is_valid():
                self.carry_out(request, row, lambda row: _change(row, form, request.user))
                return HttpResponseRedirect(request.path)
        return self.page(
            request,
            "admin/settings/platform.html",
            title=_("Domains"),
            component=row,
            lists=[
                {
                    "name": name,
                    "title": TITLES[name],
                    "form": form,
                    "now": reverse("admin:platform-domains-now", args=[row.pk, name]),
                }
                for name, form in forms_by_list.items()
            ],
            files=row.confirm_files.filter(authorizer=None),
            back=self.url_of(row),
        )

    def domains_now(self, request: HttpRequest, object_id: str, which: str) -> HttpResponse:
        """One of the platform's lists as WeChat has it, as a piece of HTML."""
        if not request.user.has_perm(MAY_CHANGE):
            raise PermissionDenied
        row: Component = self.visible_or_404(request, object_id)
        if which not in CALLS:
            raise Http404
        context: dict[str, object] = {}
        try:
            context["table"] = platform_table(read_platform_domains(row, which))
        except (WeChatError, Unreadable) as problem:
            context["problem"] = explain_error(problem)
        return HttpResponse(render_to_string("admin/settings/platform_now.html", context, request))


def _change(component: Component, form: NamesForm, by: Actor) -> object:
    data = form.cleaned_data
    lists = change_platform_domains(
        component,
        form.which,
        cast(Action, data["action"]),
        data["names"],
        published_too=data["published_too"],
        by=by,
    )
    if lists.invalid:
        sentence = _("WeChat did not take: %(names)s")
        return UncertainOutcome(sentence % {"names": ", ".join(lists.invalid)})
    return _("the list is changed.")


def _fetch_file(component: Component, by: Actor) -> object:
    file = fetch_platform_confirm_file(component, by=by)
    return _("%(file)s is served now.") % {"file": file}


@admin.register(Component)
class ComponentAdmin(PlatformDomainPages, ComponentPages):
    actions_detail = (*ComponentPages.actions_detail, "domains_page")
