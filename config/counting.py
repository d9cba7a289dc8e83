"""Counting rows of many tables by one statement, and none of them beyond what anybody needs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Cast

from platform_auth.statements import as_time


def count_together(
    parts: Sequence[tuple[QuerySet[Any], str]], most: int
) -> list[tuple[int, datetime | None]]:
    """
    Of each of PARTS, rows and the column that says since when, or "": how many there are, counted
    up to MOST and one, and since when the oldest of these is there.
    """
    if not parts:
        return []
    statements, values = [], []
    for number, (rows, since) in enumerate(parts):
        at = F(since) if since else Cast(Value(None), DateTimeField())
        few = rows.order_by().annotate(since_when=at).values_list("since_when")[: most + 1]
        sql, parameters = few.query.sql_with_params()
        statements.append(f"SELECT {number}, COUNT(*), MIN(since_when) FROM ({sql}) part")  # noqa: S608
        values += parameters
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(statements), values)
        found = {number: (count, as_time(at)) for number, count, at in cursor.fetchall()}
    return [found[number] for number in range(len(parts))]
