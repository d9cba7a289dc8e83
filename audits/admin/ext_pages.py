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

    def values_page(
        self, request: HttpRequest, owner: Any, back: str, **context: Any
    ) -> HttpResponse:
        """Look at the values of OWNER; with the right to it, change them, and see it beforehand."""
        may_edit = request.user.has_perm(MAY_EDIT_EXT)
        template = _template_of(owner)
        layers = read_layers({owner: template})[owner.pk] if isinstance(owner, Authorizer) else None
        form = _make_form(request, owner, template, layers)
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
            layers=_describe_layers(layers),
            sent=preview_upload(owner, template, None, layers) if layers else "",
            history=history_of(owner),
            back=back,
            **context,
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


def _make_form(
    request: HttpRequest, owner: Owner, template: CodeTemplate | None, layers: Layers | None
) -> forms.Form:
    current = values_of(owner)
    values, seen = (current.values, current.pk) if current else ({}, 0)
    if template and template.ext_schema.get("properties") and "raw" not in request.GET:
        below = _below(layers)
        return SchemaForm(template.ext_schema, values, below, seen, posted(request))
    return ValuesForm(values, seen, posted(request))


def _template_of(owner: Owner) -> CodeTemplate | None:
    """Whose schema makes the form."""
    if isinstance(owner, Authorizer):
        return current_template(owner)
    return owner if isinstance(owner, CodeTemplate) else None


def _below(layers: Layers | None) -> Values:
    """What a mini program of LAYERS has without values of its own."""
    merged: Values = {}
    for layer in layers.lowest_first()[:-1] if layers else ():
        merged = merge(merged, layer)
    return merged


def _describe_layers(layers: Layers | None) -> list[tuple[object, object]]:
    """LAYERS of a mini program below its own, lowest first."""
    if layers is None:
        return []
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
