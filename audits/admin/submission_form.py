"""The forms of what is submitted with code: for one submission, and as it is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldBooleanWidget,
)

from audits.admin.acts import posted
from audits.admin.submission_items import MAX_SUBMITTED_PAGES, Fields, ItemForm, PageForm
from audits.models import SubmissionFile
from audits.services.submission_files import keep_file
from platform_auth.forms import TextField
from platform_auth.operations import Actor
from wechat import code_review

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
FILES_HELP = _("png, jpeg or gif to 2 MB, mp4 to 10 MB; several can be chosen.")
MAX_UPLOAD = 10 * 1024 * 1024  # bytes of one file


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, as bytes with their names."""

    def __init__(self, label: StrOrPromise) -> None:
        attrs = {"accept": "image/png,image/jpeg,image/gif,video/mp4", "class": "staff-files"}
        widget = FilesInput(attrs=attrs)
        super().__init__(label=label, required=False, help_text=FILES_HELP, widget=widget)

    def clean(self, data: Any, initial: Any = None) -> list[tuple[str, bytes]]:
        files: list[Any] = data if isinstance(data, list) else [data] if data else []
        for file in files:
            if file.size and file.size > MAX_UPLOAD:
                raise ValidationError(_("Pictures may have 2 MB, films 10 MB."))
        return [(file.name or "", file.read()) for file in files]


class KeptField(forms.TypedMultipleChoiceField):
    """Which of the files that are there stay."""

    def __init__(self, label: StrOrPromise) -> None:
        widget = UnfoldAdminCheckboxSelectMultipleWidget
        super().__init__(label=label, coerce=int, required=False, widget=widget)


class SubmissionForm(forms.Form):
    """The fields of submit_audit. WeChat takes a submission without any of them."""

    version_desc = TextField(_("What is new, for the reviewer"), 200, rows=2)
    feedback_info = TextField(_("Answer to the last rejection"), 200, rows=2)
    privacy_api_not_use = forms.BooleanField(
        label=_("The privacy interfaces found in the code are not used"),
        required=False,
        widget=UnfoldBooleanWidget,
    )
    order_path = TextField(_("Path of the page with orders"), 200)
    preview_kept = KeptField(_("Preview pictures and films"))
    preview_new = FilesField(_("More preview pictures and films"))
    feedback_kept = KeptField(_("Files with the answer to the last rejection"))
    feedback_new = FilesField(_("More files with the answer"))
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

    item_form: type[PageForm]

    def __init__(self, request: HttpRequest, fields: Mapping[str, Any]) -> None:
        """What was posted, or at first FIELDS."""
        super().__init__(posted(request), request.FILES or None, initial=initial_of(fields))
        for kind in ("preview", "feedback"):
            keys = fields.get(f"{kind}_files") or []
            kept = cast(forms.TypedMultipleChoiceField, self.fields[f"{kind}_kept"])
            kept.choices = file_choices(keys)
            if not keys:
                del self.fields[f"{kind}_kept"]
        self.items = [
            self.item_form(self.data if self.is_bound else None, prefix=f"item{number}")
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
    def has_pages(self) -> bool:
        """Whether the forms of pages were there to be filled in: WeChat may not have answered."""
        return any(name.startswith("item") for name in self.data)

    def keep_files(self, by: Actor) -> None:
        """The files that were uploaded with it stay here. Raises BadSubmission."""
        for kind in ("preview", "feedback"):
            new = self.cleaned_data.pop(f"{kind}_new", None) or []
            rows = [keep_file(content, name, by=by) for name, content in new]
            keys = [*self.cleaned_data.get(f"{kind}_kept", []), *(row.pk for row in rows)]
            self.cleaned_data[f"{kind}_kept"] = list(dict.fromkeys(keys))

    def read_fields(self) -> Fields:
        """What was filled in, by the names of a submission; of the rest nothing."""
        data = self.cleaned_data
        fields: Fields = {}
        if items := [item.entry for item in self.items if item.entry]:
            fields["item_list"] = items
        for name in ("version_desc", "feedback_info", "order_path"):
            if data.get(name):
                fields[name] = data[name]
        if data["privacy_api_not_use"]:
            fields["privacy_api_not_use"] = True
        if data["ugc_scene"]:
            fields["ugc_declare"] = self._ugc_declaration()
        for kind in ("preview", "feedback"):
            if data.get(f"{kind}_kept"):
                fields[f"{kind}_files"] = data[f"{kind}_kept"]
        return fields

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


def initial_of(fields: Mapping[str, Any]) -> Fields:
    """FIELDS of a submission as a form begins with them."""
    declaration = fields.get("ugc_declare") or {}
    needs = fields.get("needs") or {}
    return {
        **{
            name: fields.get(name)
            for name in ("version_desc", "feedback_info", "privacy_api_not_use", "order_path")
        },
        "preview_kept": fields.get("preview_files") or [],
        "feedback_kept": fields.get("feedback_files") or [],
        "ugc_scene": declaration.get("scene") or [],
        "ugc_method": declaration.get("method") or [],
        "ugc_team": bool(declaration.get("has_audit_team")),
        "ugc_other": declaration.get("other_scene_desc"),
        "ugc_desc": declaration.get("audit_desc"),
        "needs_domains": "\n".join(needs.get("domains") or []),
        "needs_opens": "\n".join(needs.get("opens") or []),
    }


def file_choices(keys: Sequence[int]) -> list[tuple[int, SafeString]]:
    """The files of KEYS that are there still, each with a link to it."""
    rows = SubmissionFile.objects.defer("content").in_bulk(keys)
    return [(key, _file_label(rows[key])) for key in keys if key in rows]


def _file_label(row: SubmissionFile) -> SafeString:
    return format_html(
        '<a href="{}" target="_blank" rel="noopener" class="text-link">{}</a> {} {}',
        reverse("admin:code-submission-file", args=[row.pk]),
        row,
        row.kind,
        filesizeformat(row.size),
    )


class OverruleField(TextField):
    """It is there to be filled in only where the preflight has something against it."""

    only_if_blocked = True


class SubmitForm(SubmissionForm):
    """One submission: what is kept is filled in already, and what is emptied does not count."""

    despite_preflight = OverruleField(
        _("Submit it though WeChat would refuse it, because"),
        500,
        rows=2,
        help_text=_("The reason is kept in the operation log."),
    )

    def __init__(
        self,
        request: HttpRequest,
        fields: Mapping[str, Any],
        *,
        rejected: bool = True,
        may_overrule: bool = False,
    ) -> None:
        self.item_form = ItemForm
        super().__init__(request, fields)
        if not rejected:
            for name in ("feedback_info", "feedback_kept", "feedback_new"):
                self.fields.pop(name, None)
        if not may_overrule:
            del self.fields["despite_preflight"]
        self.filled = {name for name in fields if name != "needs"}

    @property
    def despite(self) -> str:
        """Why it is submitted whatever the preflight says; "" for no such thing."""
        return str(self.cleaned_data.get("despite_preflight", ""))

    def read_submission(self) -> Fields:
        """What is submitted; null for what was filled in from what is kept and then emptied."""
        emptied = self.filled if self.has_pages else self.filled - {"item_list"}
        return {**dict.fromkeys(emptied), **self.read_fields()}


class ProfileForm(SubmissionForm):
    """What is kept for a template, or for a mini program over its template's."""

    needs_domains = TextField(
        _("Server domains that the code needs"),
        8_000,
        rows=3,
        help_text=_("One a line, such as https://api.example.com. The preflight looks for them."),
    )
    needs_opens = TextField(
        _("Mini programs that the code opens"),
        8_000,
        rows=3,
        help_text=_("Their appids, one a line."),
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        request: HttpRequest,
        fields: Mapping[str, Any],
        seen: int,
        item_form: type[PageForm],
    ) -> None:
        self.item_form = item_form
        super().__init__(request, fields)
        self.initial["seen"] = seen
        self.kept_items = fields.get("item_list")

    def clean_needs_domains(self) -> list[str]:
        """One a line."""
        return _split_lines(
            self.cleaned_data["needs_domains"], ("https://", "wss://", "tcp://", "udp://")
        )

    def clean_needs_opens(self) -> list[str]:
        """One a line."""
        return _split_lines(self.cleaned_data["needs_opens"], ("wx",))

    def read_fields(self) -> Fields:
        """What was filled in, with what the code needs."""
        data = self.cleaned_data
        needs = {"domains": data["needs_domains"], "opens": data["needs_opens"]}
        fields = super().read_fields()
        if named := {name: values for name, values in needs.items() if values}:
            fields["needs"] = named
        if self.kept_items and not self.has_pages:
            fields["item_list"] = self.kept_items
        return fields


def _split_lines(text: str, beginnings: tuple[str, ...]) -> list[str]:
    lines = text.split()
    if wrong := [line for line in lines if not line.startswith(beginnings)]:
        listed = ", ".join(wrong)
        allowed = ", ".join(beginnings)
        message = _("Each begins with one of %(allowed)s: %(lines)s")
        raise ValidationError(message % {"allowed": allowed, "lines": listed})
    return lines
