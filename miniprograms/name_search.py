"""
Finding any part of a name, quickly on PostgreSQL: by an index of all pieces of one and two
characters that a name has.
"""

from typing import Any

from django.db.models import BooleanField, F, Func, Value
from django.db.models.functions import StrIndex, Upper


class HasPieces(Func):
    """
    PostgreSQL's question whether the name in a column has all of some pieces of one or two
    characters, as the index `auth_name_pieces` answers it.
    """

    output_field = BooleanField()

    def __init__(self, column: str, *pieces: str) -> None:
        super().__init__(F(column), *(Value(piece) for piece in pieces))

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        (name, name_params), *pieces = map(compiler.compile, self.source_expressions)
        lowered = ", ".join(f"lower(({sql})::text)" for sql, _params in pieces)
        params = [*name_params, *(param for _sql, params in pieces for param in params)]
        return f"name_pieces({name}) @> ARRAY[{lowered}]", params


def containing(rows: Any, column: str, term: str) -> Any:
    """Those of ROWS with TERM anywhere in COLUMN, whatever its case."""
    position = StrIndex(Upper(column), Upper(Value(term)))
    return rows.alias(position=position).filter(position__gt=0)


def ends_of(term: str) -> list[str]:
    """
    The pieces of TERM to look for. Two are enough, and more would mislead PostgreSQL: it takes them
    for independent of each other, so it expects too few rows of a name that many have.
    """
    return [term] if len(term) < 3 else [term[:2], term[-2:]]
