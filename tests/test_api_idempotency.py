"""REST: an act with an Idempotency-Key happens once, whatever is asked again, and when."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from api import idempotency
from api.tasks import forget_old_keys
from audits.models import CodeAudit, CodeTemplate, IdempotencyKey
from audits.services import submitting
from miniprograms.models import Authorizer
from sandbox.world import WeChat
from sandbox.world.faults import Fault
from tests.test_api_authorizers import client_of
from tests.test_api_code import APPID, AUDITS, VERSIONS, commit, post, told
from tests.test_api_code import operator as operator
from tests.test_api_code import releaser as releaser
from tests.test_api_code import shop as shop
from tests.test_api_code import template as template
from tests.threads import together

pytestmark = pytest.mark.django_db

SUBMIT = "/wxa/submit_audit"
KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}

Submit = Callable[..., Any]


@pytest.fixture
def submit(operator: Client, shop: Authorizer, template: CodeTemplate) -> Submit:
    """Submits the version that has just been uploaded, under the same key each time."""
    commit(operator, template)

    def send(body: Any = None, *, client: Client = operator, **headers: str) -> Any:
        return post(client, AUDITS, body, **{**KEY, **headers})

    return send


def test_the_same_request_is_answered_again_and_wechat_not_asked(
    submit: Submit, wechat: WeChat
) -> None:
    first, second = submit(), submit()
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert wechat.ledger.count(SUBMIT) == 1


def test_an_unknown_outcome_is_answered_again(submit: Submit, wechat: WeChat) -> None:
    wechat.faults.add(Fault(SUBMIT, drop="after"))
    answers = [submit() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert {answer.json()["status"] for answer in answers} == {"unknown"}
    assert wechat.ledger.count(SUBMIT) == 1


def test_a_refusal_is_answered_again(submit: Submit, wechat: WeChat) -> None:
    wechat.faults.add(Fault(SUBMIT, errcode=85085))
    first, second = submit(), submit()
    assert told(first) == told(second) == (422, "wechat_refused")
    assert first.json() == second.json()
    assert wechat.ledger.count(SUBMIT) == 1


def test_a_conflict_is_answered_again(submit: Submit, wechat: WeChat) -> None:
    submit(**{"idempotency-key": "another"})
    assert submit().json() == submit().json()
    assert told(submit()) == (409, "audit_open")


def test_another_request_with_the_same_key_is_refused(
    submit: Submit, operator: Client, template: CodeTemplate, wechat: WeChat
) -> None:
    submit()
    assert told(submit({"version_desc": "x"})) == (409, "idempotency_key_reused")
    assert told(post(operator, VERSIONS, {}, **KEY)) == (409, "idempotency_key_reused")
    assert wechat.ledger.count(SUBMIT) == 1


def test_the_order_of_members_makes_no_other_request(submit: Submit) -> None:
    first = submit({"version_desc": "x", "order_path": "y"})
    second = submit({"order_path": "y", "version_desc": "x"})
    assert (first.status_code, second.json()) == (201, first.json())


def test_another_persons_key_is_another(submit: Submit, wechat: WeChat) -> None:
    submit()
    boss = User.objects.create_superuser("boss")
    assert told(submit(client=client_of(boss))) == (409, "audit_open")


def test_another_key_is_another_act(submit: Submit, wechat: WeChat) -> None:
    first = submit()
    wechat.judge(APPID, "reject")
    CodeAudit.objects.update(status=CodeAudit.Status.REJECTED)
    assert submit(**{"idempotency-key": "2"}).json()["auditid"] != first.json()["auditid"]


def test_a_request_that_is_still_running(submit: Submit, operator: Client, wechat: WeChat) -> None:
    submit()
    IdempotencyKey.objects.update(status=None)
    assert told(submit()) == (409, "idempotency_key_in_use")
    assert wechat.ledger.count(SUBMIT) == 1


def test_a_crash_in_between_never_repeats_the_act(
    submit: Submit, operator: Client, wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: Any, **kwargs: Any) -> None:
        submitting.submit_newest_version(*args, **kwargs)
        raise RuntimeError("planted")

    operator.raise_request_exception = False
    with monkeypatch.context() as patch:
        crashing = type("Crashing", (), {"submit_newest_version": crash})
        patch.setattr("api.audits.submitting", crashing)
        assert submit().status_code == 500
    assert told(submit()) == (409, "idempotency_key_in_use")
    assert wechat.ledger.count(SUBMIT) == 1


@pytest.mark.parametrize(
    ("body", "fault", "status"),
    [
        ({"nonsense": 1}, None, 400),
        ({}, Fault(SUBMIT, drop="before"), 502),
    ],
)
def test_a_key_under_which_nothing_was_done_may_try_again(
    submit: Submit, wechat: WeChat, body: Any, fault: Fault | None, status: int
) -> None:
    if fault:
        wechat.faults.add(fault)
    assert submit(body).status_code == status
    assert submit().status_code == 201


def test_a_key_is_no_way_around_permissions(submit: Submit, releaser: Client) -> None:
    assert told(submit(client=releaser)) == (403, "permission_denied")
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 129, "schlüssel", "a\tb"])
def test_a_key_that_is_none(submit: Submit, key: str) -> None:
    answer = submit(**{"idempotency-key": key})
    assert told(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == ["Idempotency-Key"]


def test_a_key_is_forgotten_after_a_day(submit: Submit) -> None:
    submit()
    age(hours=23)
    forget_old_keys()
    assert submit()["Idempotency-Replayed"] == "true"
    age(hours=25)
    assert told(submit()) == (409, "audit_open")
    age(hours=25)
    assert idempotency.forget_old_keys() == 1
    assert not IdempotencyKey.objects.exists()


def age(*, hours: int) -> None:
    then = timezone.now() - timedelta(hours=hours)
    IdempotencyKey.objects.update(created_at=then)


@pytest.mark.django_db(transaction=True)
def test_many_at_the_same_moment_are_one_act(submit: Submit, wechat: WeChat) -> None:
    answers = cast(list[Any], together([submit] * 8))
    accepted = [answer for answer in answers if answer.status_code == 201]
    refused = [told(answer) for answer in answers if answer.status_code != 201]
    assert len({answer.json()["auditid"] for answer in accepted}) == 1
    # Or there was no place to wait for WeChat at.
    assert set(refused) <= {(409, "idempotency_key_in_use"), (503, "busy")}
    assert wechat.ledger.count(SUBMIT) == 1
