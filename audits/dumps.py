"""
Reading a MySQL dump, as mysqldump or Adminer writes it: the rows of chosen tables.

sqlglot reads the SQL. Statements that are not about the chosen tables are passed over unread.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

Row = dict[str, str | None]


class BadDump(ValueError):
    """The text is not a dump that can be read. The text tells where, and quotes no value."""


def read_rows(dump: str, tables: set[str]) -> Iterator[tuple[str, Row]]:
    """
    Each inserted row of TABLES in DUMP, as its table's name and its values by column.

    Raises BadDump for SQL that is none, and for rows whose columns are nowhere told.
    """
    columns: dict[str, list[str]] = {}
    for statement in _statements(dump):
        head = [token.text.upper() for token in statement[:3]]
        if head[:1] not in (["INSERT"], ["REPLACE"], ["CREATE"]):
            continue
        if not tables & {token.text for token in statement[:6]}:
            continue
        parsed = _parse(statement, dump)
        if isinstance(parsed, exp.Create):
            columns[_table(parsed)] = [column.name for column in parsed.find_all(exp.ColumnDef)]
        elif isinstance(parsed, exp.Insert) and _table(parsed) in tables:
            yield from _inserted(parsed, columns)


def _statements(dump: str) -> Iterator[list[Token]]:
    statement: list[Token] = []
    try:
        tokens = MySQL().tokenize(dump)
    except SqlglotError:
        raise BadDump("This is not SQL: a quote or a comment is never closed.") from None
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            yield statement
            statement = []
        else:
            statement.append(token)
    yield statement


def _parse(statement: list[Token], dump: str) -> exp.Expr | None:
    try:
        return MySQL().parser().parse(statement, dump)[0]
    except SqlglotError:
        line = statement[0].line
        raise BadDump(f"The statement that begins on line {line} cannot be read.") from None


def _table(parsed: exp.Expr) -> str:
    table = parsed.find(exp.Table)
    return table.name if table else ""


def _inserted(insert: exp.Insert, columns: dict[str, list[str]]) -> Iterator[tuple[str, Row]]:
    table = _table(insert)
    named = isinstance(insert.this, exp.Schema)
    names = [column.name for column in insert.this.expressions] if named else columns.get(table)
    if names is None:
        raise BadDump(f"The columns of {table} are told neither by INSERT nor by CREATE TABLE.")
    for row in insert.expression.expressions:
        values = [_value(value) for value in row.expressions]
        if len(values) != len(names):
            raise BadDump(f"A row of {table} has {len(values)} values for {len(names)} columns.")
        yield table, dict(zip(names, values, strict=True))


def _value(value: exp.Expr) -> str | None:
    """A literal as text; what is NULL, or an expression, is None."""
    match value:
        case exp.Neg():
            return f"-{value.name}"
        case exp.Introducer():
            return _value(value.expression)
        case exp.HexString():
            return bytes.fromhex(value.name).decode(errors="replace")
        case exp.Literal():
            return str(value.name)
        case _:
            return None
