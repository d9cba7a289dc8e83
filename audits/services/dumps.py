"""
Reading a MySQL dump, as mysqldump or Adminer writes it: the rows of chosen tables.

sqlglot reads the SQL. Statements that are not about the chosen tables are passed over unread.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

DumpRow = dict[str, str | None]


class BadDump(ValueError):
    """The text is not a dump that can be read. The text tells where, and quotes no value."""


def read_rows(dump: str, tables: set[str]) -> Iterator[tuple[str, DumpRow]]:
    """
    Each inserted row of TABLES in DUMP, as its table's name and its values by column.

    Raises BadDump for SQL that is none, and for rows whose columns are named nowhere.
    """
    columns: dict[str, list[str]] = {}
    for statement in _statements(dump):
        verbs = {token.text.upper() for token in statement[:1]}
        names = {token.text for token in statement[:6]}
        if not verbs & {"INSERT", "REPLACE", "CREATE"} or not tables & names:
            continue
        parsed = _parse_statement(statement, dump)
        if isinstance(parsed, exp.Create):
            columns[_table_name(parsed)] = [
                column.name for column in parsed.find_all(exp.ColumnDef)
            ]
        elif isinstance(parsed, exp.Insert) and _table_name(parsed) in tables:
            yield from _inserted_rows(parsed, columns)


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


def _parse_statement(statement: list[Token], dump: str) -> exp.Expr | None:
    try:
        return MySQL().parser().parse(statement, dump)[0]
    except SqlglotError:
        line = statement[0].line
        raise BadDump(f"The statement that begins on line {line} cannot be read.") from None


def _table_name(parsed: exp.Expr) -> str:
    table = parsed.find(exp.Table)
    return table.name if table else ""


def _inserted_rows(
    insert: exp.Insert, columns: dict[str, list[str]]
) -> Iterator[tuple[str, DumpRow]]:
    table = _table_name(insert)
    is_named = isinstance(insert.this, exp.Schema)
    names = [column.name for column in insert.this.expressions] if is_named else columns.get(table)
    if names is None:
        raise BadDump(f"The columns of {table} are told neither by INSERT nor by CREATE TABLE.")
    for row in insert.expression.expressions:
        values = [_literal_text(value) for value in row.expressions]
        if len(values) != len(names):
            raise BadDump(f"A row of {table} has {len(values)} values for {len(names)} columns.")
        yield table, dict(zip(names, values, strict=True))


def _literal_text(value: exp.Expr) -> str | None:
    """A literal as text; what is NULL, or an expression, is None."""
    match value:
        case exp.Neg():
            return f"-{value.name}"
        case exp.Introducer():
            return _literal_text(value.expression)
        case exp.HexString():
            return bytes.fromhex(value.name).decode(errors="replace")
        case exp.Literal():
            return str(value.name)
        case _:
            return None
