"""What may stand in the address of a list: the filters that are offered, and any nonsense."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from messaging.models import Target
from miniprograms.models import Authorizer, Binding
from platform_auth.admin.pages import StaffAdmin
from platform_auth.fields import secret_fields
from platform_auth.models import Component

pytestmark = pytest.mark.django_db
ENDINGS = ["", "__startswith", "__isnull"]


@pytest.fixture
def boss(db: None) -> Client:
    client = Client(headers={"accept-language": "en"}, raise_request_exception=False)
    client.force_login(User.objects.create_superuser("boss"))
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
