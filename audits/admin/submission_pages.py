"""The page on which staff edit what is submitted with a template's or a mini program's code."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from audits.admin.submission_form import ProfileForm
from audits.admin.submission_items import ItemForm, NamedItemForm, item_data, posted_items
from audits.models import CodeTemplate, SubmissionProfile
from audits.problems import CannotAct
from audits.services.ext_json import current_template
from audits.services.submission_profiles import Owner, profile_of, save_profile
from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin, ago, pretty

MAY_EDIT_PROFILE = "audits.edit_submission_profile"
_MAX_VERSIONS = 20
QUESTIONS = {
    Authorizer: _(
        "Each submission of this mini program, by whatever way, takes these over those of its "
        "template. What is empty is the template's."
    ),
    CodeTemplate: _(
        "Each submission of this template's code takes these, whoever it goes to; a mini program "
        "may have others. The next template of the same development mini program takes them over."
    ),
}


class ProfilePages(StaffAdmin):
    """Adds the page of submission profiles to the admin of what has one."""

    def profile_page(
        self, request: HttpRequest, owner: Any, back: str, live_items: str = ""
    ) -> HttpResponse:
        """
        Look at the profile of OWNER; with the right to it, change it. LIVE_ITEMS is the address of
        the pages' forms, which only WeChat knows the choices of.
        """
        may_edit = request.user.has_perm(MAY_EDIT_PROFILE)
        current = profile_of(owner)
        fields = current.fields if current else {}
        form = ProfileForm(
            request,
            fields,
            current.pk if current else 0,
            ItemForm if live_items else NamedItemForm,
        )
        if not live_items and request.method != "POST":
            for item, initial in zip(form.items, _named_items(fields), strict=False):
                item.initial = initial
        if request.method == "POST":
            if not may_edit:
                raise PermissionDenied
            if form.is_valid() and self._save(request, owner, form):
                return HttpResponseRedirect(request.get_full_path())
        return self.page(
            request,
            "admin/code/submission.html",
            account_tab="code",
            title=_("What is submitted"),
            question=QUESTIONS[type(owner)],
            owner=owner,
            form=form if may_edit else None,
            fields=pretty(fields),
            live=_live_address(request, live_items, fields),
            below=_below(owner),
            history=_history(owner),
            back=back,
        )

    def _save(self, request: HttpRequest, owner: Owner, form: ProfileForm) -> bool:
        try:
            form.keep_files(request.user)
            seen = form.cleaned_data["seen"]
            save_profile(owner, form.read_fields(), by=request.user, seen=seen)
        except CannotAct as problem:
            form.add_error(None, str(problem))
            return False
        self.message_user(request, _("It is saved."), messages.SUCCESS)
        return True


def _named_items(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of FIELDS as the forms of a template's pages begin with them."""
    return [
        {
            **item,
            "category": " › ".join(
                filter(None, (item.get(f"{level}_class") for level in ("first", "second", "third")))
            ),
        }
        for item in fields.get("item_list") or []
    ]


def _live_address(request: HttpRequest, address: str, fields: dict[str, Any]) -> str:
    if not address:
        return ""
    items = posted_items(request) or item_data(fields.get("item_list") or [])
    return f"{address}{'?' if items else ''}{urlencode(items)}"


def _below(owner: Owner) -> object:
    """What a mini program has without a profile of its own."""
    template = current_template(owner) if isinstance(owner, Authorizer) else None
    row = profile_of(template) if template else None
    return pretty(row.fields) if row else ""


def _history(owner: Owner) -> list[dict[str, object]]:
    rows: list[SubmissionProfile] = list(
        owner.submission_profiles.select_related("by").order_by("-id")[:_MAX_VERSIONS]
    )
    return [
        {"when": ago(row.at), "by": row.by or "–", "fields": pretty(row.fields)} for row in rows
    ]
