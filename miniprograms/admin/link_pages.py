"""Links with which merchants bind: which platform of ours they are for, all there are, revoking."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from miniprograms.models import Binding, BindLink
from miniprograms.services.bind_links import (
    bind_links,
    renew_bind_link,
    revoke_bind_link,
    status_of,
)
from platform_auth.acting_component import NoComponent, acting_component, registered_components
from platform_auth.admin.account_links import link_account, reader_of
from platform_auth.admin.acts import (
    ask_about_chosen,
    ask_about_one,
    button,
    holding,
    saying,
)
from platform_auth.admin.columns import column, link_to, time_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import StaffAdmin, label, table
from platform_auth.forms import capitalise_labels
from platform_auth.models import Component
from platform_auth.person_names import name_person

STATUS_COLOURS = {
    BindLink.Status.OPEN: "info",
    BindLink.Status.STARTED: "info",
    BindLink.Status.BOUND: "success",
    BindLink.Status.UNCLAIMED: "warning",
    BindLink.Status.REFUSED: "danger",
    BindLink.Status.REVOKED: "danger",
}
MOST_ATTEMPTS = 20  # shown on the page of a link

_PURPOSE = ("user", "status", "platform", "kind", "purpose", "on_device", "sets", "attempts")
_MADE = ("made_by", "client", "user_ref", "return_url", "is_single")
_COURSE = ("presses", "created_at", "expires_at", "revoked_at")
_DEVICES = dict(Binding.Device.choices)
_KINDS = dict(Binding.AUTH_TYPES)


class LinkForm(forms.Form):
    """Which of our platforms a link is for, where there are several."""

    component = forms.ChoiceField(label=_("component"), widget=UnfoldAdminSelectWidget)

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST if request.method == "POST" else None)
        self._rows = {row.appid: row for row in registered_components()}
        if len(self._rows) < 2:
            del self.fields["component"]
            return
        field: Any = self.fields["component"]
        field.choices = [("", "–"), *((appid, _name(row)) for appid, row in self._rows.items())]
        try:
            field.initial = acting_component().appid
        except NoComponent:
            field.initial = ""
        capitalise_labels(self)

    @property
    def chosen(self) -> Component | None:
        """The one that was chosen; None where there is no choice."""
        return self._rows.get(self.cleaned_data.get("component", ""))


def _name(component: Component) -> str:
    return f"{component} ({component.appid})" if component.name else component.appid


REVOKE_QUESTION = _(
    "Whoever opens the link is told that it is not valid any more. An account that is just being "
    "bound with it waits for staff."
)
_revoke = saying(_("revoked."), revoke_bind_link)


@admin.register(BindLink)
class BindLinkAdmin(StaffAdmin):
    """The address of a link is nowhere here: whoever knows it can bind in the merchant's name."""

    asks_outside = False
    list_display = (
        "merchant",
        "status",
        "purpose",
        "presses",
        "maker",
        "user_ref",
        "made",
        "good_until",
    )
    list_display_links = ("merchant",)
    list_filter = (
        choice_filter(
            _("valid"),
            "valid",
            {
                "yes": (_("still valid"), lambda: Q(revoked_at=None, expires_at__gt=Now())),
                "no": (_("not any more"), lambda: ~Q(revoked_at=None, expires_at__gt=Now())),
            },
        ),
    )
    ordering = ("-id",)
    search_fields = ("user__username", "biz_appid", "user_ref")
    search_help_text = _("A merchant, an appid or a back end's reference")
    fields = (*_PURPOSE, *_MADE, *_COURSE)
    readonly_fields = fields
    actions = ("revoke",)
    actions_detail = ("renew_one", "revoke_one")

    has_revoke_permission = holding("miniprograms.invite_merchant")

    def get_queryset(self, request: HttpRequest) -> Any:
        return bind_links().order_by(*self.ordering)

    def find_rows(self, queryset: Any, term: str) -> Any:
        merchant = User.objects.filter(username=term).first()
        is_named = Q(user=merchant) if merchant else Q(biz_appid=term) | Q(user_ref=term)
        return queryset.filter(is_named)

    def unfit_acts(self, object_id: Any) -> set[str]:
        """What leads nowhere any more need not be revoked, what is good or used not renewed."""
        row: Any = bind_links().filter(pk=object_id).first()
        if row is None:
            return set(self.actions_detail)
        is_over = row.revoked_at is not None or row.expires_at <= row.now
        is_renewable = status_of(row) in (BindLink.Status.EXPIRED, BindLink.Status.REVOKED)
        unfit = {"revoke_one"} if is_over else set()
        return unfit if is_renewable and not row.client_id else {*unfit, "renew_one"}

    @button(_("Make it again"), "revoke", path="renew", icon="add_link")
    def renew_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A new link for what this one was for: the address of the old one is nowhere."""
        row = self.visible_or_404(request, object_id)
        if "renew_one" in self.unfit_acts(row.pk) or not row.user.is_active:
            self.message_user(request, _("This link cannot be made again."), "ERROR")
            return HttpResponseRedirect(self.url_of(row))
        title = _("Make it again")
        if request.method == "POST":
            link = renew_bind_link(row, by=request.user)
            links, back = [(row.user, link.url)], self.url_of(row)
            return self.page(request, "admin/bind_links.html", links=links, title=title, back=back)
        return self.ask(
            request,
            row,
            title,
            _("Whoever opens the link within three days can bind for this merchant."),
        )

    revoke = ask_about_chosen(_revoke, _("Revoke"), REVOKE_QUESTION, "revoke", name="revoke")
    revoke_one = ask_about_one(
        _revoke,
        _("Revoke"),
        REVOKE_QUESTION,
        "revoke",
        path="revoke",
        icon="link_off",
        variant=ActionVariant.DANGER,
    )

    @admin.display(description=_("status"))
    def status(self, row: BindLink) -> SafeString:
        status = status_of(row)
        return label(status.label, STATUS_COLOURS.get(status, ""))

    merchant = column(_("merchant"), lambda row: name_person(row.user))
    purpose = column(_("only for"), lambda row: _purpose(row))
    maker = column(_("made by"), lambda row: row.client or row.made_by or "–")
    platform = column(
        _("component"), lambda row: _name(row.component) if row.component else _("the acting one")
    )
    kind = column(_("kind"), lambda row: _KINDS.get(row.auth_type, _("their choice")))
    on_device = column(_("device"), lambda row: _DEVICES.get(row.device, _("their choice")))
    sets = column(
        _("permission sets"), lambda row: ", ".join(map(str, row.category_id_list)) or _("all")
    )
    made = time_column("created_at", _("made"), "id")
    good_until = time_column("expires_at", _("valid until"), "expires_at")

    @admin.display(description=_("bindings"))
    def attempts(self, row: BindLink) -> SafeString | str:
        rows = row.bindings.order_by("-id")[:MOST_ATTEMPTS]
        headers = [_("binding"), _("appid")]
        return table(
            headers, [(link_to(one), link_account(one.appid, reader_of(row))) for one in rows]
        )


def _purpose(row: BindLink) -> object:
    """The one account, or the kind of accounts, that ROW is good for."""
    if row.biz_appid:
        return link_account(row.biz_appid, reader_of(row))
    return "–" if row.auth_type is None else _KINDS.get(row.auth_type, "–")
