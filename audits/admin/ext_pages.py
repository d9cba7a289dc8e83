"""The page on which staff edit the values that a mini program, a tag or a template gives."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audits.admin.acts import MAY_EDIT_EXT, posted
from audits.admin.ext_form import SchemaForm, ValuesForm
from audits.admin.ext_tables import history_of, preview_upload, show_plans
from audits.models import CodeTemplate
from audits.problems import CannotAct
from audits.services.ext_json import Layers, Owner, current_template, merge, read_layers
from audits.services.ext_paths import Values
from audits.services.ext_values import (
    MAX_SHOWN,
    affected_programs,
    plan_change,
    save_values,
    values_of,
)
from miniprograms.admin.tags import TagPages
from miniprograms.models import Authorizer, Tag
from platform_auth.admin.acts import button
from platform_auth.admin.pages import StaffAdmin, pretty

QUESTIONS = {
    Authorizer: _("The next upload to this mini program, by whatever way, sends these values."),
    Tag: _("The next upload to each mini program with this tag sends these values."),
    CodeTemplate: _("The next upload of this template sends these values, whoever it goes to."),
}


class ValuesPages(StaffAdmin):
    """Adds the page of values of ext.json to the admin of what gives some."""

    def values_page(self, request: HttpRequest, owner: Any, back: str) -> HttpResponse:
        """Look at the values of OWNER; with the right to it, change them, and see it beforehand."""
        may_edit = request.user.has_perm(MAY_EDIT_EXT)
        form = _make_form(request, owner)
        template = _template_of(owner)
        preview: object = ""
        if request.method == "POST":
            if not may_edit:
                raise PermissionDenied
            if form.is_valid():
                try:
                    preview = self._preview_or_save(request, owner, form)
                except CannotAct as problem:
                    form.add_error(None, getattr(problem, "problems", str(problem)))
                else:
                    if not preview:
                        return HttpResponseRedirect(request.get_full_path())
        return self.page(
            request,
            "admin/code/ext.html",
            account_tab="code",
            title=_("Values of ext.json"),
            question=QUESTIONS[type(owner)],
            owner=owner,
            form=form if may_edit else None,
            preview=preview,
            is_raw=isinstance(form, ValuesForm),
            has_schema=bool(template and template.ext_schema),
            layers=_describe_layers(owner),
            sent=preview_upload(owner, template, None) if isinstance(owner, Authorizer) else "",
            history=history_of(owner),
            back=back,
        )

    def _preview_or_save(self, request: HttpRequest, owner: Owner, form: Any) -> object:
        """What the page shows of the values in FORM beforehand; "" once they are saved."""
        values = form.read_values()
        affected = affected_programs(owner)
        plans = plan_change(affected, owner, values)
        if isinstance(owner, Authorizer):
            plans[0].raise_problem()
        if "preview" not in request.POST:
            save_values(owner, values, by=request.user, seen=form.cleaned_data["seen"])
            self.message_user(request, _("The values are saved."), messages.SUCCESS)
            return ""
        if not plans:
            return _("No mini program has these values yet.")
        more = _("Only the first %d are shown.") % MAX_SHOWN if len(plans) == MAX_SHOWN else ""
        return format_html("{}{}", show_plans(plans), more)


def _make_form(request: HttpRequest, owner: Owner) -> forms.Form:
    current = values_of(owner)
    values, seen = (current.values, current.pk) if current else ({}, 0)
    template = _template_of(owner)
    if template and template.ext_schema.get("properties") and "raw" not in request.GET:
        below = _below(owner)
        return SchemaForm(template.ext_schema, values, below, seen, posted(request))
    return ValuesForm(values, seen, posted(request))


def _template_of(owner: Owner) -> CodeTemplate | None:
    """Whose schema makes the form."""
    if isinstance(owner, Authorizer):
        return current_template(owner)
    return owner if isinstance(owner, CodeTemplate) else None


def _layers_of(row: Authorizer) -> Layers:
    return read_layers({row: current_template(row)})[row.pk]


def _below(owner: Owner) -> Values:
    """What OWNER has without values of its own."""
    merged: Values = {}
    if isinstance(owner, Authorizer):
        for layer in _layers_of(owner).lowest_first()[:-1]:
            merged = merge(merged, layer)
    return merged


def _describe_layers(owner: Owner) -> list[tuple[object, object]]:
    """The layers of a mini program below its own, lowest first."""
    if not isinstance(owner, Authorizer):
        return []
    layers = _layers_of(owner)
    tags = [
        (_("tag %(name)s") % {"name": name}, pretty(layers.tags[name]))
        for name in sorted(layers.tags)
    ]
    return [(_("the template's defaults"), pretty(layers.template)), *tags]


@admin.register(Tag)
class TagAdmin(ValuesPages, TagPages):
    """Tags, with the values that they give."""

    actions_detail = ("ext_page",)

    @button(_("Values of ext.json"), "view", path="ext", icon="tune")
    def ext_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        return self.values_page(request, row, self.url_of(row))
