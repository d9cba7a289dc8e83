"""CSV that spreadsheets open as it is meant: in UTF-8, line by line, and without formulas."""

import csv
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse

# What spreadsheets calculate: by how a cell begins, blanks aside, in full width, too.
_FORMULAS = tuple("=+-@|%\t\r＝＋－＠")


class _Echo:
    """What csv.writer writes to, and hands on."""

    def write(self, line: str) -> str:
        return line


def escape_formula(cell: str) -> str:
    """CELL, which a spreadsheet must not take for a formula."""
    is_formula = cell.startswith(_FORMULAS) or cell.lstrip().startswith(_FORMULAS)
    return f"'{cell}" if is_formula else cell


def csv_lines(titles: Iterable[object], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """ROWS below TITLES; the mark at the beginning tells Excel that it is UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([str(title) for title in titles])
    for cells in rows:
        yield writer.writerow([escape_formula(cell) for cell in cells])


def csv_response(name: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """LINES as a file of the NAME, which is kept by nobody on the way."""
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer
