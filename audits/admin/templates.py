"""The template library: mirrored from WeChat, with notes of our own; drafts become templates."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant

from audits.admin.acts import perform
from audits.admin.live import when
from audits.admin.pages import CodeStaffAdmin
from audits.models import CodeTemplate
from audits.services import templates
from platform_auth.admin.pages import RecordedAdmin, ago, label
from platform_auth.errcodes import explain_refusal
from platform_auth.fields import Unreadable
from platform_auth.models import Component
from wechat import code
from wechat.errors import Refused, WeChatError

CHANGE = "audits.change_codetemplate"
KINDS = {code.ORDINARY_TEMPLATE: _("ordinary"), code.STANDARD_TEMPLATE: _("standard")}
_MIRRORED = ("template_id", "user_version", "user_desc", "kind", "source_name", "source_appid",
             "developer", "draft_id", "made", "component", "state")  # fmt: skip


class KindFilter(admin.SimpleListFilter):
    """A fixed list: the field has no choices of its own."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return KINDS.items()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = {str(kind): kind for kind in KINDS}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(template_type=wanted)


@admin.register(CodeTemplate)
class CodeTemplateAdmin(CodeStaffAdmin, RecordedAdmin):
    list_display = ("template_id", "user_version", "user_desc", "kind", "source_name", "made",
                    "state", "notes")  # fmt: skip
    list_filter = (KindFilter, ("gone_at", admin.EmptyFieldListFilter))
    list_select_related = ("component",)
    ordering = ("-template_id",)
    sortable_by = ()
    search_fields = ("template_id", "user_version")
    search_help_text = _("A number or a version")
    fields = (*_MIRRORED, "notes")
    readonly_fields = _MIRRORED
    actions_list = ("sync_now", "drafts")
    actions_detail = ("delete_one",)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("drafts/<int:component>/", wrap(self.draft_list), name="code-drafts"),
            path("drafts/<int:component>/<int:draft>/", wrap(self.keep), name="code-draft-keep"),
        ]
        return [*own, *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < 16:
            return queryset.filter(template_id=int(term)), False
        return queryset.filter(user_version=term), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """What WeChat has deleted already cannot be deleted again."""
        if not CodeTemplate.objects.filter(pk=object_id, gone_at=None).exists():
            return []
        return list(super().get_actions_detail(request, object_id))

    @action(description=_("Sync now"), permissions=["operate"], url_path="sync", icon="sync")
    def sync_now(self, request: HttpRequest) -> HttpResponse:
        return self._ask_for_all(
            request,
            list(Component.objects.order_by("appid")),
            lambda component: _synced(templates.sync_templates(component)),
            title=_("Sync now"),
            question=_("WeChat's list of templates is fetched; notes stay."),
        )

    @action(description=_("Drafts"), permissions=["operate"], url_path="drafts", icon="draft")
    def drafts(self, request: HttpRequest) -> HttpResponse:
        addresses = [
            (component, reverse("admin:code-drafts", args=[component.pk]))
            for component in Component.objects.order_by("appid")
        ]
        return self.page(
            request,
            "admin/code/drafts.html",
            title=_("Drafts"),
            components=addresses,
            back=self._list(),
        )

    def draft_list(self, request: HttpRequest, component: int) -> HttpResponse:
        """The drafts of COMPONENT, as a piece of HTML."""
        row = self._component_or_404(request, component)
        context: dict[str, Any] = {"component": row}
        try:
            drafts = templates.list_drafts(row)
            context["drafts"] = [
                (
                    draft,
                    reverse("admin:code-draft-keep", args=[row.pk, draft.draft_id]),
                    ago(when(draft.create_time)),
                )
                for draft in drafts
            ]
        except Refused as problem:
            context["problem"] = explain_refusal(problem)
        except (WeChatError, Unreadable) as problem:
            context["problem"] = str(problem)
        return HttpResponse(render_to_string("admin/code/draft_list.html", context, request))

    def keep(self, request: HttpRequest, component: int, draft: int) -> HttpResponse:
        """Ask before DRAFT becomes a template; POST does it."""
        row = self._component_or_404(request, component)

        def act(row: Component) -> object:
            templates.add_template(row, draft, by=request.user)
            return _("draft %(draft)d is a template now.") % {"draft": draft}

        return self._ask_for_all(
            request,
            [row],
            act,
            title=_("Add to the templates"),
            question=_("Draft %(draft)d becomes a template; WeChat keeps 200 of them.")
            % {"draft": draft},
        )

    @action(
        description=_("Delete at WeChat"),
        permissions=["operate"],
        url_path="delete-template",
        icon="delete",
        variant=ActionVariant.DANGER,
    )
    def delete_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(row: CodeTemplate) -> object:
            templates.delete_template(row, by=request.user)
            return _("deleted; versions made from it stay.")

        return self.ask(
            request,
            object_id,
            lambda row, form: perform(lambda: act(row)),
            title=_("Delete at WeChat"),
            question=_("Nobody can upload it any more; mini programs that have it keep it."),
            is_grave=True,
        )

    def _ask_for_all(
        self, request: HttpRequest, components: list[Component], act: Any, **words: object
    ) -> HttpResponse:
        if request.method == "POST":
            for row in components:
                self.tell(request, row, lambda row: perform(lambda: act(row)))
            return HttpResponseRedirect(self._list())
        return self.page(request, "admin/ask.html", rows=components, back=self._list(), **words)

    def _component_or_404(self, request: HttpRequest, pk: int) -> Component:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        row: Component | None = Component.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        return row

    def _list(self) -> str:
        return reverse(f"{self.admin_site.name}:audits_codetemplate_changelist")

    @admin.display(description=_("type"))
    def kind(self, row: CodeTemplate) -> object:
        return KINDS.get(row.template_type, row.template_type)

    @admin.display(description=_("made"))
    def made(self, row: CodeTemplate) -> SafeString | str:
        return ago(row.created_at)

    @admin.display(description=_("state"))
    def state(self, row: CodeTemplate) -> SafeString:
        return label(_("deleted")) if row.gone_at else label(_("there"), "success")


def _synced(number: int) -> object:
    return _("WeChat has %(number)d templates.") % {"number": number}
