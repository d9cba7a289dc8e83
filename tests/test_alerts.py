"""
Every alarm of deploy/alerts.yml: the fault it is for, made by the product, gives /metrics the value
that its rule waits for. That the rules fire by such values, within two minutes, and never in a
clean hour, promtool shows by deploy/alerts.test.yml, and `python -m tests.alarms` by processes.
"""

import json
import os
import re
import shutil
import socket
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import signals
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from audits.models import CodeAudit
from config.admission import admission
from config.celery import app
from messaging import tasks as messaging_tasks
from messaging.models import Delivery, Reply, Target
from messaging.services.customer_service import send_message
from messaging.services.forwarding.outcomes import give_up_overdue
from miniprograms.models import Authorizer
from miniprograms.services.refreshing import sweep
from platform_auth import heartbeats, wakeup
from platform_auth.models import Component, DuePush, Heartbeat
from platform_auth.odd_rows import count_odd_rows
from platform_auth.tasks import keep_component_tokens
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.accounts import make_due_account
from tests.chatting import Chat
from tests.chatting import shop as shop
from tests.conftest import APPID, Bound
from tests.desk import Desk
from tests.desk import desk as desk
from tests.forwards import IS_DOWN, Town
from tests.forwards import town as town
from tests.knocking import send, ticket_push, without_database
from tests.measures import Measures, measured, risen
from webhooks import tasks
from webhooks.counts import SHED
from wechat.replies import Text

DEPLOY = Path(__file__).parent.parent / "deploy"
TOKEN = "/cgi-bin/component/api_component_token"
REFRESH = "/cgi-bin/component/api_authorizer_token"
SEND = "/cgi-bin/message/custom/send"
SUBMIT = "/wxa/submit_audit"
WORKER = heartbeats.worker("celery@one")

# Sweeps work in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before(db: None) -> Measures:
    return measured()


# The files


def alarms() -> set[str]:
    return set(re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))


def test_each_alarm_has_a_fault_here_and_in_promtools_tests() -> None:
    here = Path(__file__).read_text()
    named = set(re.findall(r'^    """(\w+):', here, re.MULTILINE))
    # `up` is Prometheus' own, as is a series that was never there.
    assert alarms() - named == {"WebAway", "NothingStarted", "AddressRefused"}
    tested = set(re.findall(r'- name: "(\w+):', (DEPLOY / "alerts.test.yml").read_text()))
    assert tested == alarms()


@pytest.mark.parametrize("file", ["alerts.yml", "alerts.test.yml", "grafana-dashboard.json"])
def test_what_is_named_is_measured(file: str, ticket: str, bound: Bound) -> None:
    bound()
    heartbeats.beat("beat")
    heartbeats.beat(WORKER)
    Heartbeat.objects.create(name="worker@host-b", skew=0)
    count_odd_rows("/wxa/gettemplatelist", 1)
    Client().post("/wechat/component/push/", b"", content_type="text/xml")
    names = {name for name, _labels in measured()}
    named = set(re.findall(r"\b(?:wechat|bell)_[a-z_]+\b", (DEPLOY / file).read_text()))
    assert named
    assert named <= names


@pytest.mark.parametrize(
    "words", [("check", "config", "prometheus.yml"), ("test", "rules", "alerts.test.yml")]
)
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    tool = shutil.which("promtool")
    if tool is None and not os.environ.get("REQUIRE_SERVERS"):
        pytest.skip("there is no promtool")
    assert tool, "Debian has it in prometheus"
    done = subprocess.run([tool, *words], cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Nobody answers


def test_no_database() -> None:
    """NothingMeasured: and so it is absent."""
    answer: Any = without_database(lambda: Client().get("/metrics"))
    assert answer.status_code == 503


@pytest.fixture
def silent_redis(settings: LazySettings) -> Any:
    """It takes connections, and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        settings.REDIS_URL = f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
        yield


def test_a_frozen_broker(before: Measures, silent_redis: None, ticket: str) -> None:
    """BrokerAway: within a second; the web does its work without it, and says so."""
    assert before["wechat_broker_up", ""] == 1
    assert measured()["wechat_broker_up", ""] == 0
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "problems": [], "warnings": ["broker"]}


# Nobody works


def test_one_dead_worker_of_two(db: None) -> None:
    """WorkerGone: each has a heartbeat of its own, which ends with it or is missed for an hour."""
    heartbeats.beat(heartbeats.worker("celery@two"))
    heartbeats.beat(WORKER)
    Heartbeat.objects.filter(pk=WORKER).update(at=Now() - timedelta(seconds=100))
    told = measured()
    assert told["wechat_worker_age_seconds", "celery@one"] > 90
    assert told["wechat_worker_age_seconds", "celery@two"] < 90
    Heartbeat.objects.filter(pk=WORKER).update(at=Now() - timedelta(hours=1))
    assert ("wechat_worker_age_seconds", "celery@one") not in measured()


def test_a_dead_beat(db: None) -> None:
    """BeatGone: though workers do its work."""
    heartbeats.beat("beat")
    Heartbeat.objects.update(at=Now() - timedelta(seconds=61))
    assert measured()["wechat_job_age_seconds", "beat"] > 60


def test_a_job_that_does_not_run(db: None) -> None:
    """JobLate: by its own interval."""
    messaging_tasks.send_replies()
    Heartbeat.objects.update(at=Now() - timedelta(seconds=70))
    told = measured()
    interval = told["wechat_job_interval_seconds", "send_replies"]
    assert told["wechat_job_age_seconds", "send_replies"] > 45 + 2 * interval


def test_a_push_that_nobody_works_out(shop: Chat) -> None:
    """WorkLate: since when the oldest is due, and how many there are."""
    shop.wechat.say(shop.account.appid, shop.openid, "在吗")
    shop.wechat.deliver_all(_without_worker)
    DuePush.objects.update(due_at=Now() - timedelta(seconds=50))
    told = measured()
    assert 50 <= told["wechat_overdue_seconds", "pushes"] < 60
    assert told["wechat_pushes_due", ""] == 1
    tasks.process_pushes()
    assert measured()["wechat_overdue_seconds", "pushes"] == 0


def _without_worker(url: str, params: Any, body: bytes, headers: Any) -> tuple[int, bytes]:
    path = url.removeprefix("http://testserver")
    answer = Client().post(path, body, content_type="text/xml", query_params=dict(params))
    return answer.status_code, answer.content


def test_a_token_that_nobody_refreshes(bound: Bound) -> None:
    """SweepLate: also of whatever else is due at a time."""
    bound()
    Authorizer.objects.update(due_at=Now() - timedelta(seconds=100), lease_until=None)
    assert measured()["wechat_overdue_seconds", "authorizer tokens"] > 90


def test_tasks_that_nobody_takes(db: None) -> None:
    """TasksPileUp: in each queue."""
    app.control.purge()
    try:
        for _ in range(20):
            app.send_task("of.another.release", queue="celery")
        assert measured()["wechat_queue_length", "celery"] == 20
    finally:
        app.control.purge()


def test_tasks_that_are_thrown_away(before: Measures) -> None:
    """TasksDiscarded: by whatever worker."""
    signals.task_unknown.send(sender=None)
    assert risen(before)["wechat_tasks_discarded_total", ""] == 1


def test_wake_ups_for_which_there_is_no_room(before: Measures) -> None:
    """WakeUpsMissed: the queue of the broker takes no more."""
    app.control.purge()
    try:
        for _ in range(wakeup.QUEUE_LIMIT):
            app.send_task("of.another.release", queue="celery")
        tasks.process_pushes.apply_async()
        assert risen(before)["bell_missed_total", ""] == 1
    finally:
        app.control.purge()


# WeChat to us


def test_a_late_ticket(ticket: str) -> None:
    """TicketLate: the last one works on for twelve hours."""
    Component.objects.update(ticket_received_at=Now() - timedelta(seconds=1801))
    assert measured()["wechat_ticket_age_seconds", APPID] > 1800


def test_no_ticket_at_all(component: Component) -> None:
    """TicketMissing: of a component that never had one, since it is here."""
    Component.objects.update(created_at=Now() - timedelta(hours=2, seconds=1))
    assert measured()["wechat_ticket_age_seconds", APPID] > 7200


def test_pushes_that_have_stopped(ticket: str) -> None:
    """WeChatSilent: as `test_silence` shows, after a minute and a half."""
    Component.objects.update(silent_since=Now() - timedelta(seconds=90))
    assert measured()["wechat_silent_seconds", APPID] >= 90


def test_pushes_that_are_refused(before: Measures, wechat: WeChat, component: Component) -> None:
    """PushesRefused: WeChat signs with another token than ours."""
    wechat.component.token = "another" * 4
    for _ in range(21):
        assert ticket_push(wechat).answer().status == 403
    assert risen(before)["wechat_pushes_refused_total", "component/signature"] == 21


def test_pushes_that_are_answered_503(
    before: Measures, wechat: WeChat, component: Component
) -> None:
    """PushesUnavailable: counted all the same, and told once the database is back."""
    push = ticket_push(wechat)
    answer: Any = without_database(push.answer)
    assert answer.status == 503
    assert risen(before)["wechat_pushes_unavailable_total", "component/database"] == 1


def test_requests_that_are_turned_away(before: Measures) -> None:
    """RequestsShed: `test_admission` shows when."""
    door = admission(lambda environ, start_response: iter([b""]), 1, SHED.add)
    for _ in range(2):  # the first has its place until it is closed
        door({"PATH_INFO": "/portal/"}, lambda *_: None)
    assert risen(before)["wechat_requests_shed_total", "page"] == 1


def test_a_clock_that_is_wrong(db: None) -> None:
    """ClockSkew: `test_clocks` shows how it is measured."""
    Heartbeat.objects.create(name="worker@host-b", skew=-30)
    told = measured()
    # Prometheus' text sorts labels by name.
    assert told["wechat_clock_skew_seconds", "host-b/worker"] == -30


def test_pushes_that_fail(wechat: WeChat, component: Component, deliver: Deliver) -> None:
    """PushesFailed: and what came of pushes, by their kind."""
    before = measured()
    wechat.push("component_verify_ticket", {})
    [delivery] = wechat.deliver_all(deliver)
    assert delivery.status == 200
    told = risen(before)
    assert told["wechat_pushes_failed", ""] == 1
    kind = "component_verify_ticket"
    assert told["wechat_pushes_worked_out_total", f"{kind}/failed"] == 1
    assert told["wechat_pushes_accepted_total", f"component/{kind}/new"] == 1


# We to WeChat


def make_due() -> None:
    Component.objects.update(due_at=Now(), access_token_expires=1, lease_until=None)


def test_wechat_that_is_not_there(before: Measures, wechat: WeChat, ticket: str) -> None:
    """WeChatFails: whatever the reason that there is no answer."""
    wechat.fault(TOKEN, None, status=502)
    make_due()
    keep_component_tokens()
    assert risen(before)["wechat_api_calls_total", f"{TOKEN}/Unreachable"] >= 2


def test_how_long_wechat_takes(before: Measures, wechat: WeChat, ticket: str) -> None:
    """WeChatSlow: by endpoint."""
    wechat.fault(TOKEN, delay=0.3)
    make_due()
    keep_component_tokens()
    told = risen(before)
    assert told["wechat_api_seconds_bucket", f"{TOKEN}/0.25"] == 0
    assert told["wechat_api_seconds_bucket", f"{TOKEN}/+Inf"] == 1
    assert told["wechat_api_seconds_count", TOKEN] == 1
    assert told["wechat_api_seconds_sum", TOKEN] > 0.3


def test_no_component_token(wechat: WeChat, ticket: str) -> None:
    """ComponentTokenFails: twice in a row."""
    wechat.fault(TOKEN, None, errcode=40125)
    for _ in range(2):
        make_due()
        keep_component_tokens()
    assert measured()["wechat_component_failures", APPID] == 2


def test_refreshes_that_fail(
    before: Measures, wechat: WeChat, component: Component, ticket: str
) -> None:
    """TokenRefreshFails: each account's."""
    for _ in range(11):
        make_due_account(wechat, component)
    wechat.fault(REFRESH, None, errcode=48001)
    sweep()
    told = risen(before)
    assert told["wechat_api_calls_total", f"{REFRESH}/48001"] >= 11


def test_an_errcode_that_nobody_knows_makes_no_series(
    before: Measures, wechat: WeChat, ticket: str
) -> None:
    wechat.fault(TOKEN, errcode=1234567)
    make_due()
    keep_component_tokens()
    assert risen(before)["wechat_api_calls_total", f"{TOKEN}/other"] == 1


@pytest.mark.parametrize("errcode", [45009, 61004])
def test_quotas_and_addresses(before: Measures, wechat: WeChat, ticket: str, errcode: int) -> None:
    """QuotaUsedUp: and AddressRefused."""
    wechat.fault(TOKEN, errcode=errcode)
    make_due()
    keep_component_tokens()
    assert risen(before)["wechat_api_calls_total", f"{TOKEN}/{errcode}"] == 1


def test_an_answer_that_is_lost(desk: Desk) -> None:
    """OutcomeUnknown: how old the oldest is."""
    desk.lose(SUBMIT)
    desk.submit()
    CodeAudit.objects.update(create_time=Now() - timedelta(seconds=200))
    told = measured()
    assert told["wechat_outcomes_unknown", "audits"] == 1
    assert told["wechat_outcomes_unknown_seconds", "audits"] >= 200
    assert told["wechat_audits_open", "under 1 day"] == 1
    CodeAudit.objects.update(create_time=Now() - timedelta(days=4))
    assert measured()["wechat_audits_open", "3 to 7 days"] == 1


def test_a_message_that_was_perhaps_sent(before: Measures, shop: Chat, staff: User) -> None:
    """ReplyPerhapsSent: nobody can ask WeChat."""
    shop.say("在吗")
    shop.wechat.fault(SEND, drop="after")
    reply = send_message(shop.conversation, Text("在"), by=staff)
    assert reply.state == Reply.State.UNKNOWN
    Reply.objects.update(lease_until=None)
    told = risen(before)
    assert told["wechat_outcomes_unknown", "replies"] == 1
    assert told["wechat_replies_total", "unknown"] == 1


# We to others


def test_a_target_that_is_down(before: Measures, town: Town) -> None:
    """ForwardsFail: attempts by what came of them."""
    town.backend(IS_DOWN)
    town.say(*[("openid1", str(number)) for number in range(3)], ("openid2", "x"))
    messaging_tasks.forward()
    told = risen(before)
    assert told["wechat_delivery_attempts_total", "failed"] >= 1
    assert told["wechat_delivery_attempts_total", "delivered"] == 0
    assert Target.objects.get().failures


def test_deliveries_that_are_given_up(before: Measures, town: Town) -> None:
    """DeliveriesGivenUp: after a day."""
    town.backend(IS_DOWN)
    town.say(("openid1", "x"))
    Delivery.objects.update(give_up_at=Now())
    give_up_overdue()
    assert risen(before)["wechat_delivery_attempts_total", "given up"] == 1


def test_pages_that_fail(before: Measures) -> None:
    """PagesFail: whoever asked for them."""
    key = b'{"username": "merchant", "password": "merchant-password"}'
    answer: Any = without_database(
        lambda: send(
            "POST", "/api/v1/auth/token/", "", key, environ={"CONTENT_TYPE": "application/json"}
        )
    )
    assert answer.status >= 500
    assert risen(before)["wechat_pages_failed_total", ""] == 1


# Counts


def test_a_new_series_is_shown_as_zero_first(wechat: WeChat, ticket: str) -> None:
    """So that Prometheus sees it rise: of one that begins at 1 it takes the one for granted."""
    name = ("wechat_api_calls_total", f"{TOKEN}/61004")
    wechat.fault(TOKEN, errcode=61004)
    make_due()
    keep_component_tokens()
    assert measured()[name] == 0
    assert risen({})[name] >= 1


def test_all_processes_tell_the_same(before: Measures) -> None:
    """What one has counted and written, another tells."""
    wakeup.MISSED_WAKE_UPS.add()
    first = risen(before)["bell_missed_total", ""]
    second = risen(before)["bell_missed_total", ""]
    assert first == second == 1


def test_the_dashboard_is_one() -> None:
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    assert board["title"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
