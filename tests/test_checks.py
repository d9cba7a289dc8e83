"""What starts and is not fit for production, by its id; tests/test_environment.py has the rest."""

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
    "NUM_PROXIES": 1,
}


def found(settings: Any, **wrong: Any) -> set[str]:
    """The ids of ours that `check --deploy` names."""
    for name, value in {**RIGHT, **wrong}.items():
        setattr(settings, name, value)
    told = checks.run_checks(include_deployment_checks=True)
    return {one.id for one in told if one.id and one.id.startswith("platform_auth.")} - {
        "platform_auth.W003",  # whether the tests themselves have a Redis
        "platform_auth.I001",  # and a PostgreSQL
    }


def test_nothing_is_said_of_what_is_right(settings: Any) -> None:
    assert found(settings) == set()


def test_the_public_url_is_https_in_production(settings: Any) -> None:
    assert found(settings, PUBLIC_URL="http://platform.example.com") == {"platform_auth.W001"}


@pytest.mark.parametrize("name", ["WECHAT_API_URL", "WECHAT_MP_URL", "WECHAT_OPEN_URL"])
@pytest.mark.parametrize(
    "url",
    ["http://api.weixin.qq.com", "https://wechat.test", "https://api.weixin.qq.com.evil.test"],
)
def test_wechat_is_wechat_in_production(settings: Any, name: str, url: str) -> None:
    assert found(settings, **{name: url}) == {"platform_auth.W002"}


def test_behind_https_the_proxies_are_counted(settings: Any) -> None:
    url = "https://platform.example.com"
    assert found(settings, PUBLIC_URL=url, NUM_PROXIES=0) == {"platform_auth.W004"}
    assert found(settings, PUBLIC_URL=url) == set()


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """manage.py in a process of its own, with nothing in its environment but this."""
    clean = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, capture_output=True, check=False, env=clean, text=True, timeout=60,
    )  # fmt: skip


def test_check_deploy_is_clean_behind_https(tmp_path: Path) -> None:
    done = manage(
        *("check", "--deploy", "--fail-level", "WARNING"),
        SECRET_KEY="0123456789-" * 5 + "abcdefghijklmnopqrstuvwxyz",
        FIELD_ENCRYPTION_KEYS=KEY,
        PUBLIC_URL="https://platform.example.com",
        NUM_PROXIES="1",
        VAR_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_check_deploy_says_what_is_missing_and_what_is_mistyped(tmp_path: Path) -> None:
    """And of Django's checks none that only follows from PUBLIC_URL."""
    (tmp_path / "empty").touch()
    done = manage(
        *("check", "--deploy"),
        SECRET_KEY="0123456789-" * 5 + "abcdefghijklmnopqrstuvwxyz",
        FIELD_ENCRYPTION_KEYS=KEY,
        PUBLIC_URLL="https://platform.example.com",
        POSTGRES_PASSWORD="planted-password",
        REDIS_URL="redis://127.0.0.1:1/0",
        WECHAT_TOKEN="token",
        WECHAT_AES_KEY="k" * 43,
        WECHAT_AES_KEY_FILE=str(tmp_path / "empty"),
        VAR_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    for sentence in (
        "PUBLIC_URL is not https",
        "DATABASE_URL is unset or a file's",
        "WECHAT_AES_KEY and WECHAT_AES_KEY_FILE are both set: the file counts.",
        "WECHAT_AES_KEY_FILE names an empty file: WECHAT_AES_KEY is not set.",
        "Not set: WECHAT_COMPONENT_SECRET, WECHAT_AES_KEY.",
        "PUBLIC_URLL is the name of no setting: PUBLIC_URL may be meant.",
    ):
        assert sentence in done.stderr
    assert "identified 6 issues" in done.stderr
    assert "planted" not in done.stderr + done.stdout


@pytest.mark.parametrize(("places", "is_said"), [(4, False), (42, False), (43, True)])
def test_threads_are_left_of_those_that_wait_for_wechat(
    settings: Any, places: int, is_said: bool
) -> None:
    """64 threads: as deploy/processes.py starts a web process."""
    said = found(settings, BULKHEAD_PLACES=places)
    assert ("platform_auth.W008" in said) == is_said


def test_a_migration_without_a_database_says_why_and_no_more(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.processes", "migrate"],
        cwd=ROOT, capture_output=True, check=False, text=True, timeout=60,
        env={
            "PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "VAR_DIR": str(tmp_path),
            "SECRET_KEY": "k" * 60, "FIELD_ENCRYPTION_KEYS": KEY,
            "DATABASE_URL": "postgres://x:planted@127.0.0.1:1/x", "DATABASE_POOL_TIMEOUT": "0.3",
        },
    )  # fmt: skip
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert done.stderr.endswith("its server gives no connection; the reason stands above.\n")
    assert "Traceback" not in done.stderr
    assert "planted" not in done.stderr


COOKIES = """
from django.conf import settings
for kind in ("SESSION", "CSRF", "LANGUAGE", "DEVICE"):
    name, is_secure = f"{kind}_COOKIE_NAME", f"{kind}_COOKIE_SECURE"
    print(getattr(settings, name), getattr(settings, is_secure, True))
"""


def test_behind_https_every_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    done = manage(
        *("shell", "--no-imports", "-c", COOKIES),
        SECRET_KEY="k" * 60,
        FIELD_ENCRYPTION_KEYS=KEY,
        PUBLIC_URL="https://platform.example.com",
        VAR_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    names = ["sessionid", "csrftoken", "language", "device"]
    assert done.stdout.split("\n")[:-1] == [f"__Host-{name} True" for name in names]
