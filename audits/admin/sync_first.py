"""Before an upload there must be a template: where none is known here, WeChat's list is fetched."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from audits.admin.bulk_acts import CodeStaffAdmin
from audits.admin.columns import code_page_of
from audits.models import CodeTemplate
from audits.services.templates import sync_templates
from miniprograms.models import Authorizer
from platform_auth.models import Component

MAY_CHANGE_TEMPLATES = "audits.change_codetemplate"


def has_templates(row: Authorizer) -> bool:
    return CodeTemplate.objects.filter(component=row.component_id, gone_at=None).exists()


def sync_component(component: Component) -> object:
    number = sync_templates(component)
    return _("WeChat has %(number)d templates.") % {"number": number}


class SyncFirst(CodeStaffAdmin):
    """Adds to the code page what is asked for where there is nothing to upload."""

    def sync_first(self, request: HttpRequest, row: Authorizer) -> HttpResponse:
        return self.page(
            request,
            "admin/code/sync_first.html",
            title=_("Upload code"),
            row=row,
            account_tab="code",
            component=row.component,
            may_sync=request.user.has_perm(MAY_CHANGE_TEMPLATES),
            sync=reverse("admin:code-sync-templates", args=[row.pk]),
            back=code_page_of(row),
        )

    def sync_templates(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Fetches WeChat's list, and leads to the upload."""
        if not request.user.has_perm(MAY_CHANGE_TEMPLATES):
            raise PermissionDenied
        row: Any = self.visible_or_404(request, object_id)
        if request.method == "POST":
            self.carry_out(request, row.component, sync_component)
            if not has_templates(row):
                text = _("Add a draft to the templates first: developers upload drafts to WeChat.")
                self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:code-commit", args=[row.pk]))
