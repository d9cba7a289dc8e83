"""
Ten thousand calls of the REST API, made of its own schema: no 5xx, every answer as documented, and
nothing for whoever may not. `--fuzz-calls` says how many, `--fuzz-seed` which.
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import jsonschema
import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client
from knox.models import AuthToken

from audits.models import CodeAudit
from messaging.models import Conversation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.fuzzing_calls import MERCHANT, OURS, PLAIN_STAFF, STAFF, STRANGERS, THEIRS, Call, Fuzz
from tests.test_api_code import new_template

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LOGIN = "/api/v1/auth/token/"
ABOUT_ONESELF = "/api/v1/me/"
CALLS_BETWEEN = 20  # two emptyings of the cache: throttles are not what is tried here
# Of what the framework says itself, before an operation is reached.
ALWAYS = {404, 405, 406, 413, 415, 429}

# What merchants may do with a key of their own.
ACTS_OF_MERCHANTS = (
    *("/messages/", "/testers/", "/bindings/"),
    *("/login/", "/decrypt/", "/phone-number/", "/oauth/user/"),
)

Ask = Callable[[Call], Any]


@pytest.fixture
def schema() -> dict[str, Any]:
    answer = Client().get("/api/schema/", headers={"accept": "application/vnd.oai.openapi+json"})
    return cast(dict[str, Any], json.loads(answer.content))


@pytest.fixture
def ask(bound: Bound, wechat: WeChat, merchant: User, other_merchant: User) -> Ask:
    """Asks as whoever calls. Each of two merchants has an account, with an audit and a user."""
    ours, theirs = bound(OURS), bound(THEIRS, owner=other_merchant)
    new_template(wechat, ours.component)
    for account in (ours, theirs):
        Conversation.objects.create(authorizer=account, openid="o-user")
        CodeAudit.objects.create(
            authorizer=account, appid=account.appid, auditid="7", status=CodeAudit.Status.REJECTED
        )
    plain = User.objects.create_user("plain", is_staff=True)
    staff = User.objects.create_user("works", is_staff=True)
    staff.groups.set(Group.objects.all())
    people = {MERCHANT: merchant, PLAIN_STAFF: plain, STAFF: staff}
    keys = dict(zip(STRANGERS, ("", f"Token {'0' * 64}", "Token", "Bearer x"), strict=True))
    client = Client(raise_request_exception=False)

    def send(call: Call) -> Any:
        if call.caller not in keys:
            keys[call.caller] = f"Token {AuthToken.objects.create(people[call.caller])[1]}"
        proof = {"authorization": keys[call.caller]} if keys[call.caller] else {}
        headers = {**call.headers, **proof}
        answer = client.generic(call.method, call.path, call.body, call.media_type, headers=headers)
        if answer.status_code == 204:  # the key is revoked
            del keys[call.caller]
        return answer

    return send


def test_nothing_breaks_and_nobody_gets_what_is_not_theirs(
    ask: Ask, schema: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    count, seed = (int(request.config.getoption(f"--fuzz-{name}")) for name in ("calls", "seed"))
    answers: Counter[int] = Counter()
    for number, call in enumerate(Fuzz(seed, schema).calls(count), 1):
        if number % CALLS_BETWEEN == 0:
            cache.clear()
        answer = ask(call)
        assert answer.status_code < 500, (number, answer.status_code, call)
        check_right(call, answer.status_code)
        check_documented(call, answer, schema)
        answers[answer.status_code] += 1
    print(f"\n{count} calls, seed {seed}: {dict(sorted(answers.items()))}")


def check_right(call: Call, status: int) -> None:
    """Whoever may not, gets nothing."""
    is_login = call.path.partition("?")[0] == LOGIN and call.method == "POST"
    if is_login or call.method == "OPTIONS" and call.caller not in STRANGERS:
        return
    if call.caller in STRANGERS:
        assert status in {400, 401, 404, 405, 406}, (status, call)
    if status < 300 and LOGIN not in call.path:
        assert call.caller != PLAIN_STAFF or call.template == ABOUT_ONESELF, call
        assert not (call.caller == MERCHANT and call.is_about_others), call
        if call.caller == MERCHANT and call.method == "POST":
            assert call.template.endswith(ACTS_OF_MERCHANTS), call


def check_documented(call: Call, answer: Any, schema: dict[str, Any]) -> None:
    """The status is one of the schema's, and the answer as the schema says."""
    operation = schema["paths"][call.template].get(call.method.lower())
    if answer.status_code >= 400 and call.method != "HEAD":
        assert {"code", "detail", "request_id"} <= set(json.loads(answer.content)), call
    if operation is None or answer.status_code in ALWAYS - {
        int(one) for one in operation["responses"]
    }:
        return
    documented = operation["responses"].get(str(answer.status_code))
    assert documented, (answer.status_code, call)
    content = documented.get("content", {}).get("application/json")
    if content:
        whole = {**content["schema"], "components": schema["components"]}
        jsonschema.validate(json.loads(answer.content), whole)
