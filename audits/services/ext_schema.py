"""What a template's JSON Schema says of the values of `ext`, in plain words."""

from collections.abc import Callable, Iterator
from typing import Any

import regex
from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from audits.problems import BadExtJson
from audits.services.ext_paths import write_path
from platform_auth.listing import with_detail

MAX_PROBLEMS = 10  # named at once
REGEX_TIMEOUT = 0.2  # seconds; whoever writes a schema holds nobody up


def check_schema(schema: Any) -> None:
    """Raise BadExtJson, with its reason, where SCHEMA is no JSON Schema that we can work with."""
    if not isinstance(schema, dict):
        raise BadExtJson(_("It must be an object: {…}."))
    if foreign := sorted(ref for ref in _references(schema) if not ref.startswith("#")):
        raise BadExtJson(_("It may refer to nothing outside: %s") % ", ".join(foreign))
    validator = validators.validator_for(schema, default=Draft202012Validator)
    try:
        validator.check_schema(schema)
        _find_problems(schema, {})
    except (SchemaError, Unresolvable, RecursionError, regex.error) as error:
        raise BadExtJson(_("This is no JSON Schema: %s") % _first_line(error)) from None


def check_against_schema(schema: dict[str, Any], ext: dict[str, Any]) -> None:
    """Raise BadExtJson, which names all that SCHEMA refuses of EXT."""
    if not schema:
        return
    try:
        problems = _find_problems(schema, ext)
    except (Unresolvable, RecursionError, regex.error) as error:
        problems = [_("This is no JSON Schema: %s") % _first_line(error)]
    if problems:
        raise BadExtJson(*problems)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name in ("$ref", "$dynamicRef"):
            if isinstance(node.get(name), str):
                yield node[name]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _references(child)


def _find_problems(schema: dict[str, Any], ext: dict[str, Any]) -> list[str]:
    validator = validators.validator_for(schema, default=Draft202012Validator)
    bounded = validators.extend(validator, {"pattern": _check_pattern})
    # An empty registry: nothing is fetched from anywhere.
    errors = bounded(schema, registry=Registry()).iter_errors(ext)
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return [_describe(error) for error in ordered[:MAX_PROBLEMS]]


def _check_pattern(
    validator: Any, pattern: str, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "string"):
        return
    try:
        is_match = regex.search(pattern, instance, timeout=REGEX_TIMEOUT) is not None
    except TimeoutError:
        is_match = False
    if not is_match:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_TYPES: dict[str, Callable[[], str]] = {
    "string": lambda: _("a text"),
    "number": lambda: _("a number"),
    "integer": lambda: _("a whole number"),
    "boolean": lambda: _("true or false"),
    "object": lambda: _("an object"),
    "array": lambda: _("a list"),
    "null": lambda: _("null"),
}
# What a keyword asks for; what has no line here is in the words of the library.
_SENTENCES: dict[str, Callable[[ValidationError], str]] = {
    "type": lambda error: _("it must be %s") % _name_types(error.validator_value),
    "required": lambda error: (
        _("it lacks %s")
        % ", ".join(name for name in error.validator_value if name not in error.instance)
    ),
    "enum": lambda error: _("it must be one of %s") % ", ".join(map(repr, error.validator_value)),
    "minimum": lambda error: _("it must be at least %s") % error.validator_value,
    "maximum": lambda error: _("it must be at most %s") % error.validator_value,
    "minLength": lambda error: _("it must have at least %s characters") % error.validator_value,
    "maxLength": lambda error: _("it must have at most %s characters") % error.validator_value,
    "minItems": lambda error: _("it must have at least %s entries") % error.validator_value,
    "maxItems": lambda error: _("it must have at most %s entries") % error.validator_value,
    "pattern": lambda error: _("it does not match %s") % error.validator_value,
}


def _describe(error: ValidationError) -> str:
    path = write_path(["ext", *error.absolute_path])
    sentence = _SENTENCES.get(str(error.validator))
    return with_detail(path, sentence(error) if sentence else error.message[:200])


def _name_types(types: Any) -> str:
    names = types if isinstance(types, list) else [types]
    return " / ".join(_TYPES[name]() if name in _TYPES else str(name) for name in names)


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "message", error)).splitlines() or [type(error).__name__])[0][:200]
