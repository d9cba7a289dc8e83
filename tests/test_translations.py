"""Chinese is the default language, and complete: nothing is shown in English for want of a line."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import polib
import pytest

ROOT = Path(__file__).parent.parent
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def test_every_string_has_its_chinese() -> None:
    catalog = polib.pofile(str(CATALOG))
    assert not [entry.msgid for entry in catalog if not entry.translated() or entry.fuzzy]


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
    files = [
        *ROOT.glob("config/*.py"),
        *ROOT.glob("platform_auth/**/*.py"),
        *ROOT.glob("miniprograms/**/*.py"),
        *ROOT.glob("audits/**/*.py"),
    ]
    found = tmp_path / "found.po"
    subprocess.run(
        [
            *("xgettext", "--language=Python", "--from-code=UTF-8", "--keyword=gettext_noop"),
            *("--keyword=gettext_lazy", "--keyword=ngettext_lazy:1,2", f"--output={found}"),
            *map(str, files),
        ],
        check=True,
    )
    known = {entry.msgid for entry in polib.pofile(str(CATALOG))}
    assert not [entry.msgid for entry in polib.pofile(str(found)) if entry.msgid not in known]
