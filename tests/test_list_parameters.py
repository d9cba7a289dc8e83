"""What may stand in the address of a list: the filters that are offered, and any nonsense."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from messaging.models import Target
from miniprograms.models import Authorizer, Binding
from platform_auth.admin.pages import StaffAdmin, parameters_of
from platform_auth.fields import secret_fields
from platform_auth.models import Component

pytestmark = pytest.mark.django_db
ENDINGS = ["", "__startswith", "__isnull"]


@pytest.fixture
def boss(db: None) -> Client:
    client = Client(headers={"accept-language": "en"}, raise_request_exception=False)
    person = User.objects.create_superuser("boss")
    client.force_login(person)
    _row, key = AuthToken.objects.create(person)
    client.defaults["HTTP_AUTHORIZATION"] = f"Token {key}"
    return client


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def secret_lookups(model: type[Model]) -> Iterator[str]:
    """Ways to ask rows of MODEL about a secret, of their own or of a row that they belong to."""
    yield from (field.name for field in secret_fields(model))
    yield from (f"{name}__password" for name in relations(model, User))
    if model is User:
        yield "password"
    for other in (Component, Authorizer, Binding, Target):
        for name in relations(model, other):
            yield from (f"{name}__{field.name}" for field in secret_fields(other))


def relations(model: type[Model], other: type[Model]) -> list[str]:
    return [field.name for field in model._meta.get_fields() if field.related_model is other]


@pytest.mark.any_database
def test_every_staff_list_is_narrowed_by_its_filters_alone() -> None:
    assert [row for row in admin.site._registry.values() if not isinstance(row, StaffAdmin)] == []


@pytest.mark.any_database
@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_no_column_is_guessed_letter_by_letter(model: type[Model], boss: Client) -> None:
    own = [field.name for field in model._meta.concrete_fields][:3]
    offered = {str(item) for item in admin.site._registry[model].list_filter}
    for name in [*secret_lookups(model), *(name for name in own if name not in offered), "nowhere"]:
        for ending in ENDINGS:
            answer = boss.get(f"{list_of(model)}?{name}{ending}=a")
            assert answer.status_code == HTTPStatus.BAD_REQUEST, f"{name}{ending}"


@pytest.mark.any_database
def test_some_lists_have_secrets_to_ask_for() -> None:
    asked = {name for model in admin.site._registry for name in secret_lookups(model)}
    assert {"refresh_token", "app_secret", "authorizer__refresh_token", "password"} <= asked


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("miniprograms/authorizer", "state__exact=bound&kind=mini&component__id__exact=1"),
        ("miniprograms/authorizer", "account_status__exact=1&tag=1&q=wx1&p=1&o=1"),
        ("messaging/delivery", "target__id__exact=1&state__exact=due&received=hour"),
        ("audits/codetemplate", "gone_at__isempty=1&type=0"),
        ("platform_auth/push", "account=wx1&user=o&kind=text&state=done&since=2026-01-01T00:00"),
        ("auth/user", "is_staff__exact=1&is_superuser__exact=0&is_active__exact=1"),
        ("django_celery_beat/periodictask", "enabled__exact=1&one_off__exact=0"),
    ],
)
def test_the_filters_that_are_offered_work(address: str, query: str, boss: Client) -> None:
    assert boss.get(f"/admin/{address}/?{query}").status_code == HTTPStatus.OK


# Nonsense

NUMBERS = ["-1", "9" * 19, "9" * 30, "9" * 5000, "1e999", "NaN", "²", "abc"]
TIMES = ["0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-02-30"]
WORDS = ["%00", "a%00b", "%FF", "%ED%A0%80", "x" * 3000, "{}", "a[]=1", "%25", "'", "%F0%9F%92%A9"]
CURSORS = [
    "cD0%3D",
    "cD1hYWE%3D",
    "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk%3D",
    "bz0tMQ%3D%3D",
    "cD0lMDA%3D",
]
EXTREMES = [*NUMBERS, *TIMES, *WORDS, *CURSORS]
FEW = ["9" * 30, "0001-01-01", "abc"]
# What every staff list reads besides its filters.
LIST_PARAMETERS = ["p", "q", "o", "_to_field"]

PORTAL_AND_REST = {
    "/portal/": ["page"],
    "/portal/login/": ["next"],
    "/portal/bind/x/return/": ["auth_code", "expires_in"],
    "/api/v1/authorizers/": ["cursor", "page_size", "kind", "state", "search"],
    "/api/v1/templates/": ["cursor", "page_size"],
    "/api/schema/": ["lang"],
}
STAFF = {
    "/admin/platform_auth/push/": ["account", "user", "kind", "state", "since", "until"],
    "/admin/platform_auth/push/export/": ["account", "user", "kind", "state", "since", "until"],
    "/admin/messaging/delivery/": ["received", "target__id__exact", "p"],
    "/admin/messaging/rule/try/": ["account", "at"],
    "/admin/messaging/rule/add/": ["authorizer", "position"],
    "/admin/search/": ["s"],
    "/admin/autocomplete/?app_label=messaging&model_name=rule&field_name=authorizer": [
        *("term", "page", "model_name"),
    ],
}


def ask(client: Client, address: str, parameter: str, value: str) -> None:
    joint = "&" if "?" in address else "?"
    answer = client.get(f"{address}{joint}{parameter}={value}")
    if answer.streaming:
        assert answer.getvalue()
    assert answer.status_code < 500, f"{address}{joint}{parameter}={value[:50]}"


@pytest.mark.parametrize("address", [*PORTAL_AND_REST, *STAFF])
def test_no_parameter_is_our_failure(address: str, boss: Client) -> None:
    for parameter in {**PORTAL_AND_REST, **STAFF}[address]:
        for value in EXTREMES:
            ask(boss, address, parameter, value)


@pytest.mark.any_database
@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_no_staff_list_fails(model: type[Model], boss: Client) -> None:
    page = admin.site._registry[model]
    filters = [name for item in page.list_filter for name in parameters_of(item)]
    for parameter in [*LIST_PARAMETERS, *filters]:
        for value in FEW:
            ask(boss, list_of(model), parameter, value)
    for key in FEW:
        answer = boss.get(f"{list_of(model)}{key}/change/")
        assert answer.status_code < 500, key
        data = {"action": "anything", "_selected_action": [key]}
        assert boss.post(list_of(model), data).status_code < 500, key


@pytest.mark.parametrize("cursor", [*CURSORS, "nonsense", "%FF"])
def test_a_cursor_that_is_not_ours_is_a_mistake_of_the_request(cursor: str, boss: Client) -> None:
    answer = boss.get(f"/api/v1/authorizers/?cursor={cursor}")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert list(answer.json()["fields"]) == ["cursor"]


@pytest.mark.parametrize("since", TIMES)
def test_a_time_that_is_none_of_ours_finds_nothing(since: str, boss: Client) -> None:
    answer = boss.get(f"/admin/platform_auth/push/?since={since}")
    assert answer.status_code == HTTPStatus.OK
    assert answer.context["cl"].result_count == 0


def test_a_nul_is_refused_at_every_door(boss: Client) -> None:
    for path in ("/portal/?page=%00", "/admin/?x=%00", "/api/v1/authorizers/?search=%00"):
        assert boss.get(path).status_code == HTTPStatus.BAD_REQUEST
    assert boss.get("/portal/%00/").status_code == HTTPStatus.NOT_FOUND
