"""manage.py is_alive and seed_demo."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from messaging.models import CannedReply, Rule
from miniprograms.models import Authorizer
from platform_auth import heartbeats
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
