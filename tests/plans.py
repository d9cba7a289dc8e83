"""Many rows, made by PostgreSQL itself, and what it tells about its plans for a query."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from django.db import connection


def copy_rows(row: Any, number: int, **columns: str) -> None:
    """NUMBER rows like ROW, with COLUMNS as SQL of each one's number n, `id` too if it is there."""
    table = row._meta.db_table
    names = [
        field.column
        for field in row._meta.concrete_fields
        if not field.primary_key or field.column in columns
    ]
    into = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(columns.get(name, f'example."{name}"') for name in names)
    source = f"{table} example, generate_series(1, {number}) n WHERE example.id = {row.pk}"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({into}) SELECT {values} FROM {source}")  # noqa: S608


def plan_of(sql: str, params: Any = None) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        answer = cursor.fetchone()[0]
    found = json.loads(answer) if isinstance(answer, str) else answer
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_read(plan: dict[str, Any], tables: Collection[str]) -> float:
    """How many rows of TABLES were looked at, those thrown away included."""
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    ours = [node for node in nodes(plan) if node.get("Relation Name") in tables]
    return sum(
        float(node["Actual Loops"]) * sum(float(node.get(name, 0)) for name in names)
        for node in ours
    )
