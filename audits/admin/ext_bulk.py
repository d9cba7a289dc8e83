"""Own values of many mini programs: edited together, imported and exported."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from audits.admin.acts import MAY_EDIT_EXT
from audits.admin.ext_form import ObjectField
from audits.admin.ext_tables import show_plans
from audits.problems import BadExtJson, CannotAct
from audits.services import ext_files
from audits.services.ext_paths import Values, drop_value, read_path
from audits.services.ext_values import (
    Change,
    overlay,
    overlay_object,
    plan_own_changes,
    save_plans,
)
from miniprograms.models import Authorizer
from platform_auth.admin.acts import button, holding
from platform_auth.admin.pages import StaffAdmin
from platform_auth.admin.spreadsheet import csv_lines, csv_response
from platform_auth.operations import record_operation

MAX_EDITED = 500  # mini programs at once; nobody waits for WeChat here
MAX_FILE = 2_000_000  # bytes of an import


class ChangeForm(forms.Form):
    """What changes in the own values of each."""

    values = ObjectField(
        _("set these values"),
        rows=6,
        help_text=_(
            'Over what each has: {"ext": {"theme": "green"}}. null takes away what lies below.'
        ),
    )
    drop = forms.CharField(
        label=_("forget these paths"),
        required=False,
        help_text=_("One a line, such as /ext/theme: what lies below counts again."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def clean_drop(self) -> list[str]:
        paths: list[str] = self.cleaned_data["drop"].split()
        try:
            for path in paths:
                drop_value({}, read_path(path))
        except BadExtJson as problem:
            raise forms.ValidationError(problem.problems) from None
        return paths

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and not data.get("values") and not data.get("drop"):
            self.add_error(None, _("Nothing would change."))
        return data

    def change(self, values: Values) -> Values:
        data = self.cleaned_data
        return overlay_object(overlay(values, drop=data["drop"]), data["values"])


class ImportForm(forms.Form):
    """A file, whose text the page that asks remembers."""

    file = forms.FileField(
        label=_("file"),
        required=False,
        help_text=_(
            "CSV with the columns appid, path, value, json: a text is in value, all else in json. "
            'Or JSON: {"wx…": {"ext": {"shop": 7}}}.'
        ),
        widget=UnfoldAdminFileFieldWidget,
    )
    replaces = forms.BooleanField(
        label=_("These are all their values: what the file does not name is forgotten"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if file := data.get("file"):
            data["text"] = self._read(file)
        if not data.get("text") and not self.errors:
            self.add_error("file", _("Choose a file."))
        return data

    def _read(self, file: Any) -> str:
        if file.size > MAX_FILE:
            self.add_error("file", _("The file is larger than 2 MB."))
            return ""
        try:
            return str(file.read().decode())
        except UnicodeDecodeError:
            self.add_error("file", _("The file is not in UTF-8."))
            return ""


class ValuesOfMany(StaffAdmin):
    """Adds the acts on own values of many mini programs to their list."""

    has_edit_ext_permission = holding(MAY_EDIT_EXT)

    @admin.action(description=_("Set values of ext.json"), permissions=["edit_ext"])
    def set_ext_values(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        programs = queryset.filter(kind=Authorizer.Kind.MINI_PROGRAM)
        rows = list(programs[: MAX_EDITED + 1])
        if len(rows) > MAX_EDITED or not rows:
            text = _("Nothing was done: choose 1 to %(most)d mini programs.") % {"most": MAX_EDITED}
            self.message_user(request, text, messages.ERROR)
            return None
        form = ChangeForm(request.POST if request.POST.get("confirmed") else None)
        preview: object = ""
        if form.is_bound and form.is_valid():
            changes = dict.fromkeys(rows, form.change)
            preview = self._preview_or_save_all(request, form, changes)
            if not preview and not form.errors:
                return None
        chosen = [(ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows]
        return self.page(
            request,
            "admin/ask.html",
            rows=[] if preview else rows,
            title=_("Set values of ext.json"),
            question=_("The own values of each of these change; the next upload sends them."),
            form=form,
            hidden=[("action", "set_ext_values"), *chosen],
            back=request.get_full_path(),
            preview=preview,
            has_preview=True,
        )

    @button(_("Import values of ext.json"), "edit_ext", path="import-ext", icon="upload_file")
    def import_ext(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        back = reverse(f"{self.admin_site.name}:miniprograms_authorizer_changelist")
        form: Any = ImportForm()
        preview: object = ""
        if request.method == "POST":
            form = ImportForm(request.POST, request.FILES)
            if form.is_valid():
                data = form.cleaned_data
                try:
                    changes = ext_files.read_file(data["text"], replaces=data["replaces"])
                    preview = self._preview_or_save_all(request, form, changes)
                except BadExtJson as problem:
                    form.add_error(None, problem.problems)
                if not preview and not form.errors:
                    return HttpResponseRedirect(back)
                form = self._remember(form)
        return self.page(
            request,
            "admin/ask.html",
            title=_("Import values of ext.json"),
            question=_("The own values of the mini programs in the file change, all or none."),
            form=form,
            back=back,
            preview=preview,
            has_preview=True,
        )

    def _remember(self, form: Any) -> Any:
        """FORM with the text of its file, which no browser sends twice."""
        form.data = {**form.data.dict(), "text": form.cleaned_data.get("text", "")}
        return form

    def _preview_or_save_all(
        self, request: HttpRequest, form: forms.Form, changes: Mapping[Authorizer, Change]
    ) -> object:
        """What CHANGES come to, for the page that asks; "" once they are saved or refused."""
        try:
            plans = plan_own_changes(changes)
            refused = [plan for plan in plans if plan.problems]
            problems = [f"{plan.authorizer.appid}: {' '.join(plan.problems)}" for plan in refused]
            if "preview" in request.POST or problems:
                for problem in problems:
                    form.add_error(None, problem)
                return show_plans(plans)
            number = save_plans(plans, by=request.user)
        except CannotAct as problem:
            form.add_error(None, getattr(problem, "problems", str(problem)))
            return ""
        self.message_user(
            request, _("%(number)d mini programs have new values.") % {"number": number}
        )
        return ""

    @admin.action(description=_("Export values of ext.json (CSV)"), permissions=["view"])
    def export_ext_csv(self, request: HttpRequest, queryset: Any) -> StreamingHttpResponse:
        own = self._read_own(request, queryset)
        rows = ext_files.csv_rows(own)
        return csv_response("ext-values", csv_lines(ext_files.FILE_COLUMNS, rows))

    @admin.action(description=_("Export values of ext.json (JSON)"), permissions=["view"])
    def export_ext_json(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        text = json.dumps(self._read_own(request, queryset), ensure_ascii=False, indent=2)
        answer = HttpResponse(text, content_type="application/json; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="ext-values.json"'
        answer["Cache-Control"] = "no-store"
        return answer

    def _read_own(self, request: HttpRequest, queryset: Any) -> dict[str, Values]:
        own = ext_files.read_own(queryset)
        record_operation("export_ext_values", by=request.user, result=str(len(own)))
        return own
