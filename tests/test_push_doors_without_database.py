"""A push that cannot be kept is answered 503, so that WeChat sends it again."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from platform_auth.fields import Sealed
from platform_auth.models import Component, Push
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN, Bound
from tests.knocking import (
    COMPONENT_DOOR,
    FORBIDDEN,
    SUCCESS,
    UNAVAILABLE,
    at_the_door,
    message_push,
    send,
    ticket_push,
    without_database,
)
from tests.threads import together

OURS = "wxaaaaaaaaaaaaaaaa"


@pytest.mark.django_db
def test_without_a_database_a_push_is_to_be_sent_again(wechat: WeChat, bound: Bound) -> None:
    bound(OURS)
    Push.objects.all().delete()
    for push in (ticket_push(wechat), message_push(wechat, OURS)):
        assert without_database(push.answer) == UNAVAILABLE
    assert not Push.objects.exists()


@pytest.mark.django_db
def test_a_forged_push_too_and_nobody_learns_which_it_was(wechat: WeChat, bound: Bound) -> None:
    bound(OURS)
    push = ticket_push(wechat, msg_signature="0" * 40)
    assert without_database(push.answer) == UNAVAILABLE


@pytest.mark.django_db
def test_what_is_no_push_at_all_needs_no_database_to_be_refused() -> None:
    assert without_database(lambda: send("POST", COMPONENT_DOOR, "", b"no")) == FORBIDDEN


@pytest.mark.django_db
def test_the_same_push_is_kept_once_the_database_is_back(wechat: WeChat, ticket: str) -> None:
    push = ticket_push(wechat, create_time=int(wechat.clock()) + 60)
    assert without_database(push.answer) == UNAVAILABLE
    assert push.answer() == SUCCESS
    assert Push.objects.filter(state=Push.State.DONE).count() == 2


@pytest.mark.django_db
def test_a_component_whose_keys_are_lost_does_not_stop_the_others(
    wechat: WeChat, ticket: str
) -> None:
    other = wechat.register_component(
        appid="wxfedcba9876543210", secret="f" * 32, token="othertoken", aes_key=AES_KEY
    )
    register_component(appid=other.appid, secret="f" * 32, token="othertoken", aes_key=AES_KEY)
    lost = Component.objects.filter(appid=APPID)
    lost.update(aes_key=Sealed("sealed:00000000:eA=="))
    theirs = wechat.push(
        "component_verify_ticket", {"ComponentVerifyTicket": "ticket@@@theirs"}, component=other
    )
    ours = ticket_push(wechat, create_time=int(wechat.clock()) + 60)
    assert at_the_door(theirs.sealed).answer() == SUCCESS
    assert ours.answer() == UNAVAILABLE
    register_component(
        appid=APPID, secret="5" * 32, token=TOKEN, aes_key=AES_KEY, replaces_unreadable=True
    )
    assert ours.answer() == SUCCESS


@pytest.mark.django_db
def test_a_ticket_is_kept_though_the_one_before_cannot_be_read(wechat: WeChat, ticket: str) -> None:
    Component.objects.update(verify_ticket=Sealed("sealed:00000000:eA=="))
    push = ticket_push(wechat, create_time=int(wechat.clock()) + 60)
    assert push.answer() == SUCCESS
    component = Component.objects.get()
    assert component.verify_ticket == f"ticket@@@{'t' * 86}"
    assert component.previous_ticket == ""


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_connections_that_the_server_ends_are_replaced(wechat: WeChat, bound: Bound) -> None:
    bound(OURS)
    told = connection.settings_dict
    for _ in range(5):
        with psycopg.connect(
            host=told["HOST"], port=told["PORT"], user=told["USER"], password=told["PASSWORD"],
            dbname="postgres", autocommit=True,
        ) as other:  # fmt: skip
            other.execute(
                # Waits until it is done: a connection that ends in mid-answer is a 503 instead.
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                [told["NAME"]],
            )
        [answer] = together([message_push(wechat, OURS).answer])
        assert answer == SUCCESS
    connection.close()  # the test's own was ended too


UNREADABLE_APP = """
import os, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
call_command("migrate", verbosity=0)
connection.close()
path = connection.settings_dict["NAME"]
os.rename(path, path + ".away")
os.mkdir(path)
from tests.knocking import send, COMPONENT_DOOR
body = b"<xml><AppId>wx0123456789abcdef</AppId><Encrypt>x</Encrypt></xml>"
print(send("POST", COMPONENT_DOOR, "", body).status)
print(send("GET", "/readyz", "", b"").status, send("GET", "/healthz", "", b"").status)
os.rmdir(path)
os.rename(path + ".away", path)
print(send("POST", COMPONENT_DOOR, "", body).status)
"""


def test_a_database_file_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", UNREADABLE_APP],
        capture_output=True,
        check=False,
        env=environment,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["503", "503", "200", "403"], done.stderr[-2000:]
