"""Compose, units, image and documents start the processes as deploy/processes.py has them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import processes, secrets, units
from deploy.processes import PROCESSES, ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ROLES = (*PROCESSES, "migrate")
STARTING = re.compile(r"\bgranian\b|\bcelery -A\b")


@pytest.mark.parametrize("role", ROLES)
def test_compose_starts_a_process_by_the_table(role: str) -> None:
    service = SERVICES[role]
    host = ["--host", "0.0.0.0"] if role in ("web", "push") else []  # noqa: S104 -- the container's
    assert service["command"] == ["python", "-m", "deploy.processes", role, *host]
    if role in PROCESSES:
        start = ["CMD", "python", "-m", "deploy.processes", role, "--is-alive"]
        assert service["healthcheck"]["test"] == start
        assert int(service["stop_grace_period"].rstrip("s")) > PROCESSES[role].grace


@pytest.mark.parametrize("role", [*ROLES, "backup"])
def test_a_process_is_given_the_secrets_that_it_needs_and_no_other(role: str) -> None:
    needed = secrets.NEEDED[role]
    assert sorted(SERVICES[role]["secrets"]) == sorted(needed)
    environment = SERVICES[role]["environment"]
    named = {name: value for name, value in environment.items() if name.endswith("_FILE")}
    assert named == {f"{name.upper()}_FILE": f"/run/secrets/{name}" for name in needed}


def test_no_secret_stands_in_the_compose_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"\$\{\w*(SECRET|PASSWORD|KEY|TOKEN)", text)
    assert set(COMPOSE["secrets"]) == {name for names in secrets.NEEDED.values() for name in names}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert "container_name" not in service
    # The image of ours has a user of its own.
    assert "build" in service or service["user"] not in ("root", "0")


def test_what_runs_for_ever_is_started_again_and_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        if name != "migrate":
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"]


def test_the_database_has_a_connection_for_everybody() -> None:
    """Three workers, and twice web and push, while a release goes live."""
    [limit] = [
        int(word.partition("=")[2])
        for word in SERVICES["postgres"]["command"]
        if word.startswith("-cmax_connections=")
    ]
    spare = 10  # of which PostgreSQL keeps three for its superuser
    assert processes.connections({"web": 2, "push": 2, "worker": 3, "beat": 1}) + spare <= limit


def test_the_units_are_those_of_the_table() -> None:
    """Otherwise: python -m deploy.units"""
    written = {file.name: file.read_text() for file in units.FOLDER.iterdir()}
    assert written == units.units()


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(not ANALYZE, reason="needs systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for name, text in units.units().items():
        # The program is not where it will be on the host.
        there = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text)
        (tmp_path / name.replace("@", "@blue")).write_text(there)
    done = subprocess.run(
        [str(ANALYZE), "verify", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_starts_web_by_the_table() -> None:
    text = (ROOT / "Dockerfile").read_text()
    [command] = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert json.loads(command)[:4] == ["python", "-m", "deploy.processes", "web"]
    assert "--is-alive" in text


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/operations.md"])
def test_no_document_starts_a_server_otherwise(name: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
    assert [line for block in blocks for line in block.splitlines() if STARTING.search(line)] == []


def test_secrets_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = secrets.make(folder, ask=lambda _question: "from the console")
    names = {name for each in secrets.NEEDED.values() for name in each}
    assert set(made) == names
    assert folder.stat().st_mode & 0o077 == 0
    before = {name: (folder / name).read_text() for name in names}
    assert before["wechat_component_secret"] == "from the console"
    assert len(set(before.values())) == len(names)
    assert secrets.make(folder) == []
    assert {name: (folder / name).read_text() for name in names} == before


def test_what_is_answered_with_nothing_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "wechat_component_secret").touch()  # as they once were
    made = secrets.make(tmp_path, ask=lambda _question: " ")
    assert "wechat_component_secret" not in made
    assert secrets.make(tmp_path, ask=lambda _question: "at last") == ["wechat_component_secret"]
    assert (tmp_path / "wechat_component_secret").read_text() == "at last"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["--help"], "ask for the AppSecret"), ([], "Nothing was made in secrets: nobody answered.")],
)
def test_nobody_who_asks_for_help_gets_secrets(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    """Nor who answers nothing, as where there is no terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.secrets", *words],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert sentence in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_read_secrets_from_files(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secrets.make(folder, ask=lambda _question: "a1" * 16)
    (folder / "postgres_password").chmod(0o600)
    (folder / "postgres_password").write_text("p@ss/word\n")
    told = {f"{name.upper()}_FILE": str(folder / name) for name in secrets.NEEDED["migrate"]}
    asked = (
        "from django.conf import settings as s; d = s.DATABASES['default'];"
        "print(d['PASSWORD'], s.REDIS_URL, s.SECRET_KEY, *s.FIELD_ENCRYPTION_KEYS, s.WECHAT_TOKEN)"
    )
    values = _ask(
        asked,
        tmp_path,
        **told,
        DATABASE_URL="postgres://platform@db.internal:5432/platform",
        REDIS_URL="redis://redis.internal:6379/0",
    )
    file = {name: (folder / name).read_text() for name in secrets.NEEDED["migrate"]}
    redis = f"redis://:{file['redis_password']}@redis.internal:6379/0"
    keys = [file["secret_key"], file["field_encryption_keys"], file["wechat_token"]]
    assert values == ["p@ss/word", redis, *keys]


def test_beat_needs_no_keys(tmp_path: Path) -> None:
    asked = "from django.conf import settings as s; print(len(s.FIELD_ENCRYPTION_KEYS))"
    assert _ask(asked, tmp_path, PROCESS_ROLE="beat") == ["0"]


def _ask(code: str, var: Path, **settings: str) -> list[str]:
    """What another process prints, to which these settings alone were given."""
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {code}"],
        cwd=ROOT,
        env={
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(var),
            **settings,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
