"""The page of a mini program's private interfaces, and the form to apply for one."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from miniprograms.admin.programs import ProgramPages
from miniprograms.models import Authorizer, InterfaceApplication
from miniprograms.services.private_interfaces import (
    MAX_CONTENT,
    BadApplication,
    Material,
    applications_of,
    apply_for_interface,
    list_interfaces,
)
from miniprograms.services.review_pictures import MAX_SIZE, keep_picture
from platform_auth.admin.acts import button, holding
from platform_auth.admin.pages import UncertainOutcome, ago, label
from platform_auth.errcodes import explain_errcode
from platform_auth.forms import TextField, capitalise_labels
from platform_auth.operations import Actor
from wechat import privacy
from wechat.http import PICTURES
from wechat.privacy import PrivateInterface

MAY_VIEW_INTERFACES = "miniprograms.view_interfaceapplication"
MAY_APPLY = "miniprograms.apply_for_interface"

INTERFACE_STATES = {
    privacy.TO_APPLY: (_("to be applied for"), ""),
    privacy.NO_RIGHT: (_("no right to it"), "danger"),
    privacy.IN_REVIEW: (_("in review"), "info"),
    privacy.REFUSED: (_("rejected"), "danger"),
    privacy.GRANTED: (_("granted"), "success"),
}
APPLICATION_COLOURS: dict[str, str] = {
    InterfaceApplication.State.IN_REVIEW: "info",
    InterfaceApplication.State.UNKNOWN: "warning",
    InterfaceApplication.State.GRANTED: "success",
    InterfaceApplication.State.REJECTED: "danger",
    InterfaceApplication.State.NOT_TAKEN: "danger",
}
UPLOADED = "https://a"  # an address that is not known yet
APPLIABLE = (privacy.TO_APPLY, privacy.REFUSED)


class ApplicationForm(forms.Form):
    """Why the interface is needed, and what shows it."""

    content = TextField(
        _("what it is needed for"),
        MAX_CONTENT,
        rows=4,
        required=True,
        help_text=_("For WeChat's reviewer: where in the mini program, and why. At most 300."),
    )
    pic_list = TextField(
        _("addresses of pictures"),
        rows=3,
        help_text=_("One a line, up to ten. WeChat loads them, so anybody must be able to."),
    )
    picture = forms.FileField(
        label=_("or a picture from here"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(PICTURES)}),
        help_text=_(
            "JPEG, PNG or GIF of up to 2 MB. Whoever knows its address can load it for a month."
        ),
    )
    video_list = TextField(
        _("address of a film"),
        rows=2,
        help_text=_("One, as mp4."),
    )
    url_list = TextField(
        _("addresses of web pages"),
        rows=2,
        help_text=_("One a line. A picture, a film or a page is needed."),
    )

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files, label_suffix="")
        capitalise_labels(self)

    def clean(self) -> dict[str, Any]:
        """What WeChat would refuse is told at its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            uploaded = [UPLOADED] if cleaned.get("picture") else []
            try:
                self.material(*uploaded).check()
            except BadApplication as problem:
                for name, sentence in problem.problems.items():
                    self.add_error(name, sentence)
        return cleaned

    def material(self, *uploaded: str) -> Material:
        """What is sent, with the addresses of what was UPLOADED."""
        data = self.cleaned_data
        lists = {name: data[name].split() for name in ("url_list", "pic_list", "video_list")}
        lists["pic_list"] += uploaded
        return Material(data["content"], **lists)

    def upload(self, row: Authorizer, by: Actor) -> list[str]:
        """The address of the picture chosen, if one was."""
        file = self.cleaned_data["picture"]
        return [keep_picture(row, file.read(MAX_SIZE + 1), by=by)] if file else []


class InterfacePages(ProgramPages):
    """Adds the private interfaces to the admin of mini programs."""

    has_interface_permission = holding(MAY_VIEW_INTERFACES)

    def get_urls(self) -> list[URLPattern]:
        page = "<path:object_id>/private-interfaces/<slug:group>.<slug:name>/apply/"
        view = self.admin_site.admin_view(self.apply_page)
        return [path(page, view, name="apply-interface"), *super().get_urls()]

    @button(_("Private interfaces"), "interface", path="private-interfaces", icon="location_on")
    def interfaces_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How each stands by WeChat, and what was applied for."""
        row = self.program_or_404(request, object_id, MAY_VIEW_INTERFACES)
        interfaces, problem = self._list_interfaces(row)
        may_apply = request.user.has_perm(MAY_APPLY)
        return self.page(
            request,
            "admin/interfaces.html",
            account_tab="settings",
            title=_("Private interfaces"),
            row=row,
            interfaces=[
                self._describe_interface(row, one, may_apply=may_apply) for one in interfaces
            ],
            applications=[(one, describe_application(one)) for one in applications_of(row)],
            problem=problem,
            back=self.url_of(row),
        )

    def _list_interfaces(self, row: Authorizer) -> tuple[list[PrivateInterface], object]:
        try:
            return list_interfaces(row), ""
        except self.troubles as problem:
            return [], self.describe_problem(problem)

    def _describe_interface(
        self, row: Authorizer, interface: PrivateInterface, *, may_apply: bool
    ) -> dict[str, object]:
        name, status = interface["api_name"], interface["status"]
        words, colour = INTERFACE_STATES.get(status, (str(status), ""))
        link = interface["api_link"]
        fits = may_apply and status in APPLIABLE and name.count(".") == 1
        return {
            "name": name,
            "about": interface["api_desc"] or interface["api_ch_name"],
            "link": link if link.startswith("https://") else "",
            "state": label(words, colour),
            "reason": interface["fail_reason"],
            "apply": self._apply_address(row, name) if fits else "",
        }

    def _apply_address(self, row: Authorizer, api_name: str) -> str:
        name = f"{self.admin_site.name}:apply-interface"
        return reverse(name, args=[row.pk, *api_name.split(".")])

    def apply_page(
        self, request: HttpRequest, object_id: str, group: str, name: str
    ) -> HttpResponse:
        row = self.program_or_404(request, object_id, MAY_APPLY)
        api_name = f"{group}.{name}"
        if len(api_name) > 64:
            raise Http404

        def act(row: Authorizer, form: Any) -> object:
            material = form.material(*form.upload(row, request.user))
            made = apply_for_interface(row, api_name, material, by=request.user)
            if made.state == InterfaceApplication.State.UNKNOWN:
                return UncertainOutcome(
                    _("WeChat's answer was lost. Look at the list before you apply again.")
                )
            return _("applied for %(name)s.") % {"name": api_name}

        return self.confirm(
            request,
            object_id,
            act,
            account_tab="settings",
            title=_("Apply for %(name)s") % {"name": api_name},
            question=_(
                "WeChat's reviewers decide within days. Say what the mini program does with it, and"
                " show the page on which it does."
            ),
            form=lambda request, row: ApplicationForm(
                *((request.POST, request.FILES) if request.method == "POST" else ())
            ),
            back=reverse(
                f"{self.admin_site.name}:miniprograms_authorizer_interfaces_page", args=[row.pk]
            ),
        )


def describe_application(row: InterfaceApplication) -> dict[str, SafeString | str]:
    """The words of ROW for the page."""
    return {
        "state": label(row.get_state_display(), APPLICATION_COLOURS.get(row.state, "")),
        "reason": explain_errcode(row.errcode) or row.reason,
        "applied": ago(row.applied_at),
        "decided": ago(row.decided_at),
    }
