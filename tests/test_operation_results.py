"""What came of an act, as the operation log tells it: in the language of whoever reads it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override

from miniprograms.services.options import set_option
from platform_auth.models import Operation
from platform_auth.operations import record_operation
from sandbox.world import WeChat
from tests.conftest import Bound
from wechat.errors import Refused

LOG = "/admin/platform_auth/operation/"

Read = Callable[[str, str], str]

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    """What people read of a page."""
    text = re.sub(
        r"<(script|style|head)\b.*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.DOTALL
    )
    return " ".join(unescape(text).split())


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def read(boss: User) -> Read:
    """What its page says, in Chinese, of an act with a result."""
    browser = Client(headers={"accept-language": "zh-hans"})
    browser.force_login(boss)

    def read_page(action: str, result: str) -> str:
        record_operation(action, by=None, result=result)
        row = Operation.objects.latest("pk")
        return text_of(browser.get(f"{LOG}{row.pk}/change/"))

    return read_page


@pytest.mark.parametrize(
    ("action", "result", "sentence"),
    [
        ("reset_password", "0 sessions, 2 keys ended", "已结束 0 个登录会话，已撤销 2 个密钥"),
        ("end_sessions", "3", "数量：3"),
        ("note_user", "…abc123: remark, in charge: ann", "…abc123：备注、负责人：ann"),
        ("note_user", "…abc123: in charge: –", "…abc123：负责人：未指派"),
        ("park", "other_merchant", "它属于另一位商户。"),
        ("set_setting", "server-domains 3", "，第 3 版"),
        ("change_rule", "Opening hours: Name, Reply", "Opening hours：名称、"),
        ("change_component", "name, app_secret", "名称、"),
        ("set_option", "location_report = 1", "地理位置"),
        ("check_callback", "reached 203.0.113.80", "微信可以访问 203.0.113.80。"),
        ("submit_despite_preflight", "category filed: we know", "：we know"),
        ("add_user", "ann: operators, viewers", "ann：运营人员、"),
        ("add_template", "draft 7", "草稿 7"),
        ("set_ext_values", "codetemplate 3 (1.0): ext.name", "模板 3 (1.0)：ext.name"),
        ("resend_since", "crm: 2026-11-30T00:00:00+00:00, 2", "crm，自 2026-11-30 08:00 起，数"),
        ("replay_push", "event.subscribe: done", "event.subscribe：已处理"),
        ("change_settingprofile", "shops: server-domains", "shops：服务器域名"),
        ("release_mismatch", "Approved was 1.0, live is 1.1.", "批准发布的是 1.0，线上是 1.1。"),
    ],
)  # fmt: skip
def test_what_rows_keep_is_read_in_chinese(
    read: Read, action: str, result: str, sentence: str
) -> None:
    page = read(action, result)
    assert sentence in page


def test_what_was_written_in_another_language_is_read_in_ones_own(boss: User) -> None:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(boss)
    with override("zh-hans"):
        record_operation("revert", by=None, result="回退到版本号 12")
    shown = text_of(browser.get(LOG))
    assert "back to number 12" in shown


def test_what_is_no_note_of_ours_stays_as_it_was_written(read: Read) -> None:
    assert "Opening hours" in read("add_rule", "Opening hours")
    assert "sorry, 2 sessions" in read("reset_password", "sorry, 2 sessions")


def test_the_program_that_acted_stays_named(read: Read) -> None:
    assert "数量：3 [crm]" in read("end_sessions", "3 [crm]")


@pytest.mark.parametrize("action", ["clear_quota", "add_rule"])
def test_words_of_people_are_no_failure(read: Read, action: str) -> None:
    assert "失败" not in read(action, "wxa/commit: 61007 was the reason")


def test_an_old_row_of_a_refused_call_reads_as_failed(read: Read) -> None:
    page = read("add_tester", "t***r /wxa/bind_tester: 85001 not found (rid 1-2-3)")
    assert "失败 t***r" in page
    assert "(85001)" in page


def test_a_refused_call_is_marked_in_the_list_on_its_page_and_with_the_account(
    wechat: WeChat, bound: Bound, boss: User, staff: User
) -> None:
    shop = bound()
    wechat.fault("/cgi-bin/component/set_authorizer_option", errcode=61007)
    with pytest.raises(Refused):
        set_option(shop, "location_report", "1", by=staff)
    tried, failed = Operation.objects.filter(action="set_option").order_by("pk")
    assert (tried.has_failed, failed.has_failed) == (False, True)
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(boss)
    account = f"/admin/miniprograms/authorizer/{shop.pk}/"
    for page in (LOG, f"{LOG}{failed.pk}/change/", f"{account}log/"):
        shown = text_of(browser.get(page))
        assert "failed location reports: 1" in shown, shown[-900:]
        assert "(61007)" in shown
    assert "failed" not in text_of(browser.get(f"{LOG}{tried.pk}/change/"))
