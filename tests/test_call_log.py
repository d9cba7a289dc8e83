"""Every call to WeChat is a row: whose, what came of it, who asked; never a token or a body."""

import http.client
import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from config import metrics
from miniprograms import tasks, tokens
from miniprograms.models import Authorizer
from platform_auth import call_log
from platform_auth.models import Component, Operation, WeChatCall
from platform_auth.tasks import forget_old_calls
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.processes import celery, served, web
from tests.test_api_clients import bearer, make_key
from wechat import code_release
from wechat.calls import EndedCall
from wechat.errors import Refused, WeChatError

pytestmark = pytest.mark.django_db

LIST = "/admin/platform_auth/wechatcall/"
VISITS = "/wxa/getvisitstatus"
REFRESH = "/cgi-bin/component/api_authorizer_token"
CALL = EndedCall("/wxa/x", "wx0", "0", "", 0.02, 1)


@pytest.fixture
def account(bound: Bound) -> Authorizer:
    account = bound()
    call_log.discard()
    return account


@pytest.fixture
def boss(db: None) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("boss"))
    return client


def rows(**conditions: Any) -> list[WeChatCall]:
    call_log.write()
    return list(WeChatCall.objects.filter(**conditions).order_by("pk"))


def paths_in(browser: Client, **query: str) -> list[str]:
    """What the list shows."""
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return [row.path for row in answer.context["cl"].result_list]


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_call_is_a_row(account: Authorizer, wechat: WeChat) -> None:
    began = timezone.now()
    tokens.call_as(account.appid, code_release.is_open_to_visits)
    [row] = rows()
    assert (row.appid, row.path, row.outcome, row.rid) == (account.appid, VISITS, "0", "")
    assert (row.attempt, row.asked_by, row.client_id) == (1, "", None)
    assert began - timedelta(seconds=1) < row.at <= timezone.now()


def test_a_refusal_has_its_errcode_and_rid(account: Authorizer) -> None:
    with pytest.raises(Refused) as caught:
        tokens.call_as(account.appid, code_release.set_support_version, "nonsense")
    [row] = rows()
    assert (row.outcome, row.rid) == (str(caught.value.errcode), caught.value.rid)
    assert row.rid


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"drop": "before"}, "NotSent"),
        ({"drop": "after"}, "Unreachable"),
        ({"body": b"<html>"}, "BadAnswer"),
    ],
)
def test_what_had_no_answer_says_which_kind(
    account: Authorizer, wechat: WeChat, fault: dict[str, Any], outcome: str
) -> None:
    wechat.fault(VISITS, times=None, **fault)
    with pytest.raises(WeChatError):
        tokens.call_as(account.appid, code_release.is_open_to_visits)
    assert {(row.outcome, row.appid) for row in rows()} == {(outcome, account.appid)}


def test_each_attempt_is_a_row(account: Authorizer, wechat: WeChat) -> None:
    wechat.fault(VISITS, errcode=-1)
    wechat.fault(VISITS, errcode=40001)
    tokens.call_as(account.appid, code_release.is_open_to_visits)
    tried = [(row.outcome, row.attempt) for row in rows(path=VISITS)]
    assert tried == [("-1", 1), ("40001", 2), ("0", 2)] or tried == [
        ("40001", 1),
        ("-1", 2),
        ("0", 3),
    ]
    assert [row.appid for row in rows(path=REFRESH)] == [account.appid]


def test_a_call_of_the_platform_is_the_components(
    component: Component, ticket: str, wechat: WeChat
) -> None:
    list(tokens.list_pages(component))
    assert {row.appid for row in rows()} == {component.appid}


def test_each_of_a_sweep_is_a_row_of_its_account(
    bound: Bound, wechat: WeChat, component: Component
) -> None:
    accounts = {bound().appid for _ in range(5)}
    Authorizer.objects.update(due_at=Now())
    call_log.discard()
    tasks.refresh_tokens()
    written = rows(path=REFRESH)
    assert {row.appid for row in written} == accounts
    assert len(written) == len(accounts)


def test_a_job_is_named(account: Authorizer, wechat: WeChat) -> None:
    Authorizer.objects.update(due_at=Now())
    with call_log.asked_by(lambda: call_log.Asker("miniprograms.tasks.refresh_tokens")):
        tasks.refresh_tokens()
    assert {row.asked_by for row in rows()} == {"miniprograms.tasks.refresh_tokens"}


def test_a_person_a_client_and_the_request_are_named(
    account: Authorizer, merchant: User, boss: Client
) -> None:
    client = bearer(make_key(merchant, "wechat:call", name="till"))
    address = f"/api/v1/authorizers/{account.appid}/wechat/wxa/get_category"
    answer = client.get(address)
    assert answer.status_code == 200
    boss.get(f"/admin/miniprograms/authorizer/{account.pk}/calls/", {"path": "/wxa/get_page"})
    by_client, by_person = rows()
    assert (by_client.path, by_client.asked_by) == ("/wxa/get_category", merchant.username)
    assert by_client.client_id == merchant.api_clients.get().pk
    assert by_client.request_id == answer["X-Request-ID"]
    assert (by_person.asked_by, by_person.client_id) == ("boss", None)
    assert "merchant · till" in text_of(boss.get(LIST))


def test_what_other_programs_call_is_measured_by_paths_that_wechat_has(
    account: Authorizer, merchant: User, wechat: WeChat
) -> None:
    client = bearer(make_key(merchant, "wechat:call", name="till"))
    address = f"/api/v1/authorizers/{account.appid}/wechat"
    wechat.fault("/wxa/made_up", times=None, status=404, body=b"no such page")
    assert client.get(f"{address}/wxa/made_up").status_code == 404
    wechat.ledger.clear()  # or the fixture finds a path that WeChat does not have
    client.get(f"{address}/wxa/get_category")
    wechat.fault("/wxa/get_category", errcode=40013)
    client.get(f"{address}/wxa/get_category")
    text = metrics.exposition().decode()
    for endpoint, errcode in (
        ("/wxa/get_category", "0"),
        ("/wxa/get_category", "40013"),
        ("relayed", "BadAnswer"),
    ):
        assert f'wechat_api_calls_total{{endpoint="{endpoint}",errcode="{errcode}"}}' in text
    assert "made_up" not in text
    assert [row.outcome for row in rows()] == ["BadAnswer", "0", "40013"]


def test_no_token_is_in_any_row(bound: Bound, wechat: WeChat) -> None:
    account = bound()
    Authorizer.objects.update(due_at=Now())
    tasks.refresh_tokens()
    tokens.call_as(account.appid, code_release.is_open_to_visits)
    rows()
    account.refresh_from_db()
    component = Component.objects.get()
    secrets = [account.access_token, account.refresh_token, component.access_token]
    secrets += [component.app_secret, component.verify_ticket]
    text = str(list(WeChatCall.objects.values_list()))
    assert text
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("term", ["appid", "rid", "request_id"])
def test_staff_find_a_call_by_what_they_have(boss: Client, term: str) -> None:
    for number in (1, 2):
        WeChatCall.objects.create(
            at=timezone.now(),
            appid=f"wx{number:016}",
            path=f"/wxa/path{number}",
            outcome="40001",
            rid=f"65f0-{number}",
            request_id=str(number) * 32,
            milliseconds=3,
            attempt=1,
        )
    first = WeChatCall.objects.order_by("pk")[0]
    assert paths_in(boss, q=getattr(first, term)) == ["/wxa/path1"]
    assert paths_in(boss, q="/wxa/path2") == ["/wxa/path2"]
    assert paths_in(boss, q=f"/wxa/path2 {first.appid}") == []


def test_the_list_is_narrowed_by_outcome_and_client(boss: Client, account: Authorizer) -> None:
    made = {"at": timezone.now(), "milliseconds": 3, "attempt": 1}
    WeChatCall.objects.create(path="/wxa/well", outcome="0", client_id=7, **made)
    WeChatCall.objects.create(path="/wxa/refused", outcome="40001", **made)
    WeChatCall.objects.create(path="/wxa/silent", outcome="NotSent", **made)
    for query, path in [
        ({"outcome": "well"}, "/wxa/well"),
        ({"outcome": "refused"}, "/wxa/refused"),
        ({"outcome": "unanswered"}, "/wxa/silent"),
        ({"client": "7"}, "/wxa/well"),
    ]:
        assert paths_in(boss, **query) == [path]
    assert paths_in(boss, client="nonsense") == []


def test_a_row_explains_itself_and_leads_to_wechat(boss: Client, account: Authorizer) -> None:
    with pytest.raises(Refused) as caught:
        tokens.call_as(account.appid, code_release.set_support_version, "nonsense")
    [row] = rows()
    page = text_of(boss.get(f"{LIST}{row.pk}/change/"))
    address = f"/admin/miniprograms/authorizer/{account.pk}/calls/?rid={caught.value.rid}"
    assert address in page
    assert "nonsense" in text_of(boss.get(address))


def test_the_pages_of_account_client_and_operation_lead_there(
    boss: Client, account: Authorizer, merchant: User
) -> None:
    client = merchant.api_clients.create(name="till", scopes=[])
    answer = boss.get(f"/admin/miniprograms/authorizer/{account.pk}/call-log/")
    assert answer["Location"] == f"{LIST}?q={account.appid}"
    answer = boss.get(f"/admin/platform_auth/apiclient/{client.pk}/call-log/")
    assert answer["Location"] == f"{LIST}?client={client.pk}"
    operation = Operation.objects.create(
        actor_name="x", action="release", result="/wxa/release: 1 no (rid 65f0-1a)", request_id="ab"
    )
    page = text_of(boss.get(f"/admin/platform_auth/operation/{operation.pk}/change/"))
    assert f"{LIST}?q=65f0-1a" in page
    assert f"{LIST}?q=ab" in page
    Operation.objects.create(
        actor_name="x", action="release", appid=account.appid, result="rid 7-a"
    )
    page = text_of(boss.get(f"/admin/miniprograms/authorizer/{account.pk}/change/"))
    assert f"{LIST}?q=7-a" in page


def test_operators_may_look_and_merchants_not(staff: User, merchant: User) -> None:
    browser = Client()
    browser.force_login(staff)
    assert browser.get(LIST).status_code == 200
    browser.force_login(merchant)
    assert browser.get(LIST).status_code == 302


def test_old_calls_are_forgotten(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CALL_LOG_DAYS = 7
    monkeypatch.setattr(call_log, "DELETED_AT_ONCE", 3)
    for days in (9, 8, 8, 8, 8, 6, 0):
        WeChatCall.objects.create(
            at=timezone.now() - timedelta(days=days), outcome="0", milliseconds=days, attempt=1
        )
    forget_old_calls()
    assert list(WeChatCall.objects.order_by("pk").values_list("milliseconds", flat=True)) == [6, 0]


def unlogged() -> float:
    found = re.search(r"\nwechat_calls_unlogged_total (\S+)", metrics.exposition().decode())
    assert found
    return float(found[1])


def test_what_does_not_fit_is_counted_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "MOST", 5)
    before = unlogged()
    for _ in range(8):
        call_log.keep_call(CALL)
    assert len(rows()) == 5
    assert unlogged() - before == 3


@pytest.mark.django_db(transaction=True)
def test_without_a_database_rows_wait() -> None:
    call_log.keep_call(CALL)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE platform_auth_wechatcall RENAME TO away")
        with pytest.raises(DatabaseError):
            call_log.write()
        cursor.execute("ALTER TABLE away RENAME TO platform_auth_wechatcall")
    call_log.keep_call(CALL)
    assert len(rows()) == 2


def test_what_no_column_takes_is_in_nobodys_way() -> None:
    call_log.keep_call(EndedCall("/wxa/\0", "wx0", "0", "", 0.1, 1))
    call_log.keep_call(CALL)
    call_log.write()
    call_log.keep_call(CALL)
    assert rows(path=CALL.path)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_server_and_a_worker_write_by_themselves_and_at_their_end(
    account: Authorizer, merchant: User, wechat: WeChat, tmp_path: Path
) -> None:
    key = make_key(merchant, "wechat:call", name="till")
    path = f"/api/v1/authorizers/{account.appid}/wechat/wxa/get_category"
    with served(wechat), web(wechat, tmp_path) as port:
        ask(port, path, key)
        wait_until(lambda: WeChatCall.objects.count() == 1)
        ask(port, path, key)
    assert WeChatCall.objects.count() == 2
    Authorizer.objects.update(due_at=Now())
    with served(wechat), celery(wechat, tmp_path, "worker", "-c", "1") as worker:
        wait_until(lambda: wechat.count(REFRESH) > 0)
        worker.terminate()
        worker.wait(30)
    [row] = WeChatCall.objects.filter(path=REFRESH)
    assert row.asked_by == "miniprograms.tasks.refresh_tokens"


def ask(port: int, path: str, key: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        assert connection.getresponse().status == 200


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.1)
