"""Chinese is the default language, and complete: nothing is shown in English for want of a line."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import polib
import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).parent.parent
APPS = (
    "config",
    "api",
    "portal",
    "webhooks",
    "messaging",
    "audits",
    "notices",
    "miniprograms",
    "platform_auth",
    "wechat",
)
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def test_every_string_has_its_chinese() -> None:
    catalog = polib.pofile(str(CATALOG))
    assert not [entry.msgid for entry in catalog if not entry.translated() or entry.fuzzy]


def test_chinese_has_chinese_punctuation() -> None:
    # Between Chinese words, or those that stand in the place of a field; "yes,no" is Django's.
    misplaced = re.compile(r"[\u4e00-\u9fff](?:[,;:!?] ?|\. )[\u4e00-\u9fff]")
    texts = [
        text
        for entry in polib.pofile(str(CATALOG))
        if entry.msgid != "fine,not,unknown"
        for text in (entry.msgstr, *entry.msgstr_plural.values())
    ]
    worded = {re.sub(r"%\(\w+\)[sd]|%[sd]", "\u4e2d", text): text for text in texts}
    assert [text for words, text in worded.items() if misplaced.search(words)] == []


def test_the_compiled_catalog_is_the_written_one() -> None:
    # Compiled files are kept, since a bare machine has no gettext to make them.
    written = polib.pofile(str(CATALOG))
    compiled = polib.mofile(str(CATALOG.with_suffix(".mo")))
    assert _said(written) == _said(compiled)


def _said(catalog: Any) -> dict[tuple[str, str], tuple[str, Any]]:
    return {
        (entry.msgctxt or "", entry.msgid): (entry.msgstr, entry.msgstr_plural) for entry in catalog
    }


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="GNU gettext is not on this machine")
def test_the_catalog_holds_every_string_of_the_source(tmp_path: Path) -> None:
    files = [path for app in APPS for path in ROOT.glob(f"{app}/**/*.py")]
    for kind in ("html", "txt"):
        files += [_templatized(path, tmp_path) for path in ROOT.glob(f"templates/**/*.{kind}")]
    found = tmp_path / "found.po"
    keywords = [
        "gettext_noop",
        "gettext_lazy",
        "ngettext_lazy:1,2",
        "pgettext:1c,2",
        "pgettext_lazy:1c,2",
        "npgettext:1c,2,3",
    ]
    subprocess.run(
        [
            *("xgettext", "--language=Python", "--from-code=UTF-8", f"--output={found}"),
            *(f"--keyword={keyword}" for keyword in keywords),
            *map(str, files),
        ],
        check=True,
    )
    assert not set(_said(polib.pofile(str(found)))) - set(_said(polib.pofile(str(CATALOG))))


def _templatized(path: Path, folder: Path) -> Path:
    """The template at PATH as xgettext can read it, in FOLDER."""
    readable = folder / f"{'_'.join(path.relative_to(ROOT).parts)}.py"
    readable.write_text(templatize(path.read_text(), origin=str(path)))
    return readable
