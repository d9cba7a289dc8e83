"""A setting that cannot be right ends every process before it begins, with one sentence."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import BadSetting, Environment, private_folder
from tests.test_checks import KEY, ROOT, manage

SECRETS = {"SECRET_KEY": "k" * 60, "FIELD_ENCRYPTION_KEYS": KEY}
BIN = Path(sys.executable).parent


# Every kind of process


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", None, "SECRET_KEY must be set: see .env.example."),
        ("SECRET_KEY", "", "SECRET_KEY must be a random text of 20 characters or more."),
        ("FIELD_ENCRYPTION_KEYS", "", "FIELD_ENCRYPTION_KEYS must be set: see .env.example."),
        ("PUBLIC_URL", "our.host", "PUBLIC_URL must be scheme and host, such as"),
        ("WECHAT_AES_KEY", "k" * 42, "WECHAT_AES_KEY must be an EncodingAESKey: 43 letters"),
        ("WECHAT_COMPONENT_SECRET", "abcde", "WECHAT_COMPONENT_SECRET must be an AppSecret: 32"),
        ("REFRESH_SWEEP_SECONDS", "abc", "REFRESH_SWEEP_SECONDS must be a whole number."),
        ("DATABASE_URL", "mysql://u:pw@db/x", "DATABASE_URL must begin with postgres:// or sqlite"),
        ("REDIS_URL", "http://:pw@redis/0", "REDIS_URL must begin with redis:// or rediss://."),
        ("RELEASE_NEEDS_TWO", "maybe", "RELEASE_NEEDS_TWO must be 1 or 0."),
        ("PERMISSION_SETS", "18,0", "PERMISSION_SETS must be ids of permission sets"),
        ("PERMISSION_SETS", "18,x", "PERMISSION_SETS must be ids of permission sets separated"),
        ("SECRET_KEY_FILE", "/nowhere", "SECRET_KEY_FILE must be the path of a text file that can"),
        ("DATABASE_URL", "sqlite://:pw@db/x", "DATABASE_URL must begin with postgres:// or"),
    ],
)
def test_manage_py_says_one_sentence(
    name: str, value: str | None, sentence: str, tmp_path: Path
) -> None:
    given = {**SECRETS, "VAR_DIR": str(tmp_path), name: value}
    done = manage("check", **{key: text for key, text in given.items() if text is not None})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert not value or value not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["celery", "-A", "config", "worker"],
        ["celery", "-A", "config", "beat"],
        ["granian", "--interface", "wsgi", "--port", "0", "config.wsgi:application"],
    ],
    ids=["worker", "beat", "web"],
)
def test_other_processes_say_it_too(command: list[str], tmp_path: Path) -> None:
    clean = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "VAR_DIR": str(tmp_path)}
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT, capture_output=True, check=False, text=True, timeout=60,
        env={**clean, **SECRETS, "WECHAT_COMPONENT_SECRET": "abcde"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "WECHAT_COMPONENT_SECRET must be an AppSecret: 32 hexadecimal digits." in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# Every setting


def reader(**values: str) -> Environment:
    env = Environment()
    env.ENVIRON = values
    return env


@pytest.mark.parametrize(
    "keys",
    [
        "",
        ",",
        "short",
        f"{KEY},dG9vIHNob3J0",
        "not base64 at all, and forty-three letters",
        "A" * 44,
        "é" * 44,
    ],
    ids=["empty", "commas", "short", "second short", "no base64", "long", "letters"],
)
def test_field_keys_are_32_bytes_each(keys: str) -> None:
    with pytest.raises(BadSetting, match=r"^FIELD_ENCRYPTION_KEYS must be "):
        reader(FIELD_ENCRYPTION_KEYS=keys).list("FIELD_ENCRYPTION_KEYS")
    pair = reader(FIELD_ENCRYPTION_KEYS=f"{KEY},{KEY}").list("FIELD_ENCRYPTION_KEYS")
    assert pair == [KEY, KEY]


@pytest.mark.parametrize("name", ["PUBLIC_URL", "WECHAT_API_URL", "WECHAT_MP_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "platform.example.com",
        "https://",
        "https://platform.example.com/portal",
        "https://platform.example.com?x=y",
        "https://platform.example.com#x",
        "https://user@platform.example.com",
        "https://platform.example.com:port",
        "https://[::1",
        "ftp://platform.example.com",
    ],
)
def test_an_origin_is_scheme_and_host(name: str, url: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{name} must be scheme and host"):
        reader(**{name: url}).str(name, default="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    "url", ["https://platform.example.com", "http://127.0.0.1:8000/", "http://[::1]:8000"]
)
def test_an_origin_may_have_a_port_and_a_slash(url: str) -> None:
    assert reader(PUBLIC_URL=url).str("PUBLIC_URL") == url


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("PUSH_RETENTION_DAYS", "0", "1"),
        ("PUSH_RETENTION_DAYS", "-1", "30"),
        ("REFRESH_SWEEP_SECONDS", "0", "1"),
        ("REFRESH_SWEEP_SECONDS", "1.5", "1"),
        ("DATABASE_POOL_SIZE", "0", "1"),
        ("DATABASE_POOL_SIZE", "many", "1"),
        ("NUM_PROXIES", "-1", "0"),
    ],
)
def test_numbers_have_a_least(name: str, bad: str, good: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} must be "):
        reader(**{name: bad}).int(name, default=1)
    assert reader(**{name: good}).int(name, default=1) == int(good)


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("WECHAT_COMPONENT_APPID", "gh_0123456789abcdef", "wx0123456789abcdef"),
        ("WECHAT_COMPONENT_SECRET", "g" * 32, "0123456789abcdef" * 2),
        ("WECHAT_TOKEN", "to-ken", "token"),
        ("WECHAT_TOKEN", "t" * 33, "t" * 32),
        ("WECHAT_AES_KEY", f"{'k' * 43}=", "k" * 43),
        ("LOG_LEVEL", "LOUD", "INFO"),
        ("PROCESS_ROLE", "cook", "push"),
        ("SENTRY_DSN", "sentry.example.com/1", "https://key@sentry.example.com/1"),
        ("TIME_ZONE", "Asia/Nowhere", "Asia/Shanghai"),
        ("TIME_ZONE", "../etc", "UTC"),
        ("SECRET_KEY", " " * 60, "k" * 20),
        ("DATABASE_URL", "sqlite3", "sqlite:////tmp/x"),
    ],
)
def test_words_have_their_form(name: str, bad: str, good: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} must b") as caught:
        reader(**{name: bad}).str(name, default="")
    assert bad not in str(caught.value)
    assert reader(**{name: good}).str(name, default="") == good


@pytest.mark.parametrize("hosts", ["http://erp.internal", "10.1.2.3/16", "*", "a:0", "a:99999"])
def test_a_host_to_forward_to_that_is_none(hosts: str) -> None:
    with pytest.raises(BadSetting, match="^FORWARD_INTERNAL_HOSTS must be hosts"):
        reader(FORWARD_INTERNAL_HOSTS=f"erp.internal,{hosts}").list("FORWARD_INTERNAL_HOSTS")


def test_hosts_to_forward_to() -> None:
    hosts = "erp.internal,erp.internal:8080,10.1.2.3,[fd00::1]:80,10.1.0.0/16"
    env = reader(FORWARD_INTERNAL_HOSTS=hosts)
    assert env.list("FORWARD_INTERNAL_HOSTS") == hosts.split(",")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("on", True), ("No", False), ("", None)])
def test_yes_and_no(text: str, value: bool | None) -> None:
    assert reader(DEBUG=text).bool("DEBUG", default=None) is value


def test_a_dollar_sign_is_no_reference_to_another_setting() -> None:
    assert reader(SECRET_KEY="$" + "k" * 30).str("SECRET_KEY") == "$" + "k" * 30


def test_files_are_in_a_folder_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    folders = [private_folder(tmp_path / "old"), private_folder(tmp_path / "new" / "deep")]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
