"""
Reading a MySQL dump, as mysqldump, Adminer or phpMyAdmin writes it: the rows of chosen tables.

sqlglot reads the SQL. Statements that are not about the chosen tables are passed over unread; one
that is about them and is not understood is an error, since it may hold rows.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

DumpRow = dict[str, str | None]

# What client programs write to the same file before the dump begins.
_CLIENT_WARNINGS = re.compile(r"\A(?:(?:\S*(?:mysql|mariadb)\S*: |\[?Warning\b|Enter ).*\n)+")
# What a dump does with its tables besides filling them.
_HARMLESS = {"DROP", "LOCK", "UNLOCK", "ALTER", "TRUNCATE", "ANALYZE", "OPTIMIZE", "SET"}
_READ = {"CREATE", "INSERT", "REPLACE"}
_ROWS_BEGIN = {TokenType.L_PAREN, TokenType.VALUES, TokenType.SELECT, TokenType.SET}
_ZONE = re.compile(r"SET\b.*?(?<![@\w])TIME_ZONE\s*=\s*['\"]([^'\"]+)['\"]", re.IGNORECASE)
_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d\d)")


class BadDump(ValueError):
    """The text is not a dump that can be read. The text tells where, and quotes no value."""


def read_rows(dump: str, tables: set[str], *, prefix: str = "") -> Iterator[tuple[str, DumpRow]]:
    """
    Each inserted row of TABLES in DUMP, as its table's name and its values by column. In the dump
    the tables' names begin with PREFIX. A TIMESTAMP comes with the offset of the dump's time zone.

    Raises BadDump for SQL that is none, for rows whose columns are named nowhere, for a statement
    about TABLES that is not understood, and where there is no row of TABLES.
    """
    return _Reader(tables, prefix).read(_CLIENT_WARNINGS.sub("", dump))


class _Reader:
    def __init__(self, tables: set[str], prefix: str) -> None:
        self.names = {prefix + table: table for table in tables}
        self.columns: dict[str, dict[str, exp.DataType | None]] = {}  # by their tables
        self.zone: tzinfo | None = None
        self.prefixed: set[str] = set()  # tables that are ours but for a prefix

    def read(self, dump: str) -> Iterator[tuple[str, DumpRow]]:
        is_empty = True
        for statement in _statements(dump):
            self._set_zone(statement)
            table = self._table(statement)
            if table:
                for row in self._rows(statement, table, dump):
                    is_empty = False
                    yield self.names[table], row
        if is_empty:
            raise BadDump(self._nothing_found())

    def _set_zone(self, statement: list[Token]) -> None:
        """Take over the time zone that STATEMENT, or a conditional comment in it, sets."""
        conditional = (text for token in statement for text in token.comments if text[:1] == "!")
        texts = list(conditional)
        if statement[0].token_type == TokenType.SET:
            texts.append(" ".join(_as_written(token) for token in statement))
        for match in filter(None, map(_ZONE.search, texts)):
            self.zone = _read_zone(match[1])

    def _table(self, statement: list[Token]) -> str:
        """The table of ours that STATEMENT is about; "" where it is about none."""
        for token in statement[1:]:
            if token.token_type in _ROWS_BEGIN:
                break
            if token.text in self.names:
                return token.text
            ours = (table for table in self.names.values() if token.text.endswith(f"_{table}"))
            self.prefixed.update(token.text for _ in ours)
        return ""

    def _rows(self, statement: list[Token], table: str, dump: str) -> Iterator[DumpRow]:
        verb = statement[0].text.upper()
        if verb in _HARMLESS:
            return
        parsed = _parse_statement(statement, dump) if verb in _READ else None
        if isinstance(parsed, exp.Create):
            definitions = parsed.find_all(exp.ColumnDef)
            self.columns[table] = {column.name: column.kind for column in definitions}
        elif isinstance(parsed, exp.Insert) and isinstance(parsed.expression, exp.Values):
            yield from self._inserted(parsed, table)
        else:
            raise BadDump(
                f"Line {statement[0].line} does something with {table} that is not understood: "
                f"{verb}. Only rows that are inserted as values are read."
            )

    def _inserted(self, insert: exp.Insert, table: str) -> Iterator[DumpRow]:
        kinds = self.columns.get(table, {})
        is_named = isinstance(insert.this, exp.Schema)
        names = [column.name for column in insert.this.expressions] if is_named else list(kinds)
        if not names:
            raise BadDump(f"The columns of {table} are told neither by INSERT nor by CREATE TABLE.")
        for row in insert.expression.expressions:
            values = [_literal_text(value) for value in row.expressions]
            if len(values) != len(names):
                raise BadDump(
                    f"A row of {table} has {len(values)} values for {len(names)} columns."
                )
            yield {
                name: self._with_zone(value, kinds.get(name))
                for name, value in zip(names, values, strict=True)
            }

    def _with_zone(self, value: str | None, kind: exp.DataType | None) -> str | None:
        """VALUE of a column of KIND; MySQL converts a TIMESTAMP, and nothing else, when dumping."""
        if value is None or self.zone is None or kind is None:
            return value
        if not kind.is_type(exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMP):
            return value
        try:
            return datetime.fromisoformat(value).replace(tzinfo=self.zone).isoformat()
        except ValueError:
            return value

    def _nothing_found(self) -> str:
        tables = " or ".join(sorted(self.names))
        hint = ""
        if self.prefixed:
            hint = f" It speaks of {', '.join(sorted(self.prefixed))}: see --prefix."
        return f"There is no row of {tables} in this file.{hint}"


def _statements(dump: str) -> Iterator[list[Token]]:
    """The tokens of each statement, the semicolon included: a comment before it hangs on it."""
    statement: list[Token] = []
    for token in _tokens(dump):
        if [before.token_type for before in statement] == [TokenType.REPLACE]:
            # The tokenizer leaves what follows as one text; it is as after INSERT.
            insert = Token(TokenType.INSERT, "REPLACE", line=statement[0].line)
            statement = [insert, *_tokens(token.text)]
        else:
            statement.append(token)
        if token.token_type == TokenType.SEMICOLON:
            yield statement
            statement = []
    if statement:
        yield statement


def _tokens(dump: str) -> list[Token]:
    try:
        return MySQL().tokenize(dump)
    except SqlglotError:
        raise BadDump("This is not SQL: a quote or a comment is never closed.") from None


def _parse_statement(statement: list[Token], dump: str) -> exp.Expr | None:
    tokens = [token for token in statement if token.token_type != TokenType.SEMICOLON]
    try:
        return MySQL().parser().parse(tokens, dump)[0]
    except SqlglotError:
        line = statement[0].line
        raise BadDump(f"The statement that begins on line {line} cannot be read.") from None


def _as_written(token: Token) -> str:
    return f"'{token.text}'" if token.token_type == TokenType.STRING else token.text


def _read_zone(text: str) -> tzinfo | None:
    """A time zone as MySQL names it; None for that of its machine, which the dump does not tell."""
    if text.upper() == "SYSTEM":
        return None
    if match := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset) if offset else UTC
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadDump(f"The dump's time zone {text!r} is not known.") from None


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
