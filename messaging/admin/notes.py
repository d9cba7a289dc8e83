"""What staff note of a user: the form on the conversation, and the list's columns and filters."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from messaging.models import Conversation, ConversationLabel
from messaging.services.notes import (
    MOST_LABELS,
    MOST_LABELS_OF_ONE,
    TooManyLabels,
    ensure_label,
    list_colleagues,
    list_labels,
)
from platform_auth.admin.columns import link
from platform_auth.admin.pages import RecordedAdmin, label
from platform_auth.person_names import name_person

MOST_COLLEAGUES = 200  # to choose from


class NotesForm(forms.Form):
    """The remark, the labels and the colleague of one user."""

    remark = forms.CharField(
        label=_("Remark"),
        max_length=100,
        required=False,
        help_text=_("Instead of a name, which WeChat does not tell us. Merchants do not see it."),
    )
    in_charge = forms.ChoiceField(label=_("In charge"), required=False)
    labels = forms.MultipleChoiceField(
        label=_("Labels"), required=False, widget=forms.CheckboxSelectMultiple
    )
    new_label = forms.CharField(label=_("and a new one"), max_length=20, required=False)

    def __init__(self, row: Conversation, data: Any = None) -> None:
        super().__init__(data, auto_id="notes-%s", label_suffix="")
        self.people = {str(person.pk): person for person in _choose_from(row.in_charge)}
        rows: list[Any] = list_labels(row)
        self.all_labels = {str(label.pk): label for label in rows}
        self.set_labels = [label for label in rows if label.is_set]
        self.initial = {
            "remark": row.remark,
            "in_charge": str(row.in_charge_id or ""),
            "labels": [str(label.pk) for label in self.set_labels],
        }
        names = [(key, name_person(person)) for key, person in self.people.items()]
        self.fields["in_charge"].choices = [("", _("not assigned")), *names]  # type: ignore[attr-defined]
        self.fields["labels"].choices = [  # type: ignore[attr-defined]
            (key, label.name) for key, label in self.all_labels.items()
        ]
        if not self.all_labels:
            del self.fields["labels"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        labels = [self.all_labels[key] for key in data.get("labels") or []]
        name = data.get("new_label", "").strip()
        if len(labels) + bool(name) > MOST_LABELS_OF_ONE:
            text = _("At most %(most)d labels for one user.") % {"most": MOST_LABELS_OF_ONE}
            raise forms.ValidationError(text)
        if name and not self.errors:
            labels.append(_label_called(name))
        person = self.people.get(data.get("in_charge", ""))
        remark = data.get("remark", "").strip()
        return {"remark": remark, "in_charge": person, "labels": list(dict.fromkeys(labels))}


def _choose_from(in_charge: User | None) -> list[User]:
    """Who may be put in charge; with whoever is, though they may not answer any more."""
    people = list(list_colleagues()[:MOST_COLLEAGUES])
    return people if in_charge is None or in_charge in people else [*people, in_charge]


def _label_called(name: str) -> ConversationLabel:
    try:
        return ensure_label(name)
    except TooManyLabels:
        text = _("There are %(most)d labels already: use one of them.") % {"most": MOST_LABELS}
        raise forms.ValidationError({"new_label": text}) from None


class LabelFilter(admin.SimpleListFilter):
    title = _("label")
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(str(row.pk), row.name) for row in ConversationLabel.objects.all()[:MOST_LABELS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        is_number = value.isascii() and value.isdigit()
        return queryset.filter(labels=int(value)) if is_number else queryset.none()


class InChargeFilter(admin.SimpleListFilter):
    """By colleague; oneself first."""

    title = _("in charge")
    parameter_name = "in_charge"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        theirs = Conversation.objects.filter(in_charge=OuterRef("pk"))
        others = User.objects.filter(Exists(theirs), is_staff=True).exclude(
            username=request.user.get_username()
        )
        names = others.order_by("username").values_list("pk", "username")[:MOST_COLLEAGUES]
        people = [(str(pk), name) for pk, name in names]
        return [("me", _("me")), ("nobody", _("not assigned")), *people]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case None:
                return queryset
            case "me":
                return queryset.filter(in_charge=request.user.pk)
            case "nobody":
                return queryset.filter(in_charge=None)
            case value if value.isascii() and value.isdigit():
                return queryset.filter(in_charge=int(value))
        return queryset.none()


def show_labels(row: Conversation) -> SafeString | str:
    return format_html_join(" ", "{}", ((label(str(item), "info"),) for item in row.labels.all()))


@admin.register(ConversationLabel)
class ConversationLabelAdmin(RecordedAdmin):
    """The words themselves: how often each is used, and mending or dropping it."""

    list_title = _("Labels of users")
    asks_outside = False
    list_display = ("name", "users")
    ordering = ("name",)
    sortable_by = ()
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(size=Count("conversations"))

    @admin.display(description=_("users"))
    def users(self, row: Any) -> SafeString:
        url = reverse("admin:messaging_conversation_changelist")
        return link(f"{url}?label={row.pk}", row.size)
