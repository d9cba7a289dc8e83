"""The numbers of `python -m devtools.readability`, and what they may not exceed."""

import subprocess
import sys
from pathlib import Path

import pytest

from devtools.imports import ROOT
from devtools.readability import Numbers, measure


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    return measure(ROOT)


def test_hardly_a_name_is_imported_upward(numbers: Numbers) -> None:
    assert len(numbers.upward) <= 5, numbers.upward


def test_neighbours_know_nothing_of_each_other(numbers: Numbers) -> None:
    assert numbers.sideways == []


def test_no_modules_import_one_another(numbers: Numbers) -> None:
    assert numbers.circles == []


def test_a_name_means_one_thing(numbers: Numbers) -> None:
    assert len(numbers.shared_names) <= 5, numbers.shared_names


def test_what_is_counted(tmp_path: Path) -> None:
    files = {
        "platform_auth/low.py": (
            "from audits import high\n"
            "from audits.high import run, _Thing\n\n"
            "def run(given, a, b):\n"
            "    said = [x for x in given if x]\n"
            "    return said if a and b else None  # dead-letter\n"
        ),
        "audits/high.py": (
            "from messaging import side\nfrom platform_auth.low import run\nrun = 1\n_Thing = 2\n"
        ),
        "messaging/side.py": "import audits.high\nclass run: ...\nclass _Thing: ...\n",
        "audits/migrations/0001.py": "run = 1\n",
    }
    for name, source in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    numbers = measure(tmp_path)

    assert [(entry.importer, entry.imported, entry.name) for entry in numbers.upward] == [
        ("platform_auth.low", "audits.high", ""),
        ("platform_auth.low", "audits.high", "run"),
        ("platform_auth.low", "audits.high", "_Thing"),
    ]
    assert [entry.importer for entry in numbers.sideways] == ["messaging.side", "audits.high"]
    assert numbers.circles == [["audits.high", "messaging.side", "platform_auth.low"]]
    assert list(numbers.shared_names) == ["run"]
    assert numbers.lines == 6 + 4 + 3
    assert numbers.speech_words == {"said": 1}
    assert numbers.local_variables == 2
    assert numbers.field_words["dead letter"] == 1


def test_complexity_counts_decisions(tmp_path: Path) -> None:
    decisions = "\n".join(f"    if a == {number} or b:\n        pass" for number in range(5))
    path = tmp_path / "audits" / "deep.py"
    path.parent.mkdir()
    path.write_text(f"def flat(a):\n    return a\n\n\ndef deep(a, b):\n{decisions}\n")

    assert measure(tmp_path).complex_functions == {"audits/deep.py:deep": 11}


def test_it_prints_its_numbers() -> None:
    command = [sys.executable, "-m", "devtools.readability"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "names imported upward" in answer.stdout
    assert "named by a speech word" in answer.stdout
