"""Nothing of a demo is ever used for a real platform, nor the other way round."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError

from devtools import environment
from platform_auth import installation
from platform_auth.fields import key_ids
from platform_auth.models import Component, Installation
from tests.test_checks import KEY, RIGHT, ROOT

SANDBOX = {name: "http://127.0.0.1:8001" for name in RIGHT if name.startswith("WECHAT_")}


def check() -> str:
    out = StringIO()
    call_command("check", databases=["default"], stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def real(settings: Any, tmp_path: Path, db: None) -> Any:
    """The settings of a real platform, with a VAR_DIR of its own."""
    for name, value in RIGHT.items():
        setattr(settings, name, value)
    settings.VAR_DIR = tmp_path
    settings.ROOT = tmp_path
    return settings


@pytest.mark.any_database
def test_a_demos_database_is_refused_with_real_settings(real: Any) -> None:
    assert not Installation.objects.get().is_real  # as the tests' is
    with pytest.raises(SystemCheckError, match="E001.*This database is a demo's") as caught:
        check()
    assert "README, From demo to production" in str(caught.value)


@pytest.mark.any_database
def test_a_real_database_is_refused_with_a_sandbox(db: None) -> None:
    Installation.objects.update(is_real=True)
    with pytest.raises(SystemCheckError, match=r"real platform's, and https://wechat\.test of the"):
        check()


@pytest.mark.any_database
def test_what_is_its_own_is_not_refused(real: Any) -> None:
    Installation.objects.update(is_real=True)
    installation.mark_installation()
    assert check()
    assert json.loads((real.VAR_DIR / installation.MARK).read_text())["field_keys"] == []
    for name, url in SANDBOX.items():
        setattr(real, name, url)
    with pytest.raises(SystemCheckError, match="real platform's"):
        check()


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("was_real", "sentence"), [(False, "is a demo's, and"), (True, "is a real platform's, and")]
)
def test_the_folder_of_the_other_is_refused(real: Any, was_real: bool, sentence: str) -> None:
    """Its queue of jobs, its mails: also where the database is another."""
    Installation.objects.update(is_real=not was_real)
    (real.VAR_DIR / installation.MARK).write_text(json.dumps({"is_real": was_real}))
    if was_real:
        for name, url in SANDBOX.items():
            setattr(real, name, url)
    with pytest.raises(SystemCheckError, match=sentence) as caught:
        check()
    assert str(real.VAR_DIR) in str(caught.value)


@pytest.mark.any_database
def test_the_demos_keys_are_refused(real: Any, tmp_path: Path) -> None:
    Installation.objects.update(is_real=True)
    (tmp_path / "var").mkdir()
    mark = tmp_path / "var" / installation.MARK
    mark.write_text(json.dumps({"is_real": False, "field_keys": key_ids()}))
    with pytest.raises(SystemCheckError, match="holds a key of the demo's in this folder"):
        check()
    mark.write_text("no JSON")
    assert check()


@pytest.mark.parametrize("name", ["FIELD_ENCRYPTION_KEYS", "SECRET_KEY"])
def test_a_key_that_was_made_for_a_demo_is_refused_wherever_it_is(
    tmp_path: Path, name: str
) -> None:
    """In a folder where no demo was: before a table is made."""
    refused = manage(tmp_path, "migrate", "--no-input", **{name: environment.fresh(8000)[name]})
    assert refused.returncode == 1
    assert f"E001) {name}: made for a demo, and the settings ask WeChat itself." in refused.stderr
    assert "Applying" not in refused.stdout


@pytest.mark.any_database
def test_a_real_component_is_not_registered_in_a_demo(real: Any, unregistered: None) -> None:
    with pytest.raises(CommandError, match="This database is a demo's"):
        call_command("register_component")
    assert not Component.objects.exists()


def manage(var: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """manage.py as an operator runs it, on the SQLite file in VAR."""
    given = {"SECRET_KEY": "k" * 60, "FIELD_ENCRYPTION_KEYS": KEY, "VAR_DIR": str(var), **more}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT, capture_output=True, check=False, text=True, timeout=300,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "LANG": "C.UTF-8", **given},
    )  # fmt: skip


def test_migrate_marks_what_is_new_and_refuses_what_is_the_others(tmp_path: Path) -> None:
    """As `dev.py run`, docker compose and the units do it before anything else starts."""
    begun = manage(tmp_path, "migrate", "--no-input", **SANDBOX)
    assert begun.returncode == 0, begun.stderr
    mark = json.loads((tmp_path / installation.MARK).read_text())
    assert mark == {"is_real": False, "field_keys": [mark["field_keys"][0]]}
    assert KEY not in (tmp_path / installation.MARK).read_text()
    refused = manage(tmp_path, "migrate", "--no-input")
    assert refused.returncode == 1
    assert "This database is a demo's" in refused.stderr
    assert "Traceback" not in refused.stderr
    again = manage(tmp_path, "migrate", "--no-input", **SANDBOX)
    assert again.returncode == 0, again.stderr
