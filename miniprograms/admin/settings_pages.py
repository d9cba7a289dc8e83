"""The pages on which staff see and set what a mini program should have at WeChat."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from miniprograms.admin.programs import ProgramPages
from miniprograms.admin.settings_forms import SettingForm, make_form
from miniprograms.admin.settings_tables import (
    differences_table,
    drift_label,
    history_table,
    listed_domains_table,
    platform_table,
    setting_state_label,
    value_changes_table,
    values_table,
)
from miniprograms.models import Authorizer, Setting
from miniprograms.services.confirm_files import fetch_confirm_file
from miniprograms.services.review_pictures import MAX_SIZE
from miniprograms.services.settings.applying import (
    apply_now,
    changes_this_month,
    explain_outcome,
    look_now,
)
from miniprograms.services.settings.domain_lists import WEBVIEW_KINDS, list_domains, platform_list
from miniprograms.services.settings.guideline_file import (
    MAX_GUIDELINE_FILE,
    attach_guideline_file,
    drop_guideline_file,
)
from miniprograms.services.settings.order_path import ORDER_PATH
from miniprograms.services.settings.order_picture import attach_order_picture
from miniprograms.services.settings.privacy import PRIVACY_GUIDELINE
from miniprograms.services.settings.record import (
    adopt_value,
    changes_of,
    compare,
    differences_of,
    set_desired,
    setting_of,
)
from miniprograms.services.settings.registry import KINDS
from platform_auth.admin.acts import button, holding
from platform_auth.admin.explained import ExplainedAdmin
from platform_auth.admin.pages import UncertainOutcome, ago
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.operations import Actor
from platform_auth.problems import CannotAct
from wechat.errors import WeChatError

MAY_VIEW_SETTINGS, MAY_EDIT_SETTINGS = "miniprograms.view_setting", "miniprograms.edit_settings"
DOMAIN_KINDS = ("server-domains", "server-domains-direct", *WEBVIEW_KINDS)


class SettingsPages(ProgramPages, ExplainedAdmin):
    """Adds the page of settings, and one of each kind, to the admin of mini programs."""

    has_settings_permission = holding(MAY_VIEW_SETTINGS)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"<path:object_id>/settings/{end}", wrap(view), name=name)
            for end, view, name in (
                ("<slug:kind>/", self.setting_page, "setting"),
                ("<slug:kind>/now/", self.setting_now, "setting-now"),
            )
        ]
        return [*own, *super().get_urls()]

    @button(_("Settings at WeChat"), "settings", path="settings", icon="tune")
    def settings_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.program_or_404(request, object_id, MAY_VIEW_SETTINGS)
        saved = {setting.kind: setting for setting in Setting.objects.filter(authorizer=row)}
        settings = [saved.get(name) or Setting(authorizer=row, kind=name) for name in KINDS]
        return self.page(
            request,
            "admin/settings/list.html",
            account_tab="settings",
            title=_("Settings at WeChat"),
            row=row,
            back=self.url_of(row),
            settings=[
                {
                    "kind": KINDS[setting.kind],
                    "url": setting_url(row, setting.kind),
                    "drift": drift_label(setting),
                    "state": setting_state_label(setting),
                    "checked": ago(setting.checked_at),
                }
                for setting in settings
            ],
        )

    def setting_page(self, request: HttpRequest, object_id: str, kind: str) -> HttpResponse:
        """One kind: what it should be, what WeChat has, and with the right to it the way there."""
        row = self.program_or_404(request, object_id, MAY_VIEW_SETTINGS)
        if kind not in KINDS:
            raise Http404
        setting = setting_of(row, kind)
        may_edit = request.user.has_perm(MAY_EDIT_SETTINGS)
        preview: dict[str, object] = {}
        is_form = request.method == "POST" and "act" not in request.POST
        form = _make_form(setting, request.POST if is_form else None)
        if request.method == "POST":
            if not may_edit:
                raise PermissionDenied
            if not is_form:
                self._act_on_setting(request, setting)
                return HttpResponseRedirect(request.path)
            if form.is_valid():
                if "preview" in request.POST:
                    preview = _preview(setting, form.read_value())
                elif self._save_setting(request, setting, form):
                    return HttpResponseRedirect(request.path)
        return self.page(
            request,
            "admin/settings/kind.html",
            account_tab="settings",
            is_bound=row.state != Authorizer.State.UNBOUND,
            title=KINDS[kind].title,
            kind=KINDS[kind],
            row=row,
            form=form if may_edit else None,
            preview=preview,
            now=setting_url(row, kind, "setting-now") if kind in DOMAIN_KINDS else "",
            back=reverse("admin:miniprograms_authorizer_settings_page", args=[row.pk]),
            files=row.confirm_files.all() if kind in WEBVIEW_KINDS else None,
            takes_text=kind == PRIVACY_GUIDELINE.name and may_edit,
            takes_picture=kind == ORDER_PATH.name and may_edit and setting.desired,
            **_describe(setting),
        )

    def setting_now(self, request: HttpRequest, object_id: str, kind: str) -> HttpResponse:
        """What only WeChat knows of these domains, as a piece of HTML."""
        row = self.program_or_404(request, object_id, MAY_VIEW_SETTINGS)
        if kind not in DOMAIN_KINDS:
            raise Http404
        context: dict[str, object] = {}
        try:
            context["listed"] = listed_domains_table(list_domains(row, kind))
            lists = platform_list(row, kind)
            context["platform"] = platform_table(lists) if lists else ""
        except (WeChatError, Unreadable) as problem:
            context["problem"] = explain_error(problem)
        return HttpResponse(render_to_string("admin/settings/now.html", context, request))

    def _save_setting(self, request: HttpRequest, setting: Setting, form: SettingForm) -> bool:
        """Keep what FORM says, and bring it to WeChat if that was clicked. Whether it is kept."""
        try:
            saved = set_desired(
                setting.authorizer,
                setting.kind,
                form.read_value(),
                by=request.user,
                applies=False,
                seen=form.cleaned_data["seen"],
            )
        except CannotAct as problem:
            form.add_error(None, getattr(problem, "problems", str(problem)))
            return False
        if "apply" in request.POST:
            self.carry_out(request, saved, lambda row: apply_and_tell(row, request.user))
        else:
            self.message_user(request, _("It is saved; nothing was sent."), messages.SUCCESS)
        return True

    def _act_on_setting(self, request: HttpRequest, setting: Setting) -> None:
        """What a button of the page does, which needs no form."""
        by = request.user
        match request.POST["act"]:
            case "look":
                self.carry_out(request, setting, _look_and_tell)
            case "apply":
                self.carry_out(request, setting, lambda row: apply_and_tell(row, by))
            case "adopt":
                self.carry_out(request, setting, lambda row: _adopt_and_tell(row, by))
            case "forget":
                self.carry_out(request, setting, lambda row: _forget_and_tell(row, by))
            case "file":
                self.carry_out(request, setting, lambda row: _fetch_and_tell(row, by))
            case "attach" if file := request.FILES.get("text"):
                text = file.read(MAX_GUIDELINE_FILE + 1).decode(errors="replace")
                self.carry_out(request, setting, lambda row: _attach_and_tell(row, text, by))
            case "picture" if file := request.FILES.get("picture"):
                content = file.read(MAX_SIZE + 1)
                self.carry_out(request, setting, lambda row: _show_and_tell(row, content, by))
            case "detach":
                self.carry_out(request, setting, lambda row: _detach_and_tell(row, by))


def setting_url(row: Authorizer, kind: str, name: str = "setting") -> str:
    return reverse(f"admin:{name}", args=[row.pk, kind])


def _make_form(setting: Setting, data: Any) -> SettingForm:
    """The value desired, or else the one that WeChat has, to begin with."""
    value = setting.at_wechat if setting.desired is None else setting.desired
    return make_form(setting.kind, value, setting.version, data, at_wechat=setting.at_wechat)


def _describe(setting: Setting) -> dict[str, object]:
    kind = KINDS[setting.kind]
    return {
        "setting": setting,
        "state": setting_state_label(setting),
        "drift": drift_label(setting),
        "checked": ago(setting.checked_at),
        "applied": ago(setting.applied_at) if setting.applied_at else "",
        "outcome": explain_outcome(setting),
        "values": values_table(setting),
        "differences": differences_table(differences_of(setting)) if setting.has_drifted else "",
        "changes": changes_this_month(setting),
        "monthly_limit": kind.monthly_limit,
        "history": history_table(setting),
    }


def _preview(setting: Setting, value: Any) -> dict[str, object]:
    """What VALUE would change in what is desired, and at WeChat as it was seen last."""
    at_wechat = compare(setting.kind, value, setting.at_wechat)
    return {
        "is_seen": setting.at_wechat is not None,
        "desired": value_changes_table(changes_of(setting, value)),
        "at_wechat": value_changes_table(at_wechat),
    }


def apply_and_tell(setting: Setting, by: Actor) -> object:
    """Bring it to WeChat; the sentence says what came of it."""
    row = apply_now(setting, by=by)
    match row.state:
        case Setting.State.APPLIED:
            return _("WeChat has it as it should be.")
        case Setting.State.PARTLY:
            return UncertainOutcome(_("WeChat has taken a part of it: see the remarks below."))
        case Setting.State.REFUSED:
            raise CannotAct(explain_outcome(row))
        case Setting.State.UNKNOWN:
            return UncertainOutcome(
                _("WeChat's answer was lost. It is asked within a minute what it has.")
            )
        case _other:
            sentence = _("Not done yet, and tried again soon. %(reason)s")
            return UncertainOutcome(sentence % {"reason": explain_outcome(row)})


def _look_and_tell(setting: Setting) -> object:
    row = look_now(setting)
    if row.desired is None:
        return _("what WeChat has was fetched.")
    if row.has_drifted:
        return UncertainOutcome(_("WeChat has something else than it should."))
    return _("WeChat has it as it should be.")


def _adopt_and_tell(setting: Setting, by: Actor) -> object:
    adopt_value(setting, by=by)
    return _("What WeChat has is what it should be from now on.")


def _forget_and_tell(setting: Setting, by: Actor) -> object:
    set_desired(setting.authorizer, setting.kind, None, by=by, applies=False)
    return _("Nothing is desired any more; WeChat keeps what it has.")


def _attach_and_tell(setting: Setting, text: str, by: Actor) -> object:
    attach_guideline_file(setting.authorizer, text, by=by)
    return _("the file is uploaded. It is a part of the guideline once that is applied.")


def _show_and_tell(setting: Setting, content: bytes, by: Actor) -> object:
    attach_order_picture(setting, content, by=by)
    return _("the picture is uploaded, and its address is among those above.")


def _detach_and_tell(setting: Setting, by: Actor) -> object:
    drop_guideline_file(setting.authorizer, by=by)
    return _("The guideline should have no file from now on.")


def _fetch_and_tell(setting: Setting, by: Actor) -> object:
    file = fetch_confirm_file(setting.authorizer, by=by)
    return _("%(file)s is served now.") % {"file": file}
