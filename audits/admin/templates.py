"""The template library: mirrored from WeChat, with notes of our own; drafts become templates."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from audits.admin.bulk_acts import CodeStaffAdmin
from audits.admin.ext_form import SchemaField
from audits.admin.ext_pages import ValuesPages
from audits.admin.submission_pages import ProfilePages
from audits.admin.sync_first import MAY_CHANGE_TEMPLATES, sync_component
from audits.admin.template_pages import draft_context, fill_label, programs_table, use_table
from audits.models import CodeTemplate, Promotion
from audits.services import templates
from platform_auth.admin.acts import ask_about_one, button, holding, report_lost_answer
from platform_auth.admin.columns import account_column, column, time_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import RecordedAdmin, UncertainOutcome, label
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.models import Component
from platform_auth.operations import Actor
from wechat import code_templates
from wechat.errors import WeChatError

TEMPLATE_TYPES = {
    code_templates.ORDINARY_TEMPLATE: _("ordinary"),
    code_templates.STANDARD_TEMPLATE: _("standard"),
}
_MIRRORED_FIELDS: tuple[str, ...] = ("template_id", "user_version", "user_desc", "kind")
_MIRRORED_FIELDS += ("source_name", "source_account", "developer", "draft_id", "created")
_MIRRORED_FIELDS += ("component", "state")


# A fixed list: the field has no choices of its own.
TemplateTypeFilter = choice_filter(
    _("type"),
    "type",
    {str(kind): (name, partial(Q, template_type=kind)) for kind, name in TEMPLATE_TYPES.items()},
)


def _delete_template(row: CodeTemplate, by: Actor) -> object:
    delete = partial(templates.delete_template, row, by=by)
    return report_lost_answer(delete) or _("deleted; versions made from it stay.")


@admin.register(CodeTemplate)
class CodeTemplateAdmin(ProfilePages, ValuesPages, CodeStaffAdmin, RecordedAdmin):
    list_display: tuple[str, ...] = ("template_id", "user_version", "user_desc", "kind")
    list_display += ("source_name", "created", "state", "notes")
    list_filter = (TemplateTypeFilter, ("gone_at", admin.EmptyFieldListFilter))
    list_select_related = ("component",)
    ordering = ("-template_id",)
    sortable_by = ()
    search_fields = ("template_id", "user_version")
    search_help_text = _("A number or a version")
    fields = (*_MIRRORED_FIELDS, "used_by", "notes", "ext_schema")
    formfield_overrides = {JSONField: {"form_class": SchemaField}}
    readonly_fields = (*_MIRRORED_FIELDS, "used_by")
    actions_list = ("sync_now", "drafts", "use")
    actions_detail = ("ext_page", "submission_page", "delete_one")

    created = time_column("created_at", _("made"))
    source_account = account_column(_("source appid"), lambda row: row.source_appid)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        drafts = "drafts/<int:component>/"
        own = [
            path(drafts, wrap(self.draft_list), name="code-drafts"),
            path(f"{drafts}<int:draft>/", wrap(self.keep_draft), name="code-draft-keep"),
        ]
        return [*own, *super().get_urls()]

    def find_rows(self, queryset: Any, term: str) -> Any:
        if term.isascii() and term.isdigit() and len(term) < 16:
            return queryset.filter(template_id=int(term))
        return queryset.filter(user_version=term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_operate_permission = holding(MAY_CHANGE_TEMPLATES)

    def unfit_acts(self, object_id: Any) -> set[str]:
        """What WeChat has deleted already cannot be deleted again."""
        is_there = CodeTemplate.objects.filter(pk=object_id, gone_at=None).exists()
        return set() if is_there else {"delete_one"}

    @button(_("Sync now"), "operate", path="sync", icon="sync")
    def sync_now(self, request: HttpRequest) -> HttpResponse:
        components = list(Component.objects.order_by("appid"))
        question = _("WeChat's list of templates is fetched; notes stay.")
        return self._ask_about_components(
            request, components, sync_component, title=_("Sync now"), question=question
        )

    @button(_("Drafts"), "operate", path="drafts", icon="draft")
    def drafts(self, request: HttpRequest) -> HttpResponse:
        components = Component.objects.order_by("appid")
        addresses = [(row, reverse("admin:code-drafts", args=[row.pk])) for row in components]
        context = {"title": _("Drafts"), "components": addresses, "back": self._list_url()}
        return self.page(request, "admin/code/drafts.html", **context)

    @button(_("Who uses them"), "view", path="use", icon="groups")
    def use(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        components = Component.objects.order_by("appid")
        rows = [(row, fill_label(row), use_table(row)) for row in components]
        context = {"title": _("Who uses them"), "components": rows, "back": self._list_url()}
        return self.page(request, "admin/code/template_use.html", **context)

    def draft_list(self, request: HttpRequest, component: int) -> HttpResponse:
        """The drafts of COMPONENT, as a piece of HTML."""
        row = self._component_or_404(request, component)
        context: dict[str, Any] = {"component": row}
        try:
            context |= draft_context(row, templates.list_drafts(row))
        except (WeChatError, Unreadable) as problem:
            context["problem"] = explain_error(problem)
        return HttpResponse(render_to_string("admin/code/draft_list.html", context, request))

    def keep_draft(self, request: HttpRequest, component: int, draft: int) -> HttpResponse:
        """Ask before DRAFT becomes a template; POST does it."""
        row = self._component_or_404(request, component)

        def act(row: Component) -> object:
            return _describe_promotion(templates.add_template(row, draft, by=request.user))

        title = _("Add to the templates")
        text = _("Draft %(draft)d becomes a template; WeChat keeps 200 of them.")
        question = text % {"draft": draft}
        return self._ask_about_components(request, [row], act, title=title, question=question)

    @button(_("Values of ext.json"), "view", path="ext", icon="tune")
    def ext_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        return self.values_page(request, row, self.url_of(row))

    @button(_("What is submitted"), "view", path="submission", icon="fact_check")
    def submission_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        return self.profile_page(request, row, self.url_of(row))

    delete_one = ask_about_one(
        _delete_template,
        _("Delete at WeChat"),
        _("Nobody can upload it any more; mini programs that have it keep it."),
        "operate",
        path="delete-template",
        icon="delete",
        variant=ActionVariant.DANGER,
        is_grave=True,
    )

    def _ask_about_components(
        self, request: HttpRequest, components: list[Component], act: Any, **words: object
    ) -> HttpResponse:
        if request.method == "POST":
            for row in components:
                self.carry_out(request, row, lambda row: report_lost_answer(lambda: act(row)))
            return HttpResponseRedirect(self._list_url())
        return self.page(request, "admin/ask.html", rows=components, back=self._list_url(), **words)

    def _component_or_404(self, request: HttpRequest, pk: int) -> Component:
        if not request.user.has_perm(MAY_CHANGE_TEMPLATES):
            raise PermissionDenied
        return get_object_or_404(Component, pk=pk)

    def _list_url(self) -> str:
        return reverse(f"{self.admin_site.name}:audits_codetemplate_changelist")

    used_by = column(_("live on"), programs_table)
    kind = column(_("type"), lambda row: TEMPLATE_TYPES.get(row.template_type, row.template_type))
    state = column(
        _("state"), lambda row: label(_("deleted")) if row.gone_at else label(_("there"), "success")
    )


def _describe_promotion(promotion: Promotion) -> object:
    """What became of a draft, in a sentence."""
    if promotion.template is None:
        return UncertainOutcome(
            _(
                "WeChat's answer was lost, and its library does not have it so far. It is asked "
                "again within a minute; adding the draft again does no harm."
            )
        )
    words = {"draft": promotion.draft_id, "template": promotion.template.template_id}
    return _("draft %(draft)d is a template now, number %(template)d.") % words
