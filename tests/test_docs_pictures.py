"""The pictures of the documentation are there, small, and can be taken again; links lead."""

import re
from pathlib import Path

import pytest
from django.urls import reverse

from devtools.install import ROOT
from devtools.shots import LANGUAGES, PICTURES, SHOTS, WALK, Shot
from tests.test_docs import DOCUMENTS, each_document

MAX_BYTES = 2_000_000
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
ANCHORED = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
TAKEN = {f"{language}/{shot.name}.webp" for language in LANGUAGES for shot in SHOTS}


def shown_by(document: Path) -> list[tuple[str, Path]]:
    """The words and the file of each picture of ours."""
    pictures = PICTURE.findall(document.read_text())
    files = [(words, (document.parent / name).resolve()) for words, name in pictures]
    return [(words, file) for words, file in files if PICTURES in file.parents]


def test_all_pictures_together_are_small() -> None:
    assert sum(path.stat().st_size for path in PICTURES.rglob("*.*")) < MAX_BYTES


def test_each_picture_is_taken_by_the_script_and_shown_somewhere() -> None:
    files = {path.relative_to(PICTURES).as_posix() for path in PICTURES.rglob("*.*")}
    shown = {
        file.relative_to(PICTURES).as_posix()
        for document in DOCUMENTS
        for _words, file in shown_by(document)
    }
    assert files == TAKEN
    assert {path.partition("/")[2] for path in shown} == {f"{shot.name}.webp" for shot in SHOTS}


@each_document
def test_a_document_shows_pictures_in_its_language_and_says_what_they_are(document: Path) -> None:
    language = "zh" if document.name.endswith(".zh-CN.md") else "en"
    for words, file in shown_by(document):
        assert (file.parent.name, file.is_file(), bool(words)) == (language, True, True), file


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_each_page_on_a_picture_still_has_its_name(shot: Shot) -> None:
    if not shot.url.startswith(("/", WALK)):
        assert reverse(shot.url, args=["1" for _ in shot.arguments])


def slugs_of(document: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@each_document
def test_each_link_into_a_document_leads_to_a_heading(document: Path) -> None:
    links = ANCHORED.findall(document.read_text())
    targets = [(document.parent / name if name else document, anchor) for name, anchor in links]
    lost = [
        (str(target.resolve().relative_to(ROOT)), anchor)
        for target, anchor in targets
        if target.suffix == ".md" and anchor.lower() not in slugs_of(target)
    ]
    assert lost == []


@pytest.mark.parametrize("name", ["README.md", "docs/operators-guide.md", "docs/tour.md"])
def test_the_error_codes_are_linked_from_where_people_look(name: str) -> None:
    assert "errors.md)" in (ROOT / name).read_text()
