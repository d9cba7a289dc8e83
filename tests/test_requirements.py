"""What is installed was looked at: every package by its version and hash, from any index."""

import re
from pathlib import Path

import pytest

from tests.test_checks import ROOT

FILES = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_package_is_pinned_by_its_hash(file: Path) -> None:
    text = file.read_text()
    packages = re.split(r"^(?=[\w.-]+(?:\[[\w,-]+\])?==)", text, flags=re.MULTILINE)[1:]
    assert packages
    for package in packages:
        assert "--hash=sha256:" in package, package.split()[0]
    assert "://" not in text
    assert "--" not in text.replace("--hash=", "")
