"""The schema is written for those who use the API, and holds its own examples to itself."""

import ast
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from rest_framework import exceptions

import api
from api.error_codes import CATALOGUE
from api.examples import EXAMPLES
from api.schema import TAGS
from api.urls import urlpatterns
from config import errors
from devtools import write_errors
from messaging.services.event_types.catalogue import EVENT_TYPES
from platform_auth.problems import CannotAct

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

API = Path(api.__file__).parent
JSON = "application/vnd.oai.openapi+json"


@pytest.fixture
def schema() -> dict[str, Any]:
    return fetch("en")


@cache
def fetch(language: str) -> dict[str, Any]:
    headers = {"accept": JSON, "accept-language": language}
    return cast(dict[str, Any], json.loads(Client(headers=headers).get("/api/schema/").content))


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation and each webhook, with its name."""
    for path, methods in {**schema["paths"], **schema["webhooks"]}.items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def messages(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is sent and answered, each with its media types."""
    if "requestBody" in operation:
        yield "request", operation["requestBody"]
    yield from operation["responses"].items()


def docstrings() -> Iterator[str]:
    """Of everything in api/ but serializers and what computes a field of theirs."""
    for path in API.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.endswith("Serializer"):
                yield ast.get_docstring(node) or ""
                for child in node.body:
                    if isinstance(child, ast.FunctionDef):
                        yield ast.get_docstring(child) or ""


def test_it_is_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1.")


def test_it_is_made_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull)


def test_every_operation_says_what_it_does(schema: dict[str, Any]) -> None:
    silent = [
        name for name, one in operations(schema) if not (one.get("summary") and one["description"])
    ]
    assert silent == []


def test_no_docstring_is_shown(schema: dict[str, Any]) -> None:
    shown = json.dumps(schema, ensure_ascii=False)
    internal = {text for text in docstrings() if len(text) > 20}
    assert len(internal) > 30
    assert [text for text in internal if json.dumps(text, ensure_ascii=False)[1:-1] in shown] == []


def test_every_operation_has_one_subject_that_is_described(schema: dict[str, Any]) -> None:
    subjects = {tag["name"] for tag in schema["tags"] if tag["description"]}
    assert subjects == {tag["name"] for tag in TAGS}
    assert [
        name
        for name, one in operations(schema)
        if len(one["tags"]) != 1 or not set(one["tags"]) <= subjects
    ] == []


def test_every_request_and_answer_has_an_example(schema: dict[str, Any]) -> None:
    lacking = [
        (name, part, media_type)
        for name, operation in operations(schema)
        for part, message in messages(operation)
        for media_type, media in message.get("content", {}).items()
        if not media_type.startswith("image/")
        if not {"example", "examples"} & set(media)
    ]
    assert lacking == []


def test_every_example_is_what_the_schema_says(schema: dict[str, Any]) -> None:
    count = 0
    for name, operation in operations(schema):
        for part, message in messages(operation):
            for media in message.get("content", {}).values():
                whole = {**media["schema"], "components": schema["components"]}
                named = schema["components"]["examples"]
                examples = [
                    (named[one["$ref"].rpartition("/")[2]] if "$ref" in one else one)["value"]
                    for one in media.get("examples", {}).values()
                ]
                for example in [*examples, *([media["example"]] if "example" in media else [])]:
                    count += 1
                    try:
                        jsonschema.Draft202012Validator(whole).validate(example)
                    except jsonschema.ValidationError as error:
                        pytest.fail(f"{name} {part}: {error.message} {example}")
    assert count > 500


def test_no_example_is_of_nothing(schema: dict[str, Any]) -> None:
    codes = {row.code for row in CATALOGUE}
    assert set(EXAMPLES) <= codes | set(schema["components"]["schemas"])


def test_every_answer_is_described(schema: dict[str, Any]) -> None:
    assert [
        (name, part)
        for name, operation in operations(schema)
        for part, message in operation["responses"].items()
        if not message["description"]
    ] == []


def test_an_error_names_the_codes_that_come_with_its_status(schema: dict[str, Any]) -> None:
    release = schema["paths"]["/api/v1/authorizers/{appid}/release/"]["post"]["responses"]
    examples = release["409"]["content"]["application/json"]["examples"]
    assert {"audit_not_passed", "release_open", "idempotency_key_reused"} <= set(examples)
    assert "not_a_tester" not in examples
    assert "`not_authenticated`" in release["401"]["description"]


def test_everything_that_targets_are_sent_is_a_webhook(schema: dict[str, Any]) -> None:
    assert set(schema["webhooks"]) == {*EVENT_TYPES, "test"}


def test_every_scope_is_told(schema: dict[str, Any]) -> None:
    release = schema["paths"]["/api/v1/authorizers/{appid}/release/"]["post"]["description"]
    assert "scope `code:release`" in release
    assert "`audits.release_audit`" in release


def test_it_is_in_chinese_too() -> None:
    chinese = fetch("zh-hans")
    english = [
        name
        for name, one in operations(chinese)
        if not re.search("[一-鿿]", one["summary"]) or not re.search("[一-鿿]", one["description"])
    ]
    assert english == []


# The error catalogue


def raised() -> set[str]:
    """The codes that answers of the API can have: those of classes, and those that are written."""
    own = {error.code for error in _below(CannotAct)} | {CannotAct.code}
    framework: set[Any] = {
        exceptions.ParseError,
        exceptions.NotAuthenticated,
        exceptions.AuthenticationFailed,
        exceptions.PermissionDenied,
        exceptions.NotFound,
        exceptions.MethodNotAllowed,
        exceptions.NotAcceptable,
        exceptions.UnsupportedMediaType,
        exceptions.Throttled,
    }
    codes = own | {str(error.default_code) for error in framework}
    for path in [*API.rglob("*.py"), Path(errors.__file__)]:
        codes |= set(_written(ast.parse(path.read_text())))
    return codes


def _below(error: type[Any]) -> Iterator[type[Any]]:
    for one in error.__subclasses__():
        yield one
        yield from _below(one)


def _written(tree: ast.AST) -> Iterator[str]:
    """`default_code = "…"`, `code="…"`, and what functions that write errors are called with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and "default_code" in map(_name, node.targets):
            yield from _text(node.value)
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                yield from _text(keyword.value) if keyword.arg == "code" else ()
            place = {"error_body": 0, "_respond_in_kind": 2}.get(_name(node.func))
            if place is not None:
                yield from _text(node.args[place])


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.AST) -> list[str]:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return [node.value] if is_text else []  # type: ignore[attr-defined]


def test_every_code_is_in_the_catalogue_once() -> None:
    assert urlpatterns  # all views are imported, and so are the errors that they can meet
    codes = [row.code for row in CATALOGUE]
    assert sorted(codes) == sorted(set(codes))
    assert set(codes) == raised()


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    with translation.override("en"):
        assert [row.code for row in CATALOGUE if len(str(row.meaning)) < 20] == []
        assert [row.code for row in CATALOGUE if len(str(row.remedy)) < 10] == []


def test_the_document_is_made_of_the_catalogue() -> None:
    text = write_errors.TABLE.read_text()
    assert text == write_errors.render(), "run: python -m devtools.write_errors"
