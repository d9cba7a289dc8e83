"""Tags: the words themselves, who has them, and how staff give and take them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from miniprograms.models import Authorizer, Tag
from miniprograms.services.tagging import set_tags
from platform_auth.admin.acts import button, holding
from platform_auth.admin.columns import link
from platform_auth.admin.pages import RecordedAdmin, StaffAdmin
from platform_auth.forms import TextField, capitalise_labels

MAX_TAGGED = 500  # accounts; nobody waits for WeChat here
MAX_CHOICES = 200  # tags in a filter


class TagPages(RecordedAdmin):
    """The list and the page of a tag; what apps above know of it is added there."""

    asks_outside = False
    list_display = ("name", "accounts")
    ordering = ("name",)
    sortable_by = ()
    search_fields = ("name__startswith",)
    search_help_text = _("The beginning of a name")
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(size=Count("authorizers"))

    @admin.display(description=_("accounts"))
    def accounts(self, tag: Any) -> SafeString:
        url = reverse("admin:miniprograms_authorizer_changelist")
        return link(f"{url}?tag={tag.pk}", tag.size)


class TagFilter(admin.SimpleListFilter):
    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(str(tag.pk), tag.name) for tag in Tag.objects.all()[:MAX_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        is_number = value.isascii() and value.isdigit() and len(value) < 19
        return queryset.filter(tags=int(value)) if is_number else queryset.none()


class _Tags(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def __init__(self, label: Any) -> None:
        super().__init__(
            Tag.objects.all(),
            label=label,
            required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
        )


class TagForm(forms.Form):
    """Which tags an account, or each of several, gets and loses."""

    add = _Tags(_("give"))
    new = TextField(_("and a new one"), 50)
    remove = _Tags(_("take away"))

    def __init__(self, user: Any, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        capitalise_labels(self)
        if not user.has_perm("miniprograms.add_tag"):
            del self.fields["new"]
        if not Tag.objects.exists():
            del self.fields["add"], self.fields["remove"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not any(data.get(name) for name in ("add", "new", "remove")) and not self.errors:
            self.add_error(None, _("Choose at least one tag."))
        return data

    def tags(self) -> tuple[list[Tag], list[Tag]]:
        """What is given, a new one made for it, and what is taken away."""
        added = list(self.cleaned_data.get("add") or [])
        if name := self.cleaned_data.get("new", "").strip():
            tag, _is_new = Tag.objects.get_or_create(name=name)
            added.append(tag)
        return added, list(self.cleaned_data.get("remove") or [])


class OwnTagForm(TagForm):
    """Which tags one account has: those that it has now are ticked."""

    def __init__(self, user: Any, row: Authorizer, data: Any = None) -> None:
        super().__init__(user, data)
        self.row = row
        self.fields.pop("remove", None)
        if "add" in self.fields:
            self.fields["add"].label = capfirst(_("tags"))
            self.fields["add"].initial = list(row.tags.all())

    def clean(self) -> dict[str, Any]:
        """An account may be left without tags, too."""
        return self.cleaned_data

    def tags(self) -> tuple[list[Tag], list[Tag]]:
        added, _none = super().tags()
        present = list(self.row.tags.all())
        removed = [tag for tag in present if tag not in added]
        return [tag for tag in added if tag not in present], removed


class TaggedPages(StaffAdmin):
    """Adds the two ways to set tags to the admin of accounts."""

    has_operate_permission = holding("miniprograms.change_authorizer")

    @admin.action(description=_("Set tags"), permissions=["operate"])
    def set_tags(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        rows = list(queryset[: MAX_TAGGED + 1])
        if len(rows) > MAX_TAGGED:
            text = _("Nothing was done: choose at most %(most)d at once.") % {"most": MAX_TAGGED}
            self.message_user(request, text, messages.ERROR)
            return None
        is_answered = bool(request.POST.get("confirmed"))
        form = TagForm(request.user, request.POST if is_answered else None)
        if is_answered and form.is_valid():
            added, removed = form.tags()
            set_tags(rows, add=added, remove=removed, by=request.user)
            self.message_user(request, _("%(number)d accounts: done.") % {"number": len(rows)})
            return None
        chosen = [(ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows]
        return self.page(
            request,
            "admin/ask.html",
            rows=rows,
            title=_("Set tags"),
            question=_("Each of these accounts:"),
            form=form,
            hidden=[("action", "set_tags"), *chosen],
            back=request.get_full_path(),
        )

    @button(_("Set tags"), "operate", path="tags", icon="sell")
    def tag_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(row: Authorizer, form: Any) -> object:
            added, removed = form.tags()
            set_tags([row], add=added, remove=removed, by=request.user)
            return _("done.")

        return self.confirm(
            request,
            object_id,
            act,
            title=_("Set tags"),
            question=_("Tags group accounts: in lists, and for whom messages are forwarded."),
            form=lambda request, row: OwnTagForm(request.user, row, request.POST or None),
        )
