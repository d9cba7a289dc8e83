"""What the staff lists cost: no more statements for many rows than a dozen, whatever the list."""

import itertools
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audits.admin.code_page import ACTS
from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, CodeVersion, Release
from audits.services import ext_values
from messaging.models import Delivery
from miniprograms.models import Authorizer
from notices.models import Notice
from platform_auth.models import Push
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import path_of
from tests.test_matrix import talk as talk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("ticket", "parked", "code", "talk"),
]
State = CampaignItem.State
COPIES = 12
MOST_QUERIES = 12
# Of these there is never more than a handful, or no copy that the database would take.
FEW = {"component", "solarschedule"}
LISTS = sorted(
    f"admin/{model._meta.app_label}/{model._meta.model_name}/"
    for model in admin.site._registry
    if model._meta.model_name not in FEW
)


def unique_names(model: type[models.Model]) -> Iterator[str]:
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield from constraint.fields
    for names in model._meta.unique_together:
        yield from names
    yield from (field.name for field in model._meta.concrete_fields if field.unique)


def copy(row: Any, number: int) -> Any:
    """Another row like ROW; what must be unique has NUMBER in it, or is a copy too."""
    model, names = type(row), set(unique_names(type(row)))
    values = {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}
    for field in model._meta.concrete_fields:
        value = values[field.attname]
        if isinstance(field, models.AutoField):
            del values[field.attname]
        elif value is None or field.name not in names:
            continue
        elif isinstance(field, models.UUIDField):
            values[field.attname] = uuid.uuid4()
        elif isinstance(field, models.CharField):
            values[field.attname] = f"{value[: (field.max_length or 40) - 4]}{number:04}"
        elif isinstance(field, models.ForeignKey):
            if field.unique or field.related_model in (Authorizer, Push):
                values[field.attname] = copy(getattr(row, field.name), number).pk
        elif isinstance(field, models.IntegerField):
            values[field.attname] = value + number
    key = values.get(model._meta.pk.attname)
    # A row that the database makes by itself with its account is there already.
    made = model._default_manager.filter(pk=key).first() if key is not None else None
    return made or model._default_manager.create(**values)


def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize("address", LISTS)
def test_a_list_takes_a_dozen_statements_whatever_is_on_it(
    address: str, account: Authorizer, merchant: User
) -> None:
    path = path_of(f"{address}<path:object_id>/change/", account, merchant)
    model = next(
        model for model in admin.site._registry if address.split("/")[2] == model._meta.model_name
    )
    client = staff()
    for number in range(COPIES):
        copy(model._default_manager.order_by("pk")[0], number + 1)
    with CaptureQueriesContext(connection) as queries:
        page = client.get(f"/{address}")
    assert model._default_manager.count() > COPIES
    assert page.status_code == HTTPStatus.OK
    assert len(queries) <= MOST_QUERIES, [query["sql"][:200] for query in queries]
    with CaptureQueriesContext(connection) as queries:
        page = client.get(path)
    assert page.status_code == HTTPStatus.OK
    assert len(queries) <= MOST_QUERIES, [query["sql"][:200] for query in queries]


def test_the_log_of_an_account_takes_a_dozen_too(account: Authorizer, merchant: User) -> None:
    for model in (Delivery, Notice):
        path_of(
            f"admin/{model._meta.label_lower.replace('.', '/')}/<path:object_id>/",
            account,
            merchant,
        )
    Notice.objects.update(appid=account.appid)
    for number in range(COPIES):
        copy(Delivery.objects.order_by("pk")[0], number + 1)
        copy(Notice.objects.order_by("pk")[0], number + 1)
    Push.objects.update(appid=account.appid)
    client = staff()
    with CaptureQueriesContext(connection) as queries:
        page = client.get(f"/admin/miniprograms/authorizer/{account.pk}/log/")
    assert page.status_code == HTTPStatus.OK
    assert len(queries) <= MOST_QUERIES, [query["sql"][:200] for query in queries]


CODE_PAGES = [*(act.name for act in ACTS), "ext", "submission"]


def test_a_page_about_code_takes_a_dozen_whatever_was_done(
    account: Authorizer, merchant: User
) -> None:
    path_of("admin/audits/release/<path:object_id>/", account, merchant)
    numbers = itertools.count(1)
    for model in (CodeTemplate, CodeVersion, CodeAudit, Release):
        row = model._default_manager.order_by("pk")[0]
        for _ in range(COPIES):
            copy(row, next(numbers))
    for number in range(COPIES):
        ext_values.save_values(account, {"ext": {"shop": number}}, by=None)
    CodeVersion.objects.update(authorizer=account)
    Release.objects.update(authorizer=account)
    CodeAudit.objects.update(authorizer=account, status=CodeAudit.Status.PASSED)
    client = staff()
    for name in CODE_PAGES:
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/admin/miniprograms/authorizer/{account.pk}/code/{name}/")
        assert page.status_code == HTTPStatus.OK, name
        assert len(queries) <= MOST_QUERIES, (name, [query["sql"][:200] for query in queries])


@pytest.mark.parametrize("page", ["change", "plan"])
def test_a_page_of_a_running_campaign_takes_a_dozen_however_many_are_in_it(
    page: str, account: Authorizer, merchant: User
) -> None:
    path = path_of(f"admin/audits/campaign/<path:object_id>/{page}/", account, merchant)
    campaign = Campaign.objects.order_by("-pk")[0]
    item, _ = CampaignItem.objects.get_or_create(campaign=campaign, authorizer=account)
    states = (State.WAITING, State.PASSED, State.FAILED, State.HELD_BACK, State.RELEASED)
    for number in range(COPIES):
        other = copy(item, number + 1)
        state = states[number % len(states)]
        CampaignItem.objects.filter(pk=other.pk).update(is_canary=number % 2, state=state)
    CampaignItem.objects.update(campaign=campaign)
    Campaign.objects.update(state=Campaign.State.RUNNING, is_past_canary=False, daily_budget=5)
    client = staff()
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == HTTPStatus.OK
    assert campaign.items.count() > COPIES
    assert len(queries) <= MOST_QUERIES, [query["sql"][:200] for query in queries]


def test_the_home_of_a_merchant_takes_a_dozen_however_many_accounts_they_have(
    account: Authorizer, merchant: User
) -> None:
    for number in range(COPIES):
        copy(account, number + 1)
    Authorizer.objects.update(owner=merchant)
    may = {"codename": "own_conversations", "content_type__app_label": "messaging"}
    merchant.user_permissions.add(Permission.objects.get(**may))
    client = Client()
    client.force_login(merchant)
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/portal/")
    assert len(page.context["rows"]) == COPIES + 1
    assert len(queries) <= MOST_QUERIES, [query["sql"][:200] for query in queries]
