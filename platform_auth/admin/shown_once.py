"""
Read-only fields of a page, each worked out once. The frame's own ask for what a field shows
whenever a template mentions it, five times; and some of what staff pages show are statements.
"""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.fields import UnfoldAdminField, UnfoldAdminReadonlyField
from unfold.forms import AdminForm, Fieldline, Fieldset


class ShownOnce(ModelAdmin):
    """Pages of rows on which no read-only field is worked out twice."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["adminform"] = FormShownOnce(context["adminform"])
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return answer


class FormShownOnce(AdminForm):
    """FORM as the admin has made it, with the fields of this module."""

    def __init__(self, form: AdminForm) -> None:
        super().__init__(form.form, form.fieldsets, {}, form.readonly_fields, form.model_admin)
        self.prepopulated_fields = form.prepopulated_fields

    def __iter__(self) -> Iterator[Fieldset]:
        for name, options in self.fieldsets:
            yield FieldsetShownOnce(
                self.form, name, self.readonly_fields, model_admin=self.model_admin, **options
            )


class FieldsetShownOnce(Fieldset):
    def __iter__(self) -> Iterator[Fieldline]:
        for field in self.fields:
            yield FieldlineShownOnce(self.form, field, self.readonly_fields, self.model_admin)


class FieldlineShownOnce(Fieldline):
    def __iter__(self) -> Iterator[UnfoldAdminField | UnfoldAdminReadonlyField]:
        for number, field in enumerate(self.fields):
            if field in self.readonly_fields:
                yield FieldShownOnce(
                    self.form, field, is_first=not number, model_admin=self.model_admin
                )
            else:
                yield UnfoldAdminField(self.form, field, is_first=not number)


class FieldShownOnce(UnfoldAdminReadonlyField):
    @cached_property
    def _once(self) -> Any:
        return super().contents()

    def contents(self) -> Any:
        return self._once

    def _resolve_field(self) -> Any:
        """Of which kind the field is decides how it is drawn; what it shows is no part of that."""
        try:
            return self.form._meta.model._meta.get_field(self.field["field"]), None, None
        except FieldDoesNotExist:
            return False
