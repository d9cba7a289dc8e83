"""The forms of acts on code."""

import json
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from audits.admin.ext_form import ObjectField
from audits.admin.ext_tables import preview_upload
from audits.models import CodeTemplate
from audits.problems import BadExtJson
from audits.services.ext_json import build_ext_json
from miniprograms.models import Authorizer
from platform_auth.admin.pages import table
from platform_auth.forms import TextField
from wechat import code, code_review

MAX_SUBMITTED_PAGES = 5  # that WeChat takes in one submission

UGC_SCENES = [
    (0, _("nothing")),
    (1, _("profiles")),
    (2, _("pictures")),
    (3, _("films")),
    (4, _("texts")),
    (5, _("sound")),
]
UGC_METHODS = [
    (1, _("WeChat's security interfaces")),
    (2, _("another product")),
    (3, _("people")),
    (4, _("nothing")),
]


UPLOAD_HELP = _(
    'Members such as {"ext": {"shop": 7}}, over the values that are kept, this once. Mostly empty.'
)


class TemplateField(forms.ModelChoiceField[CodeTemplate]):
    """Templates by number, version, and what was written about them."""

    def label_from_instance(self, obj: Any) -> str:
        parts = [str(obj.template_id), obj.user_version, obj.user_desc, obj.notes]
        return " · ".join(part for part in parts if part)[:120]


class UploadForm(forms.Form):
    """Which template becomes the trial version of each of PROGRAMS, and what it is called."""

    template = TemplateField(
        label=_("template"),
        queryset=CodeTemplate.objects.filter(gone_at=None).order_by("-template_id"),
        widget=UnfoldAdminSelectWidget,
    )
    user_version = forms.CharField(
        label=_("version"),
        max_length=64,
        help_text=_("Up to 64 characters, such as 1.4.0."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    user_desc = TextField(_("description"), 500, required=True)
    ext = ObjectField(_("ext.json, for this upload"), rows=5, help_text=UPLOAD_HELP)

    def __init__(self, programs: Sequence[Authorizer], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.programs = programs
        components = {row.component_id for row in programs}
        field = cast(TemplateField, self.fields["template"])
        # One template goes to all: no component of WeChat's has that of another.
        component = components.pop() if len(components) == 1 else None
        field.queryset = field.queryset.filter(component=component)  # type: ignore[union-attr]

    def preview(self) -> SafeString | str:
        """Of each the exact text, and its difference from what is live."""
        data = self.cleaned_data
        rows = [(row, preview_upload(row, data["template"], data["ext"])) for row in self.programs]
        return table([_("mini program"), _("ext.json")], rows)


class CommitForm(UploadForm):
    """The same for one mini program: what it cannot have is told at the form."""

    def __init__(self, row: Authorizer, *args: Any, **kwargs: Any) -> None:
        super().__init__([row], *args, **kwargs)
        self.row = row
        if not row.ext_values.exists():
            self.fields["ext"].help_text = _(
                "The mini program has no values of its own yet: these become them."
            )

    def clean(self) -> dict[str, Any]:
        """ext.json is what the chosen template takes."""
        cleaned: dict[str, Any] = super().clean() or {}
        ext, template = cleaned.get("ext"), cleaned.get("template")
        if template is not None and "ext" in cleaned:
            try:
                build_ext_json(self.row, template, ext)
            except BadExtJson as problem:
                self.add_error("ext", problem.problems)
        return cleaned


class SubmitForm(forms.Form):
    """The fields of submit_audit. WeChat takes a submission without any of them."""

    version_desc = TextField(_("What is new, for the reviewer"), 200, rows=2)
    feedback_info = TextField(_("Answer to the last rejection"), 200, rows=2)
    privacy_api_not_use = forms.BooleanField(
        label=_("The privacy interfaces found in the code are not used"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    order_path = TextField(_("Path of the page with orders"), 200)
    ugc_scene = forms.TypedMultipleChoiceField(
        label=_("What users publish"),
        choices=UGC_SCENES,
        coerce=int,
        required=False,
        help_text=_("Social categories must declare it the first time."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    ugc_other = TextField(_("What else users publish"), 256)
    ugc_method = forms.TypedMultipleChoiceField(
        label=_("What checks it"),
        choices=UGC_METHODS,
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    ugc_team = forms.BooleanField(
        label=_("A team checks what users publish"), required=False, widget=UnfoldBooleanWidget
    )
    ugc_desc = TextField(_("How it is checked"), 256)
    despite_preflight = TextField(
        _("Submit it though WeChat would refuse it, because"),
        500,
        rows=2,
        help_text=_("Mostly empty. The reason is kept in the operation log."),
    )

    def __init__(
        self, *args: Any, rejected: bool = True, may_overrule: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not rejected:
            del self.fields["feedback_info"]
        if not may_overrule:
            del self.fields["despite_preflight"]
        self.items = [
            ItemForm(self.data if self.is_bound else None, prefix=f"item{number}")
            for number in range(1, MAX_SUBMITTED_PAGES + 1)
        ]

    def is_valid(self) -> bool:
        valid = [item.is_valid() for item in self.items]
        for number, item in enumerate(self.items, 1):
            for errors in item.errors.values():
                for error in errors:
                    text = _("Page %(number)d: %(error)s") % {"number": number, "error": error}
                    self.add_error(None, text)
        return super().is_valid() and all(valid)

    @property
    def despite(self) -> str:
        """Why it is submitted whatever the preflight says; "" for no such thing."""
        return str(self.cleaned_data.get("despite_preflight", ""))

    @property
    def submission(self) -> code_review.Submission:
        """What goes to WeChat: nothing that was left empty."""
        data = self.cleaned_data
        submission: code_review.Submission = {}
        if items := [item.entry for item in self.items if item.entry]:
            submission["item_list"] = items
        for name in ("version_desc", "feedback_info", "order_path"):
            if data.get(name):
                submission[name] = data[name]
        if data["privacy_api_not_use"]:
            submission["privacy_api_not_use"] = True
        if data["ugc_scene"]:
            submission["ugc_declare"] = self._ugc_declaration()
        return submission

    def _ugc_declaration(self) -> code_review.UgcDeclare:
        data = self.cleaned_data
        declaration: code_review.UgcDeclare = {"scene": data["ugc_scene"]}
        if data["ugc_scene"] == [0]:
            return declaration
        declaration["method"] = data["ugc_method"] or [4]
        declaration["has_audit_team"] = int(data["ugc_team"])
        if data["ugc_other"]:
            declaration["other_scene_desc"] = data["ugc_other"]
        if data["ugc_desc"]:
            declaration["audit_desc"] = data["ugc_desc"]
        return declaration


class ItemForm(forms.Form):
    """One page offered for review. What pages and categories there are only WeChat knows."""

    address = TextField(_("page"), 200)
    title = TextField(_("title"), 32)
    tag = TextField(_("tags"), 200, help_text=_("Up to ten, with spaces between."))
    category = forms.CharField(
        label=_("category"), max_length=400, required=False, widget=UnfoldAdminSelectWidget
    )

    @property
    def entry(self) -> code_review.AuditItem:
        """The entry of item_list, {} if nothing was chosen."""
        data = self.cleaned_data
        if not data.get("category"):
            return {}
        page = {name: data[name] for name in ("address", "title", "tag") if data.get(name)}
        return cast(code_review.AuditItem, {**data["category"], **page})

    def clean_category(self) -> dict[str, Any]:
        """The chosen category as WeChat names its parts; it came out of `category_choice`."""
        try:
            parts = json.loads(self.cleaned_data["category"] or "[]")
            entry = _category_entry(*parts) if parts else {}
        except (ValueError, TypeError, OverflowError):
            raise ValidationError(_("Choose a category of the list.")) from None
        return entry

    def clean(self) -> dict[str, Any]:
        """A page is offered together with its category."""
        cleaned: dict[str, Any] = super().clean() or {}
        has_page = any(cleaned.get(name) for name in ("address", "title", "tag"))
        if has_page and not cleaned.get("category") and not self.errors:
            self.add_error("category", _("Choose a category of the list."))
        return cleaned


def category_choice(category: code.Category) -> tuple[str, str]:
    """CATEGORY as a choice of a select: its value holds all that submit_audit takes of it."""
    classes = [category.first_class, category.second_class, category.third_class]
    ids = [category.first_id, category.second_id, category.third_id]
    return json.dumps([*classes, *ids], ensure_ascii=False), " › ".join(filter(None, classes))


def _category_entry(
    first_class: str,
    second_class: str,
    third_class: str,
    first_id: int,
    second_id: int,
    third_id: int | None,
) -> dict[str, Any]:
    """The fields of item_list. Raises TypeError or ValueError for what is no category."""
    entry: dict[str, Any] = {
        "first_class": first_class,
        "second_class": second_class,
        "first_id": int(first_id),
        "second_id": int(second_id),
    }
    if third_id is not None:
        entry |= {"third_class": third_class, "third_id": int(third_id)}
    if not all(isinstance(value, str | int) for value in entry.values()):
        raise TypeError
    return entry


class ReleaseForm(forms.Form):
    """The audit that the person was shown, so that no other is released."""

    auditid = forms.CharField(max_length=32, required=False, widget=forms.HiddenInput)


class GrayForm(ReleaseForm):
    """How many users have the new version."""

    percentage = forms.IntegerField(
        label=_("per cent of users"),
        min_value=1,
        max_value=100,
        help_text=_("Larger than before, if a release in steps is running."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    testers_first = forms.BooleanField(
        label=_("Testers have it first"), required=False, widget=UnfoldBooleanWidget
    )


class RevertForm(forms.Form):
    """Which version comes back. Which there are only WeChat knows: a fragment shows them."""

    app_version = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
