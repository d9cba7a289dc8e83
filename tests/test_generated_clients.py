"""Clients that are made of our schema compile, in Python and TypeScript, with programs on them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_api_schema import fetch

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

TYPESCRIPT = Path(__file__).with_name("typescript")
SOURCES = ("shop.ts", "tsconfig.json", "package.json")

PROGRAM = """
from platform_client import AuthenticatedClient
from platform_client.api.accounts import authorizers_list
from platform_client.api.messages import authorizers_messages_create
from platform_client.models import Message, MessageText, MsgtypeEnum
from platform_client.models import PaginatedAuthorizerList, Sent, SentStateEnum


def greet(client: AuthenticatedClient, appid: str, touser: str) -> SentStateEnum | None:
    text = MessageText.from_dict({"content": "hello"})
    body = Message(touser=touser, msgtype=MsgtypeEnum.TEXT, text=text)
    answer = authorizers_messages_create.sync(appid, client=client, body=body)
    return answer.state if isinstance(answer, Sent) else None


def wrong(client: AuthenticatedClient, appid: str) -> None:
    authorizers_messages_create.sync(appid, client=client, body=7)  # type: ignore[arg-type]


def names(client: AuthenticatedClient) -> list[str]:
    answer = authorizers_list.sync(client=client)
    if not isinstance(answer, PaginatedAuthorizerList):
        return []
    return [account.nick_name for account in answer.results]


AuthenticatedClient(base_url="https://platform.example.com", token="wxp_")
"""


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(fetch("en")))
    return path


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_client_in_python(schema: Path, tmp_path: Path) -> None:
    pictures = "  image/jpeg: application/octet-stream\n"
    config = f"post_hooks: []\ncontent_type_overrides:\n{pictures}"
    (tmp_path / "config.yml").write_text(config)
    options = [
        "--path",
        str(schema),
        "--meta",
        "none",
        "--config",
        "config.yml",
        "--fail-on-warning",
    ]
    client = ["--output-path", "platform_client"]
    made = (sys.executable, "-m", "openapi_python_client", "generate", *options, *client)
    run(*made, cwd=tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    run(sys.executable, "-m", "compileall", "-q", "platform_client", cwd=tmp_path)
    strictly = (sys.executable, "-m", "mypy", "--strict", "--no-incremental")
    run(*strictly, "program.py", "platform_client", cwd=tmp_path)
    run(sys.executable, "program.py", cwd=tmp_path)


@pytest.fixture
def node_modules() -> Path:
    """What package-lock.json names, installed as `.ci/run` does if it is not there yet."""
    if shutil.which("npm") is None:
        if os.environ.get("REQUIRE_NPM") == "1":
            pytest.fail("REQUIRE_NPM=1, but there is no npm")
        pytest.skip("needs npm")
    modules = TYPESCRIPT / "node_modules"
    if not (modules / ".bin" / "tsc").exists():
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=TYPESCRIPT)
    return modules


def test_a_client_in_typescript(schema: Path, node_modules: Path, tmp_path: Path) -> None:
    for name in SOURCES:
        shutil.copy(TYPESCRIPT / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(node_modules)
    binaries = node_modules / ".bin"
    run(binaries / "openapi-typescript", schema, "--output", "schema.d.ts", cwd=tmp_path)
    run(binaries / "tsc", "--project", tmp_path, cwd=tmp_path)
