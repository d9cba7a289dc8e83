"""
Every command line of README and CONTRIBUTING is carried out; or, where it would run for ever, needs
the network or changes this machine, read by the program that would carry it out.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from argparse import ArgumentError, ArgumentParser
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

import dev
from deploy.processes import PROCESSES

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
DOCUMENTS = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")

FENCE = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
# A word alone, such as `dev.py` or `migrate`, names a thing; these are commands as they stand.
ALONE = (".ci/run", "lint-imports")
BEGINNINGS = (
    "python3 ",
    "python ",
    "dev.py ",
    "manage.py ",
    ".venv/bin/",
    "docker ",
    "uv ",
    "pip ",
)


class Unknown(Exception):
    """A command that this test cannot check: teach it, or mend the document."""


NOT_THAT = (Unknown, AssertionError, SystemExit, ArgumentError, CommandError, FileNotFoundError)


# ── finding them ────────────────────────────────────────────────────────────────────────────────


def commands_in(text: str) -> list[str]:
    """The lines of its shell blocks, and the pieces of code within sentences that are commands."""
    blocks = FENCE.findall(text)
    languages = {language for language, _ in blocks}
    if strange := languages - {"sh", "text"}:
        raise Unknown(f"A block of commands is ```sh, any other ```text; here is {strange}.")
    lines = "\n".join(body for language, body in blocks if language == "sh")
    stripped = (line.strip() for line in lines.replace("\\\n", " ").splitlines())
    spans = SPAN.findall(FENCE.sub("", text))
    inline = [span for span in spans if span in ALONE or span.startswith(BEGINNINGS)]
    return [line for line in stripped if line and not line.startswith("#")] + inline


def documented() -> list[str]:
    texts = [(ROOT / name).read_text() for name in DOCUMENTS]
    return sorted({command for text in texts for command in commands_in(text)})


# ── checking them ───────────────────────────────────────────────────────────────────────────────


def check(command: str, scratch: Path) -> None:
    for part in command.split("&&"):
        words = shlex.split(part, comments=True)
        _checker_of(words)(words, scratch)


Checker = Callable[[list[str], Path], None]


def _names_files_of_ours(words: list[str], _scratch: Path) -> None:
    """It takes a network or changes a file: what it names is there."""
    named = [word for word in words if word.startswith((".venv/bin/", ".secrets", "requirements/"))]
    assert named
    assert [word for word in named if not (ROOT / word).exists()] == []


def _checker_of(words: list[str]) -> Checker:
    """By the first words, the longest that is known."""
    for length in (3, 2, 1):
        if checker := CHECKERS.get(" ".join(words[:length])):
            return checker
    raise Unknown(shlex.join(words))


def _run(words: list[str | Path], folder: Path = ROOT) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout[-1000:]}{done.stderr[-1000:]}"


def _dev(words: list[str], _scratch: Path) -> None:
    """It runs for ever, or runs all of these tests: its parser reads it."""
    parsed, rest = dev.parser().parse_known_args(words[words.index("dev.py") + 1 :])
    assert not rest or parsed.command == "test"


def _manage(words: list[str], _scratch: Path) -> None:
    """It wants a database or settings of production: the command's own parser reads it."""
    name, *arguments = words[words.index("manage.py") + 1 :]
    app = get_commands()[name]
    command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    command.create_parser("manage.py", name).parse_args(arguments)


def _script(words: list[str], _scratch: Path) -> None:
    assert os.access(ROOT / words[0], os.X_OK)
    _run(["bash", "-n", ROOT / words[0]])


def _pytest(words: list[str], _scratch: Path) -> None:
    _run([BIN / "pytest", *words[1:], "--collect-only", "--quiet", "-n", "0"])


def _click(words: list[str], _scratch: Path) -> None:
    """It serves for ever: it reads its options, loads what it would serve, and tells its help."""
    if application := [word for word in words if ":" in word]:
        assert import_string(application[0].replace(":", "."))
    _run([BIN / Path(words[0]).name, *words[1:], "--help"])


def _lint_imports(words: list[str], _scratch: Path) -> None:
    assert words == ["lint-imports"]
    assert shutil.which("lint-imports", path=str(BIN))


def _venv(words: list[str], scratch: Path) -> None:
    _run([sys.executable, *words[1:], "--without-pip"], scratch)
    assert (scratch / ".venv" / "bin" / "python").exists()


def _pip(words: list[str], _scratch: Path) -> None:
    """It wants the network: the files are there, and all in them has its hash."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("-r", action="append", default=[])
    parser.add_argument("--require-hashes", action="store_true", required=True)
    for name in parser.parse_args(words[2:]).r:
        pinned = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        lines = [line for line in pinned if line.strip() and not line.lstrip().startswith("#")]
        assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


def _copy(words: list[str], scratch: Path) -> None:
    shutil.copy(ROOT / words[1], scratch)
    _run([*words], scratch)


def _make_folder(words: list[str], scratch: Path) -> None:
    _run([*words], scratch)


def _module(words: list[str], _scratch: Path) -> None:
    """One of our tools may write files: it is there, and is a program."""
    path = ROOT / words[2].replace(".", "/")
    program = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    assert 'if __name__ == "__main__":' in program.read_text()


def _process(words: list[str], _scratch: Path) -> None:
    """It runs for ever, or writes to a database: the table has it."""
    assert words[3] in (*PROCESSES, "migrate")
    assert words[4:] in ([], ["--is-alive"])


def _folder_of_another(words: list[str], scratch: Path) -> None:
    """It wants to be root: but for the owner it is made here."""
    assert words[1:5] == ["install", "-d", "-o", "999"]
    _run(["install", "-d", *words[5:]], scratch)


def _compose(words: list[str], scratch: Path) -> None:
    """It deploys: its services are there, and what one of them is to run is a command of ours."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    if words[2:] == ["up", "-d", "--build"]:
        return
    if words[2:5] == ["up", "-d", "--scale"]:
        assert words[5].partition("=")[0] in services
        return
    act, service, *command = words[2:]
    assert (act, service in services) == ("exec", True)
    check(shlex.join(command), scratch)


def _compile(words: list[str], _scratch: Path) -> None:
    """It wants the network: the groups are there, and what it would write."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("source", nargs="?")
    for option in ("--universal", "--generate-hashes", "--no-header"):
        parser.add_argument(option, action="store_true", required=True)
    for option in ("--python-version", "--group", "-c", "-o"):
        parser.add_argument(option)
    asked = parser.parse_args(words[3:])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == f">={asked.python_version}"
    assert asked.group is None or asked.group in project["dependency-groups"]
    assert {asked.source, asked.group} != {None}
    for name in filter(None, (asked.source, asked.c, asked.o)):
        assert (ROOT / name).exists()


CHECKERS: dict[str, Checker] = {
    "python -m": _module,
    "python3 -m": _module,
    "python -m deploy.processes": _process,
    ".venv/bin/python -m": _module,
    ".venv/bin/python -m deploy.processes": _process,
    "sudo install": _folder_of_another,
    "git ls-files": _names_files_of_ours,
    "pipx run pip-audit": _names_files_of_ours,
    "python3 dev.py": _dev,
    "dev.py run": _dev,
    "dev.py test": _dev,
    "python3 -m venv": _venv,
    "python manage.py": _manage,
    ".venv/bin/python manage.py": _manage,
    "manage.py": _manage,
    ".ci/run": _script,
    ".venv/bin/pytest": _pytest,
    ".venv/bin/celery": _click,
    ".venv/bin/granian": _click,
    ".venv/bin/pip install": _pip,
    "lint-imports": _lint_imports,
    "cp": _copy,
    "mkdir": _make_folder,
    "docker compose": _compose,
    "uv pip compile": _compile,
}


@pytest.mark.parametrize("command", documented())
def test_a_documented_command_is_one(command: str, tmp_path: Path) -> None:
    check(command, tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "python3 dev.py run --nonsense",
        ".venv/bin/python manage.py migrate --nonsense",
        ".venv/bin/pytest tests/test_nonsense.py",
        ".venv/bin/celery -A config nonsense",
        ".venv/bin/pip install -r requirements/base.txt",
        "docker compose exec nonsense python manage.py migrate",
        "cp .env.nonsense .env",
        "nonsense",
    ],
)
def test_a_command_that_would_fail_is_found(command: str, tmp_path: Path) -> None:
    with pytest.raises(NOT_THAT):
        check(command, tmp_path)


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    text = (
        "Run `dev.py test x` or `.ci/run`, not `dev.py`:\n\n"
        "```sh\nuv pip compile \\\n  x    # why\n# a remark\n```\n\n```text\nno command\n```\n"
    )
    assert commands_in(text) == ["uv pip compile    x    # why", "dev.py test x", ".ci/run"]


def test_a_block_that_does_not_tell_what_it_is_is_refused() -> None:
    with pytest.raises(Unknown):
        commands_in("```\nrm\n```\n")
