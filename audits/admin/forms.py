"""The forms of acts on code."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from django import forms
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from audits.admin.ext_form import ObjectField
from audits.admin.ext_tables import preview_upload
from audits.models import CodeAudit, CodeSummary, CodeTemplate, CodeVersion
from audits.problems import BadExtJson
from audits.services.ext_json import build_ext_json
from audits.services.summaries import summary_of
from audits.services.version_names import next_version
from miniprograms.models import Authorizer
from platform_auth.admin.pages import table
from platform_auth.forms import TextField

REJECTED = "rejected"  # the newest review, as summaries have it
_ONLY_REJECTED = {CodeAudit.Status.REJECTED}
UPLOAD_HELP = _(
    'Members such as {"ext": {"shop": 7}}, over the values that are kept, this once. Mostly empty.'
)


def _rename_rejected(programs: Sequence[Authorizer], component: int | None) -> dict[str, str]:
    """
    For each version of a template of COMPONENT that WeChat rejected, and never approved, of one of
    PROGRAMS, what may come next; "" where nobody can say.
    """
    versions = CodeTemplate.objects.filter(component=component, gone_at=None)
    audits = CodeAudit.objects.filter(
        authorizer__in=programs,
        user_version__in=versions.exclude(user_version="").values("user_version"),
        status__in=(CodeAudit.Status.PASSED, CodeAudit.Status.REJECTED),
    )
    statuses: dict[tuple[int | None, str], set[int]] = defaultdict(set)
    rows = audits.order_by().values_list("authorizer", "user_version", "status").distinct()
    for pk, version, status in rows:
        statuses[pk, version].add(status)
    rejected = {version for (_pk, version), its in statuses.items() if its == _ONLY_REJECTED}
    if not rejected:
        return {}
    taken: set[str] = set()
    for model in (CodeVersion, CodeAudit):  # reviews are of other platforms' uploads, too
        rows_of = model.objects.filter(authorizer__in=programs).order_by()
        taken.update(rows_of.values_list("user_version", flat=True).distinct())
    return {version: next_version(version, taken) for version in sorted(rejected)}


class TemplateField(forms.ModelChoiceField[CodeTemplate]):
    """Templates by number, version, and what was written about them."""

    def label_from_instance(self, obj: Any) -> str:
        parts = [str(obj.template_id), obj.user_version, obj.user_desc, obj.notes]
        return " · ".join(part for part in parts if part)[:120]


class TemplateSelect(UnfoldAdminSelectWidget):
    """
    With what is in each template, which static/staff.js fills in when it is chosen; in the place of
    the versions that are keys of RENAMED, their values.
    """

    renamed: Mapping[str, str] = MappingProxyType({})

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        template = getattr(option["value"], "instance", None)
        if template is not None:
            option["attrs"] |= {
                "data-version": self.renamed.get(template.user_version, template.user_version),
                "data-description": template.user_desc,
            }
        return option


class UploadForm(forms.Form):
    """Which template becomes the trial version of each of PROGRAMS, and what it is called."""

    template = TemplateField(
        label=_("template"),
        queryset=CodeTemplate.objects.filter(gone_at=None).order_by("-template_id"),
        widget=TemplateSelect,
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
        renamed = _rename_rejected(programs, component) if self._has_open_rejection() else {}
        if renamed:
            cast(TemplateSelect, field.widget).renamed = renamed
            self.fields["user_version"].help_text = _(
                "Up to 64 characters. WeChat rejected %(versions)s: give what was mended a number "
                "of its own."
            ) % {"versions": ", ".join(renamed)}
        newest = None if self.is_bound else field.queryset.first()
        if newest is not None:
            self.initial = {
                "template": newest.pk,
                "user_version": renamed.get(newest.user_version, newest.user_version),
                "user_desc": newest.user_desc,
                **self.initial,
            }

    def _has_open_rejection(self) -> bool:
        """Whether the newest review of any is a rejection."""
        rejected = CodeSummary.objects.filter(authorizer__in=self.programs, review=REJECTED)
        return rejected.exists()

    @property
    def has_templates(self) -> bool:
        """Whether the platform of all of them has any."""
        components = {row.component_id for row in self.programs}
        return CodeTemplate.objects.filter(component__in=components, gone_at=None).exists()

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
            self.fields["ext"].label = _("ext.json")
            self.fields["ext"].help_text = _(
                "The mini program has no values of its own yet: these become them."
            )

    def _has_open_rejection(self) -> bool:
        return summary_of(self.programs[0]).review == REJECTED

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
