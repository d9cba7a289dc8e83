"""What the documents name exists: functions, files, failure modes, words on pages."""

import ast
import re
from pathlib import Path

import polib
import pytest

from devtools.draw_layers import PICTURE, draw
from devtools.imports import ROOT, app_rows

DOCUMENTS = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md")]
FOLDERS = [
    *(app for row in app_rows() for app in row),
    "sandbox",
    "devtools",
    "benchmarks",
    "tests",
]
SOURCES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)

# A citation, in prose: docs/wechat.md (A1, E4, G5 …), docs/failures.md (F7, P3), SECURITY.md (T25).
CITATION = re.compile(r"(?<![\w@+=])([A-HPT]\d{1,2})(?![\w)]*=)\b")
FILE = re.compile(rf"`((?:{'|'.join([*FOLDERS, 'docs', 'deploy'])})/[\w./-]*|[\w-]+\.md)`")
DOCUMENT = re.compile(r"\b[\w/-]+\.md\b")
COMMENT = re.compile(r"(?:^|\s)# (.*)$", re.MULTILINE)
FUNCTION = re.compile(r"`([\w/]+\.py):([\w.]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TEST = re.compile(r"`(test_\w+)`")


def names_in(path: Path) -> set[str]:
    """The functions, classes, methods (`Class.method`) and top-level constants of a module."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (child.name for child in node.body if isinstance(child, ast.FunctionDef))
            names |= {f"{node.name}.{method}" for method in methods}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.fixture(scope="module")
def prose() -> list[tuple[str, str]]:
    """The comments and docstrings of all modules, each with its module's path."""
    texts = []
    for path in SOURCES:
        source, name = path.read_text(), path.relative_to(ROOT).as_posix()
        texts += [(name, comment) for comment in COMMENT.findall(source)]
        documented = ast.Module | ast.ClassDef | ast.FunctionDef
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
        texts += [(name, ast.get_docstring(node) or "") for node in nodes]
    return texts


def defined() -> set[str]:
    """The numbers that begin a row or a heading of the documents that are cited."""
    names = ("docs/wechat.md", "docs/failures.md", "SECURITY.md")
    texts = [(ROOT / name).read_text() for name in names]
    return set(re.findall(r"^(?:\||#+) ([A-HPT]\d{1,2})\b", "\n".join(texts), re.MULTILINE))


@each_document
def test_every_function_named_exists(document: Path) -> None:
    named = FUNCTION.findall(document.read_text())
    missing = [
        f"{file}:{function}"
        for file, function in named
        if not (ROOT / file).is_file() or function not in names_in(ROOT / file)
    ]

    assert missing == []


@each_document
def test_every_file_named_exists(document: Path) -> None:
    text = document.read_text()
    named = set(FILE.findall(text))
    named |= (
        {f"tests/{name}.py" for name in TEST.findall(text)}
        if document.name == "failures.md"
        else set()
    )
    linked = {document.parent / link for link in LINK.findall(text)}

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert [str(path) for path in sorted(linked) if not path.exists()] == []


def test_every_document_that_code_names_exists(prose: list[tuple[str, str]]) -> None:
    named = {(path, name) for path, text in prose for name in DOCUMENT.findall(text)}

    assert [(path, name) for path, name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_citation_in_code_is_defined(prose: list[tuple[str, str]]) -> None:
    cited = {(path, number) for path, text in prose for number in CITATION.findall(text)}

    assert [entry for entry in sorted(cited) if entry[1] not in defined()] == []


def test_every_threat_has_its_defence_and_a_test() -> None:
    rows = re.findall(r"^\| (T\d+) \|(.*)\|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)

    assert [number for number, _rest in rows] == [f"T{number}" for number in range(1, 40)]
    assert [number for number, rest in rows if not FUNCTION.search(rest)] == []


def test_asvs_counts_itself_rightly() -> None:
    text = (ROOT / "docs" / "asvs.md").read_text()
    rows = re.findall(r"^\| V[\d.]+ \| (\d) \| .* \| (\S[^|]*) \| .* \|$", text, re.MULTILINE)
    for level in "12":
        states = [state for of_level, state in rows if of_level == level]
        met, forced = states.count("met"), states.count("exception")
        apply = len(states) - states.count("n/a") - states.count("operator")
        [sums] = re.findall(rf"^\| {level} \| (\d+) \| (\d+)[^|]*\| (\d+) \|", text, re.MULTILINE)
        assert tuple(map(int, sums)) == (apply, met, forced)
        assert (met + forced) / apply > 0.95


@each_document
def test_documents_cite_what_is_defined(document: Path) -> None:
    cited = set(CITATION.findall(document.read_text()))

    assert sorted(cited - defined()) == []


def test_the_glossarys_chinese_is_on_our_pages() -> None:
    text = (ROOT / "docs" / "GLOSSARY.md").read_text()
    cells = re.findall(r"\| ([^|]*) \|$", text, re.MULTILINE)
    words = {
        word.strip() for cell in cells for word in cell.split(",") if re.search("[一-鿿]", word)
    }
    entries = polib.pofile(str(ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"))
    pages = "\n".join(entry.msgstr + "".join(entry.msgstr_plural.values()) for entry in entries)

    assert len(words) > 50
    assert [word for word in sorted(words) if word not in pages] == []


def test_the_picture_of_the_layers_is_up_to_date() -> None:
    assert PICTURE.read_text() == draw(), "run: python -m devtools.draw_layers"
