"""Writes docs/sandbox.md's tables from the sandbox's router: `python -m devtools.list_calls`."""

from collections.abc import Iterator
from types import ModuleType

from devtools.imports import ROOT
from sandbox.endpoints.api import SUBJECTS
from sandbox.endpoints.call import Endpoint
from sandbox.server.control import PREFIX, ROUTES
from sandbox.server.router import FOLDERS, PAGES

DOCUMENT = ROOT / "docs" / "sandbox.md"
MARK = "<!-- From here on by `python -m devtools.list_calls`. -->\n"
TOKENS = {
    "none": "none",
    "component": "CAT",
    "authorizer": "AAT",
    "either": "CAT or AAT",
    "user": "the user's own",
    "secret": "the account's secret",
}


def write() -> str:
    """The document with tables of what the router has now."""
    prose = DOCUMENT.read_text().partition(MARK)[0]
    parts = [*(_subject_part(subject) for subject in SUBJECTS), _pages_part(), _scripts_part()]
    return prose + MARK + "\n" + "\n".join(parts)


def _subject_part(subject: ModuleType) -> str:
    title = " ".join((subject.__doc__ or "").split()).partition(". ")[0].rstrip(".")
    title = title.removeprefix("The endpoints ")
    rows = [_row(path, endpoint) for path, endpoint in sorted(subject.ENDPOINTS.items())]
    head = "| call | method | token | sets | |\n|---|---|---|---|---|\n"
    return f"### {title[:1].upper()}{title[1:]}\n\n{head}{''.join(rows)}"


def _row(path: str, endpoint: Endpoint) -> str:
    sets = ", ".join(map(str, endpoint.sets)) or "any"
    if endpoint.token != "authorizer":  # noqa: S105 a word, not a secret
        sets = ""
    methods, state = " ".join(endpoint.methods), "played" if endpoint.is_played else "a sample"
    return f"| `{path}` | {methods} | {TOKENS[endpoint.token]} | {sets} | {state} |\n"


def _pages_part() -> str:
    pages = sorted(f"{path} {method}" for method, path in PAGES)
    rows = [f"| `{path}` | {method} |\n" for path, method in map(str.split, pages)]
    rows += [f"| `{folder}…` | |\n" for folder in sorted(FOLDERS)]
    return f"### Pages\n\n| address | method |\n|---|---|\n{''.join(rows)}"


def _scripts_part() -> str:
    rows = "".join(_scripts())
    return f"### For scripts\n\n| address | method | |\n|---|---|---|\n{rows}"


def _scripts() -> Iterator[str]:
    for (method, name), function in sorted(ROUTES.items(), key=lambda route: route[0][::-1]):
        text = " ".join((function.__doc__ or "").split()).partition(". ")[0]
        yield f"| `{PREFIX}{name}` | {method} | {text} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(write())
