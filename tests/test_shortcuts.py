"""Each shortcut that saves work agrees with the plain way, whatever it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest
from django.core.paginator import Paginator
from django.db import transaction
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_auth.admin.near_paginator import NearPaginator
from platform_auth.models import Component, Heartbeat, Push, key_of
from platform_auth.statements import as_array, run_statement
from tests.conftest import AES_KEY, APPID, TOKEN
from webhooks.inbox import MAX_QUERY_FIELDS, read_query
from wechat.envelope import Envelope, Key
from wechat.push import REPEATABLE, read_push

OURS = "wxaaaaaaaaaaaaaaaa"

steady = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
short = settings(steady, max_examples=40)

# What both XML and every database hold: neither controls nor halves of a surrogate pair.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))


# A push's query, against Django's

fields = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=20)), max_size=MAX_QUERY_FIELDS)
raw_queries = st.text("ab=&%;+3cé", max_size=30).map(lambda text: quote(text, safe="=&%;+"))


@steady
@given(fields.map(lambda pairs: urlencode(pairs, errors="replace")) | raw_queries)
def test_a_query_is_read_as_django_reads_it(query: str) -> None:
    assert read_query(query) == QueryDict(query).dict()


# A push's XML, against a tree of it

names = st.sampled_from(["Content", "List", "item", "MsgId", "TemplateId"])


def elements(depth: int) -> st.SearchStrategy[Any]:
    """The texts, and down to DEPTH the elements, that may stand within an element."""
    if depth == 0:
        return texts
    return texts | st.lists(st.tuples(names, elements(depth - 1)), min_size=1, max_size=4)


def build(name: str, content: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(content, str):
        element.text = content
    else:
        element.extend([build(*child) for child in content])
    return element


def as_data(element: ElementTree.Element) -> Any:
    """ELEMENT as the push reader gives it: a name that repeats becomes a list."""
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        found.setdefault(child.tag, []).append(as_data(child))
    return {
        name: values if len(values) > 1 or name in REPEATABLE else values[0]
        for name, values in found.items()
    }


@steady
@given(st.lists(st.tuples(names, elements(3)), unique_by=lambda child: child[0]))
def test_a_push_is_read_as_from_a_tree(children: list[tuple[str, Any]]) -> None:
    xml = ElementTree.tostring(build("xml", children), encoding="utf-8")
    assert read_push(xml).fields == (as_data(ElementTree.fromstring(xml)) or {})  # noqa: S314


# A key's one cipher, against one for each message


@steady
@given(st.lists(st.tuples(texts, st.binary(min_size=16, max_size=16)), min_size=1, max_size=4))
def test_one_cipher_seals_and_opens_as_a_new_one_for_each(messages: list[Any]) -> None:
    envelope = Envelope(APPID, [key_of(TOKEN, AES_KEY)])
    for message, random in messages:
        new = Key.of(TOKEN, AES_KEY)
        sealed = envelope.encrypt(message, key=key_of(TOKEN, AES_KEY), random=random)
        assert sealed == Envelope(APPID, [new]).encrypt(message, key=new, random=random)


# A statement as it is, against the ORM

moments = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
rows = st.fixed_dictionaries(
    {
        "appid": texts.map(lambda text: text[:32]),
        "kind": texts.map(lambda text: text[:64]),
        "openid": texts.map(lambda text: text[:64]),
        "state": st.sampled_from(Push.State.values),
        "attempts": st.integers(0, 32767),
        "error": texts,
        "created": moments,
        "received_at": moments,
        "retry_at": st.none() | moments,
    }
)
INSERT = "INSERT INTO platform_auth_push ({}) VALUES ({}) RETURNING id"


@short
@given(values=rows)
def test_a_statement_writes_what_the_orm_writes(component: Component, values: Any) -> None:
    with rolled_back():
        by_orm = Push.objects.create(component=component, digest="1", business_key="1", **values)
        keys = {"component_id": component.pk, "digest": "2", "business_key": "2", "body": ""}
        columns = [*keys, *values]
        sql = INSERT.format(", ".join(columns), ", ".join(f"%({name})s" for name in columns))
        [(pk,)] = run_statement(sql, keys | values)
        written = Push.objects.filter(pk__in=[by_orm.pk, pk]).order_by("digest").values(*values)
        assert list(written) == [values, values]


# Arrays, against psycopg's lists

any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ARRAYS = "SELECT %(0)s::text[], %(1)s::bigint[], %(2)s::timestamptz[], %(3)s::boolean[]"


@pytest.mark.postgres
@pytest.mark.django_db
@short
@given(
    arrays=st.tuples(
        st.lists(st.none() | any_text | st.sampled_from(["NULL", "", '"', "\\", "{a,b}", " "])),
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
        st.lists(st.none() | st.datetimes(timezones=st.just(UTC))),
        st.lists(st.none() | st.booleans()),
    )
)
def test_an_array_is_read_as_psycopg_writes_it(arrays: tuple[list[Any], ...]) -> None:
    texts = run_statement(ARRAYS, {str(at): as_array(array) for at, array in enumerate(arrays)})
    lists = run_statement(ARRAYS, {str(at): array for at, array in enumerate(arrays)})
    assert [list(row) for row in texts] == [list(row) for row in lists] == [list(arrays)]


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


# A page counted near, against all rows counted


@pytest.mark.django_db
@short
@given(count=st.integers(0, 60), per_page=st.integers(1, 7), page=st.integers(1, 70))
def test_a_page_counted_near_holds_the_same_rows(count: int, per_page: int, page: int) -> None:
    with rolled_back():
        Heartbeat.objects.bulk_create([Heartbeat(name=f"{number}") for number in range(count)])
        rows = Heartbeat.objects.order_by("-name")
        near = NearPaginator(rows, per_page, page=page).get_page(page)
        plain = Paginator(rows, per_page).get_page(page)
        assert list(near) == list(plain)
        assert (near.number, near.has_next()) == (plain.number, plain.has_next())
