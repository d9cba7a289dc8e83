"""Own values of many mini programs as a file: CSV with a path a line, or JSON."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audits.models import ExtValues
from audits.problems import BadExtJson
from audits.services.ext_paths import Values, flatten
from audits.services.ext_values import Change, overlay, overlay_object
from miniprograms.models import Authorizer

FILE_COLUMNS = ("appid", "path", "value", "json")
MAX_PROGRAMS = 2000  # in one file
MAX_PROBLEMS = 20  # named at once


def read_own(authorizers: QuerySet[Authorizer]) -> dict[str, Values]:
    """The own values of those of AUTHORIZERS that have any, by appid."""
    chosen = authorizers.order_by().values("pk")
    rows = ExtValues.objects.filter(is_newest=True, authorizer__in=chosen)
    pairs = rows.order_by("authorizer__appid").values_list("authorizer__appid", "values")
    return {appid: values for appid, values in pairs if values}


def csv_rows(own: dict[str, Values]) -> Iterator[tuple[str, str, str, str]]:
    """A line for each path: text as `value`, all else, and what looks like a formula, as `json`."""
    for appid, values in own.items():
        for path, value in flatten(values):
            if isinstance(value, str) and value[:1].isalnum():
                yield appid, path, value, ""
            else:
                yield appid, path, "", json.dumps(value, ensure_ascii=False)


def read_file(text: str, *, replaces: bool) -> dict[Authorizer, Change]:
    """
    What the file with TEXT changes of whom: it names values, or where it REPLACES all there are.

    Raises BadExtJson, which names the lines that make no sense.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        changes: dict[str, Change] = _read_json(text, replaces)
    else:
        changes = _read_csv(text, replaces)
    if not changes:
        raise BadExtJson(_("The file names no mini program."))
    if len(changes) > MAX_PROGRAMS:
        raise BadExtJson(_("At most %d mini programs at once.") % MAX_PROGRAMS)
    rows = Authorizer.objects.filter(appid__in=changes, kind=Authorizer.Kind.MINI_PROGRAM).order_by(
        "appid"
    )
    found = {row: changes[row.appid] for row in rows}
    if missing := sorted(changes.keys() - {row.appid for row in found}):
        examples = ", ".join(missing[:10])
        raise BadExtJson(_("These are no mini programs of this platform: %s") % examples)
    return found


def _read_json(text: str, replaces: bool) -> dict[str, Change]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadExtJson(_("This is no JSON: %s") % problem) from None
    if wrong := [appid for appid, values in content.items() if not isinstance(values, dict)]:
        raise BadExtJson(_("These appids have no object: %s") % ", ".join(wrong[:10]))
    return {
        appid: partial(_replaced if replaces else overlay_object, above=values)
        for appid, values in content.items()
    }


def _replaced(values: Values, above: Values) -> Values:
    return above


def _read_csv(text: str, replaces: bool) -> dict[str, Change]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if missing := set(FILE_COLUMNS[:2]) - set(reader.fieldnames or ()):
        raise BadExtJson(_("The file lacks the columns %s.") % ", ".join(sorted(missing)))
    puts: dict[str, Values] = defaultdict(dict)
    problems = []
    try:
        for number, line in enumerate(reader, 2):
            if any(line.get(name) for name in FILE_COLUMNS):
                try:
                    _read_line(line, puts)
                except BadExtJson as problem:
                    text = _("Line %(number)d: %(problem)s")
                    problems.append(text % {"number": number, "problem": problem})
    except csv.Error as error:
        problems.append(str(error))
    if problems:
        raise BadExtJson(*problems[:MAX_PROBLEMS])
    return {appid: partial(_put_all, put=put, replaces=replaces) for appid, put in puts.items()}


def _put_all(values: Values, put: Values, replaces: bool) -> Values:
    return overlay({} if replaces else values, put=put)


def _read_line(line: dict[str, Any], puts: dict[str, Values]) -> None:
    cells = {name: (line.get(name) or "").strip() for name in FILE_COLUMNS}
    appid, path = cells["appid"], cells["path"]
    overlay({}, put={path: None})  # the path can be read
    if path in puts[appid]:
        raise BadExtJson(_("%s is there twice.") % path)
    value: Any = line.get("value") or ""
    if cells["json"]:
        try:
            # What a spreadsheet was not to take for a formula, such as -5, has a mark before it.
            value = json.loads(cells["json"].removeprefix("'"))
        except (ValueError, RecursionError):
            raise BadExtJson(_("This is no JSON: %s") % cells["json"][:80]) from None
    puts[appid][path] = value
