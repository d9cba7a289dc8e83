"""The form of values of ext.json: fields from the template's JSON Schema, or the JSON itself."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from audits.problems import BadExtJson
from audits.services.ext_json import check_values
from audits.services.ext_paths import Values, drop_value, put_value, write_path
from audits.services.ext_schema import check_schema
from audits.services.ext_values import overlay
from platform_auth.forms import capitalise_labels

MAX_NESTED = 2  # objects that are taken apart into fields; what is deeper is JSON
LONG_TEXT = 200  # characters from which a text has an area instead of a line


class ObjectField(forms.JSONField):
    """Values as JSON, in the admin's look; none at all is {}."""

    check: Callable[[Any], None] = staticmethod(check_values)

    def __init__(self, label: Any = None, *, rows: int = 8, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
        options = {"label": label, **kwargs, "required": False, "widget": widget}
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        """As a person reads it; nothing where there is nothing."""
        if value is None or isinstance(value, forms.fields.InvalidJSONInput):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2)

    def to_python(self, value: Any) -> Any:
        """Django says only that it is no JSON: where it stops being that, says this."""
        if isinstance(value, str) and value.strip():
            try:
                json.loads(value)
            except json.JSONDecodeError as error:
                facts = {"line": error.lineno, "column": error.colno}
                text = _("It is no JSON: look at line %(line)d, character %(column)d.") % facts
                raise ValidationError(text, code="invalid") from None
        return super().to_python(value)

    def clean(self, value: Any) -> Any:
        values = super().clean(value)
        values = {} if values is None else values
        try:
            self.check(values)
        except BadExtJson as problem:
            raise ValidationError(problem.problems) from None
        return values


class SchemaField(ObjectField):
    """A JSON Schema."""

    check = staticmethod(check_schema)


class ValuesForm(forms.Form):
    """All values as JSON. SEEN says which version the person saw."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    values = ObjectField(
        _("values"),
        rows=14,
        help_text=_(
            'Members of ext.json, such as {"ext": {"shop": 7}}. null takes away what lies below.'
        ),
    )

    def __init__(self, current: Values, seen: int, data: Any = None) -> None:
        initial = {"values": current or {"ext": {}}, "seen": seen}
        super().__init__(data, initial=initial, label_suffix="")
        capitalise_labels(self)

    def read_values(self) -> Values:
        values: Values = self.cleaned_data["values"]
        return values


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that a JSON Schema describes, at PATH."""

    path: tuple[str, ...]
    schema: dict[str, Any]

    @property
    def name(self) -> str:
        return write_path(self.path)


class SchemaForm(forms.Form):
    """A field for each value of the template's schema. What has no field stays as it is."""

    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, schema: dict[str, Any], current: Values, below: Values, seen: int, data: Any = None
    ) -> None:
        super().__init__(data, initial={"seen": seen}, label_suffix="")
        self.current = current
        self.leaves = list(find_leaves(schema, ("ext",)))
        for leaf in self.leaves:
            self.fields[leaf.name] = _make_field(leaf, current, below)

    def read_values(self) -> Values:
        values = overlay(self.current)
        for leaf in self.leaves:
            value, path = self.cleaned_data[leaf.name], list(leaf.path)
            if value not in (None, ""):
                put_value(values, path, value)
            elif _find(self.current, leaf.path) not in (None, ""):
                drop_value(values, path)
        return values


def find_leaves(schema: dict[str, Any], above: tuple[str, ...]) -> Iterator[Leaf]:
    """The values that SCHEMA describes, those of objects within it one by one."""
    for name, inner in (schema.get("properties") or {}).items():
        path, inner = (*above, name), inner if isinstance(inner, dict) else {}
        if inner.get("type") == "object" and inner.get("properties") and len(above) <= MAX_NESTED:
            yield from find_leaves(inner, path)
        else:
            yield Leaf(path, inner)


def _find(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return None
        values = values[name]
    return values


def _make_field(leaf: Leaf, current: Values, below: Values) -> forms.Field:
    schema = leaf.schema
    kind = "enum" if "enum" in schema else str(schema.get("type"))
    make = _MAKERS.get(kind, _make_json)
    field = make(schema)
    field.required = False
    field.label = schema.get("title") or " › ".join(leaf.path[1:])
    field.help_text = _help_text(schema, _find(below, leaf.path))
    value = _find(current, leaf.path)
    is_choice = isinstance(field, forms.ChoiceField)
    field.initial = json.dumps(value) if is_choice and value is not None else value
    return field


def _help_text(schema: dict[str, Any], inherited: Any) -> SafeString:
    """What the schema says of a value, and what it is without one of its own; pages trust it."""
    is_there = inherited is not None
    empty = _("Empty: %s") % json.dumps(inherited, ensure_ascii=False) if is_there else ""
    return format_html("{} {}", schema.get("description", ""), empty)


def _make_choice(choices: list[tuple[str, Any]]) -> forms.Field:
    return forms.TypedChoiceField(
        choices=[("", "–"), *choices],
        coerce=json.loads,
        empty_value=None,
        widget=UnfoldAdminSelectWidget,
    )


def _make_enum(schema: dict[str, Any]) -> forms.Field:
    values = schema["enum"]
    names = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return _make_choice(
        [(json.dumps(value), name) for value, name in zip(values, names, strict=True)]
    )


def _make_boolean(schema: dict[str, Any]) -> forms.Field:
    return _make_choice([("true", _("yes")), ("false", _("no"))])


def _make_text(schema: dict[str, Any]) -> forms.Field:
    length = schema.get("maxLength")
    is_long = length is None or length > LONG_TEXT
    area = UnfoldAdminTextareaWidget(attrs={"rows": 2})
    widget = area if is_long and length else UnfoldAdminTextInputWidget()
    return forms.CharField(strip=False, max_length=length, widget=widget)


def _make_integer(schema: dict[str, Any]) -> forms.Field:
    limits: dict[str, Any] = {
        "min_value": schema.get("minimum"),
        "max_value": schema.get("maximum"),
    }
    return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **limits)


def _make_number(schema: dict[str, Any]) -> forms.Field:
    limits: dict[str, Any] = {
        "min_value": schema.get("minimum"),
        "max_value": schema.get("maximum"),
    }
    return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget, **limits)


def _make_json(schema: dict[str, Any]) -> forms.Field:
    attrs = {"rows": 3, "spellcheck": "false"}
    return JSONLeafField(widget=UnfoldAdminTextareaWidget(attrs=attrs))


class JSONLeafField(forms.JSONField):
    """A list, or an object of any members."""

    empty_values = [None, ""]

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


_MAKERS: dict[str, Callable[[dict[str, Any]], forms.Field]] = {
    "enum": _make_enum,
    "boolean": _make_boolean,
    "string": _make_text,
    "integer": _make_integer,
    "number": _make_number,
}
