"""manage.py is_alive and seed_demo."""

import io
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from messaging.models import CannedReply, Rule, Target
from messaging.services import targets
from messaging.standard_webhooks import new_secret
from miniprograms.models import Authorizer
from notices.models import Channel
from notices.services import sending
from platform_auth import heartbeats
from sandbox import WeChat
from sandbox.server import start
from wechat.replies import check_custom, parse_content

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


def test_a_job_that_ran_lately_is_alive() -> None:
    heartbeats.beat("refresh_tokens")
    assert run("is_alive", "refresh_tokens") == ""


@pytest.mark.parametrize("within", ["--within=180", "--within=0"])
def test_a_job_that_did_not_is_not(within: str) -> None:
    with pytest.raises(CommandError, match="refresh_tokens has not run for"):
        run("is_alive", "refresh_tokens", within)


def test_the_demo_has_a_member_of_staff_and_a_merchant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_STAFF_PASSWORD", "of-the-staff")
    monkeypatch.setenv("DEMO_MERCHANT_PASSWORD", "of-the-merchant")
    run("seed_demo")
    run("seed_demo")
    [rule] = Rule.objects.all()
    for kind in (Authorizer.Kind.OFFICIAL_ACCOUNT, Authorizer.Kind.MINI_PROGRAM):
        check_custom(parse_content(rule.content), kind)
    assert CannedReply.objects.count() == 1
    staff, merchant = User.objects.order_by("-username")
    assert (staff.is_superuser, staff.check_password("of-the-staff")) == (True, True)
    assert (merchant.is_staff, merchant.check_password("of-the-merchant")) == (False, True)


def test_the_demo_has_no_default_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_STAFF_PASSWORD", raising=False)
    with pytest.raises(CommandError, match="DEMO_STAFF_PASSWORD is not set"):
        run("seed_demo")
    assert not User.objects.exists()


@pytest.fixture
def sandboxes(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> Iterator[Callable[[], WeChat]]:
    """Each a life of the demo's sandbox, on a port of its own, whose receiver has the secret."""
    for name, value in (("STAFF_PASSWORD", "of-staff"), ("MERCHANT_PASSWORD", "of-merchant")):
        monkeypatch.setenv(f"DEMO_{name}", value)
    monkeypatch.setenv("DEMO_RECEIVER_SECRET", secret := new_secret())
    servers = []

    def new() -> WeChat:
        wechat = WeChat(deliver=None)
        for name in ("forwards", "notices"):
            wechat.receiver.trust(name, secret)
        servers.append(start(wechat))
        settings.FORWARD_INTERNAL_HOSTS = [urlsplit(wechat.base_url).netloc]
        return wechat

    yield new
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_demos_target_and_channels_lead_to_the_receiver(
    sandboxes: Callable[[], WeChat],
) -> None:
    wechat = sandboxes()
    run("seed_demo", "--receiver", f"{wechat.base_url}/receiver/")
    staff = User.objects.get(username="staff")
    [target] = Target.objects.all()
    assert (target.rules.count(), target.answers) == (1, True)
    targets.send_test(target, by=staff)
    for channel in Channel.objects.all():
        assert channel.rules.count() == 1
        sending.send_test(channel, by=staff)
    proofs = {arrival.inbox: arrival.proof.is_right for arrival in wechat.receiver.arrivals}
    assert proofs == {"forwards": True, "notices": True, "wecom": None}


def test_at_each_start_they_lead_to_the_receiver_of_that_start(
    sandboxes: Callable[[], WeChat],
) -> None:
    run("seed_demo", "--receiver", "http://127.0.0.1:1/receiver/")
    Target.objects.update(name="mine", is_on=False)
    wechat = sandboxes()
    run("seed_demo", "--receiver", f"{wechat.base_url}/receiver/")
    [target] = Target.objects.all()
    assert (target.name, target.is_on, target.rules.count()) == ("mine", False, 1)
    targets.send_test(target, by=User.objects.get(username="staff"))
    assert [arrival.title for arrival in wechat.receiver.arrivals] == ["test"]


@pytest.mark.usefixtures("sandboxes")
def test_without_a_receiver_the_demo_tells_nobody() -> None:
    run("seed_demo")
    assert not Target.objects.exists()
    assert not Channel.objects.exists()
