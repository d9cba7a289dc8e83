"""What the environment can get wrong, by its id."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core import checks

ROOT = Path(__file__).parent.parent
KEY = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="

RIGHT = {
    "PUBLIC_URL": "https://platform.example.com",
    "WECHAT_API_URL": "https://api.weixin.qq.com",
    "WECHAT_MP_URL": "https://mp.weixin.qq.com",
    "WECHAT_OPEN_URL": "https://open.weixin.qq.com",
    "FIELD_ENCRYPTION_KEYS": [KEY],
    "PUSH_RETENTION_DAYS": 30,
    "REFRESH_SWEEP_SECONDS": 60,
}


def found(settings: Any, **wrong: Any) -> set[str]:
    """The ids of ours that `check --deploy` names."""
    for name, value in {**RIGHT, **wrong}.items():
        setattr(settings, name, value)
    told = checks.run_checks(include_deployment_checks=True)
    return {one.id for one in told if one.id and one.id.startswith("platform_auth.")} - {
        "platform_auth.W003"  # whether the tests themselves have a Redis
    }


def test_nothing_is_said_of_what_is_right(settings: Any) -> None:
    assert found(settings) == set()


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [""],
        ["short"],
        [KEY, ""],
        [KEY, "dG9vIHNob3J0"],
        ["not base64 at all, and forty-three letters"],
        ["A" * 44],
        ["é" * 44],
    ],
    ids=["none", "empty", "short", "second empty", "second short", "no base64", "long", "letters"],
)
def test_field_keys_are_32_bytes_each(settings: Any, keys: list[str]) -> None:
    assert found(settings, FIELD_ENCRYPTION_KEYS=keys) == {"platform_auth.E001"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "platform.example.com",
        "https://",
        "https://platform.example.com/portal",
        "https://platform.example.com?x=y",
        "https://platform.example.com#x",
        "https://user@platform.example.com",
        "ftp://platform.example.com",
    ],
)
def test_the_public_url_is_an_origin(settings: Any, url: str) -> None:
    assert "platform_auth.E002" in found(settings, PUBLIC_URL=url)


def test_the_public_url_is_https_in_production(settings: Any) -> None:
    assert found(settings, PUBLIC_URL="http://platform.example.com") == {"platform_auth.W001"}


@pytest.mark.parametrize("name", ["WECHAT_API_URL", "WECHAT_MP_URL", "WECHAT_OPEN_URL"])
@pytest.mark.parametrize(
    "url",
    ["http://api.weixin.qq.com", "https://wechat.test", "https://api.weixin.qq.com.evil.test"],
)
def test_wechat_is_wechat_in_production(settings: Any, name: str, url: str) -> None:
    assert found(settings, **{name: url}) == {"platform_auth.W002"}


@pytest.mark.parametrize(
    "name", ["PUSH_RETENTION_DAYS", "REFRESH_SWEEP_SECONDS", "BULKHEAD_PLACES"]
)
@pytest.mark.parametrize("value", [0, -1])
def test_times_and_places_are_some(settings: Any, name: str, value: int) -> None:
    assert found(settings, **{name: value}) == {"platform_auth.E003"}


@pytest.mark.parametrize(
    ("hosts", "problems"),
    [
        (["erp.internal", "erp.internal:8080", "10.1.2.3", "[fd00::1]:80", "10.1.0.0/16"], set()),
        (["erp.internal", "http://erp.internal"], {"platform_auth.E004"}),
        (["10.1.2.3/16"], {"platform_auth.E004"}),
        (["*"], {"platform_auth.E004"}),
    ],
)
def test_a_host_to_forward_to_that_is_none_is_found(
    settings: Any, hosts: list[str], problems: set[str]
) -> None:
    assert found(settings, FORWARD_INTERNAL_HOSTS=hosts) == problems


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """manage.py in a process of its own, with nothing in its environment but this."""
    clean = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, capture_output=True, check=False, env=clean, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("missing", ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS"])
def test_a_process_without_its_secrets_does_not_start(missing: str, tmp_path: Path) -> None:
    secrets = {"SECRET_KEY": "k" * 60, "FIELD_ENCRYPTION_KEYS": KEY, "VAR_DIR": str(tmp_path)}
    del secrets[missing]
    done = manage("check", **secrets)
    assert done.returncode != 0
    assert f"Set the {missing} environment variable" in done.stderr


def test_check_deploy_is_clean_behind_https(tmp_path: Path) -> None:
    done = manage(
        *("check", "--deploy", "--fail-level", "WARNING"),
        SECRET_KEY="0123456789-" * 5 + "abcdefghijklmnopqrstuvwxyz",
        FIELD_ENCRYPTION_KEYS=KEY,
        PUBLIC_URL="https://platform.example.com",
        VAR_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
