"""The import contracts of pyproject.toml: each of them finds what is planted against it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = SETTINGS["contracts"]

# A part of the contract's name, the module that imports, and what it must not import.
IMPORTS = [
    ("Apps know only", "miniprograms.services.planted", "audits.models"),
    ("Apps know only", "messaging.services.planted", "audits.models"),
    ("Every app has the same rows", "miniprograms.services.planted", "miniprograms.tasks"),
    ("Every app has the same rows", "platform_auth.leases", "platform_auth.registration"),
    ("imports an edge of any app", "audits.services.planted", "miniprograms.admin"),
    ("imports an edge of any app", "miniprograms.tokens", "platform_auth.tasks"),
    ("Models know", "miniprograms.models", "platform_auth.tokens"),
    ("The client's rows", "wechat.media", "wechat.privacy"),
    ("The client is plain Python", "wechat.media", "django"),
    ("REST framework stays", "webhooks.inbox", "rest_framework"),
    ("Services work without Celery", "audits.services.planted", "celery"),
    ("The webhooks' rows", "webhooks.inbox", "webhooks.urls"),
    ("The portal's rows", "portal.forms", "portal.binding"),
    ("The REST door's rows", "api.errors", "api.urls"),
    ("The configuration's rows", "config.metrics", "config.health"),
    ("The sandbox is alone", "sandbox.wire.planted", "wechat.errors"),
    ("The sandbox's packages", "sandbox.wire.planted", "sandbox.pages"),
    ("Nothing else talks to the sandbox", "audits.services.planted", "sandbox.wire.planted"),
    ("the network; only", "audits.services.planted", "requests"),
]

# A part of the contract's name, and two modules that import each other.
CIRCLES = [
    ("No circles", "webhooks.admin.planted", "webhooks.admin.planted_too"),
    ("has no import circle", "sandbox.wire.planted", "sandbox.wire.planted_too"),
]

# Modules that stand in no row of their app.
UNPLACED = [
    f"{container}.planted"
    for contract in CONTRACTS
    if contract.get("exhaustive")
    for container in contract["containers"]
    if container in SETTINGS["root_packages"]
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's modules and contracts, apart from everything else."""
    folder = tmp_path_factory.mktemp("contracts")
    for package in SETTINGS["root_packages"]:
        for path in (ROOT / package).rglob("*.py"):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    environment = {**os.environ, "COLUMNS": "500", "NO_COLOR": "1"}
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return answer.returncode, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def complaints(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each contract complains of, with everything planted at once."""
    folder = tmp_path_factory.mktemp("planted") / "tree"
    shutil.copytree(copy, folder)
    for module in UNPLACED:
        path_of(folder, module).touch()
    imports = [(importer, imported) for _, importer, imported in IMPORTS]
    for _, one, other in CIRCLES:
        imports += [(one, other), (other, one)]
    for importer, imported in imports:
        with path_of(folder, importer).open("a") as file:
            file.write(f"\nimport {imported}\n")
    status, output = lint(folder)
    assert status == 1, output
    _, _, details = output.partition("Broken contracts")
    headings = "|".join(re.escape(contract["name"]) for contract in CONTRACTS)
    parts = re.split(rf"^({headings})\n-+\n", details, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def path_of(folder: Path, module: str) -> Path:
    path = folder.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_the_tree_as_it_is_keeps_every_contract(copy: Path) -> None:
    status, output = lint(copy)

    assert status == 0, output


@pytest.mark.parametrize(("contract", "importer", "imported"), IMPORTS)
def test_a_forbidden_import_is_named(
    complaints: dict[str, str], contract: str, importer: str, imported: str
) -> None:
    (text,) = (text for name, text in complaints.items() if contract in name)

    assert f"{importer} -> {imported}" in text


@pytest.mark.parametrize(("contract", "module", "other"), CIRCLES)
def test_a_circle_is_named(
    complaints: dict[str, str], contract: str, module: str, other: str
) -> None:
    (text,) = (text for name, text in complaints.items() if contract in name)

    assert f"No cycles are allowed in {module.rpartition('.')[0]}." in text
    assert re.search(r"\.planted(_too)? -> \.planted(_too)? ", text)


@pytest.mark.parametrize("module", UNPLACED)
def test_a_module_without_a_row_is_named(complaints: dict[str, str], module: str) -> None:
    assert any(f"- {module}\n" in text for text in complaints.values())


def test_every_contract_has_something_planted_against_it() -> None:
    proven = [part for part, _, _ in [*IMPORTS, *CIRCLES]]
    unproven = [
        contract["name"]
        for contract in CONTRACTS
        if not any(part in contract["name"] for part in proven)
    ]

    assert unproven == []
