"""
Schemathesis on our own schema, all its phases: no answer is a server error, none is outside the
schema, and none comes without a key. `--schema-examples` says how many examples an operation gets.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socketserver import StreamRequestHandler
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from audits.models import Campaign, CampaignItem, CodeAudit
from messaging.models import Conversation
from platform_auth.client_models import SCOPES, ApiClient
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.fuzzing_calls import OURS
from tests.test_api_clients import make_key
from tests.test_api_code import new_template

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

RULES = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def key(
    bound: Bound, wechat: WeChat, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Of a client that may do everything, to an account with something of each kind."""
    account = bound(OURS)
    template = new_template(wechat, account.component)
    Conversation.objects.create(authorizer=account, openid="o-user")
    CodeAudit.objects.create(
        authorizer=account, appid=OURS, auditid="7", status=CodeAudit.Status.REJECTED
    )
    campaign = Campaign.objects.create(pk=1, template=template, user_version="2", state="prepared")
    CampaignItem.objects.create(campaign=campaign, authorizer=account, state="waiting")
    # Throttles count in the cache, and are not what is tried here.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    # Each answer is otherwise 40 ms late.
    monkeypatch.setattr(StreamRequestHandler, "disable_nagle_algorithm", True)
    made = make_key(User.objects.create_superuser("boss"), *SCOPES)
    ApiClient.objects.update(rate=1_000_000)
    yield made
    wechat.ledger.clear()  # the gateway was asked for paths that WeChat does not have


def test_every_answer_is_in_the_schema(
    live_server: LiveServer, key: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    count, seed = map(request.config.getoption, ("--schema-examples", "--fuzz-seed"))
    schema = f"{live_server.url}/api/schema/?format=json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(RULES)),
            *("run", schema, f"--max-examples={count}", f"--seed={seed}", "--no-color"),
        ],
        cwd=tmp_path,
        env={"SCHEMATHESIS_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
