"""No file of the project holds a secret but the invented ones that `.secrets.baseline` knows."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from tests.test_checks import ROOT

BASELINE = json.loads((ROOT / ".secrets.baseline").read_text())
# Hashes of packages, translations and pictures: nothing but high entropy.
LEFT_OUT = (
    *("requirements/", "locale/", "docs/layers.svg", ".secrets.baseline"),
    "tests/typescript/package-lock.json",
)


def scan(files: list[Path], root: Path) -> SecretsCollection:
    found = SecretsCollection(root=str(root))
    with transient_settings(
        {"plugins_used": BASELINE["plugins_used"], "filters_used": BASELINE["filters_used"]}
    ):
        found.scan_files(*(str(file.relative_to(root)) for file in files), num_processors=1)
    return found


def tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no repository here")
    listed = subprocess.run(
        [git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and not name.startswith(LEFT_OUT)]


def test_no_file_holds_a_secret() -> None:
    files = [file for file in tracked() if file.is_file()]
    assert len(files) > 300
    invented = {
        (name, secret["hashed_secret"])
        for name, secrets in BASELINE["results"].items()
        for secret in secrets
    }
    unknown = [
        f"{name}:{secret.line_number} {secret.type}"
        for name, secret in scan(files, ROOT)
        if (name, secret.secret_hash) not in invented
    ]
    assert unknown == [], "CONTRIBUTING.md, Secrets, says what to do"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("deploy.env", "WECHAT_COMPONENT_SECRET=f3a1c9d27b604e85a19c3d7e5b8f2046"),
        ("keys.py", 'AES_KEY = "pQ7xV2mK9tB4nL8wE1rY6uI3oA5sD0fG7hJ2kZ9xC4v"'),
        ("compose.yml", "  DATABASE_URL: postgres://platform:hT5wq9Zr@db:5432/platform"),
        ("id.pem", "-----BEGIN RSA PRIVATE KEY-----"),
        ("aws.py", 'key = "AKIAQ3EGRLT6TVN5WZ7C"'),
        ("settings.py", 'password = "kT9vQ2xLw7pR"'),
    ],
)
def test_a_planted_secret_is_found(name: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(line + "\n")
    assert {found for found, _secret in scan([file], tmp_path)} == {name}
