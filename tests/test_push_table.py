"""docs/pushes.md: every kind of push has an effect, or a reason why not, and the code agrees."""

import re

import pytest

from devtools.imports import ROOT
from messaging.services.event_types.wechat_types import COMPONENT_ELEMENTS
from webhooks import handlers
from webhooks.routing import COMPONENT_PUSHES, MESSAGE_PUSHES, TICKET
from wechat.messages import PUSH_KINDS

TABLE_ROW = re.compile(r"^\| (`[^|]*`) \| `webhooks/handlers\.py:(\w+)` \| (.+) \|$", re.MULTILINE)
WORKED_OUT = COMPONENT_PUSHES | MESSAGE_PUSHES

# WeChat's pages on the platform's pushes, customer messages, events, verification, violations,
# notices, shipping, content safety and paid abilities name these.
DOCUMENTED = re.findall(
    r"\w+",
    """
component_verify_ticket authorized updateauthorized unauthorized notify_third_fasteregister
notify_third_fastregisterbetaapp notify_third_fastverifybetaapp notify_3rd_wxa_auth
notify_3rd_wxa_wxverify notify_icpfiling_verify_result notify_apply_icpfiling_result
order_path_apply_result_notify order_path_audit_result_notify
text image voice video shortvideo location link miniprogrampage
user_enter_tempsession weapp_audit_success weapp_audit_fail weapp_audit_delay wxa_nickname_audit
wxa_category_audit wxa_privacy_apply wxa_appeal_record user_info_modified subscribe unsubscribe SCAN
CLICK VIEW LOCATION debug_demo wxa_illegal_record wxa_punish_event wx_verify_pay_succ
wx_verify_dispatch annual_renew verify_expired qualification_verify_success
qualification_verify_fail naming_verify_success naming_verify_fail
trade_manage_remind_access_api trade_manage_remind_shipping trade_manage_order_settlement
subscribe_msg_popup_event subscribe_msg_change_event subscribe_msg_sent_event wxa_media_check
user_authorization_revoke user_authorization_cancellation charge_service_quota_notify
betaapp_verify_apply_event betaapp_verify_event TEMPLATESENDJOBFINISH
""",
)


def table() -> dict[str, tuple[str, str]]:
    """Of each kind the name of its function, and what is said of it."""
    text = (ROOT / "docs" / "pushes.md").read_text()
    rows: dict[str, tuple[str, str]] = {}
    for names, function, effect in TABLE_ROW.findall(text):
        for kind in re.findall(r"`(\w+)`", names):
            assert kind not in rows, kind
            rows[kind] = (function, effect)
    return rows


def test_each_kind_stands_in_the_table_once_and_no_other_does() -> None:
    assert set(table()) == set(WORKED_OUT)


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_what_wechat_documents_is_worked_out(kind: str) -> None:
    assert kind in table()


@pytest.mark.parametrize("kind", WORKED_OUT)
def test_the_table_names_the_function_and_what_comes_of_it(kind: str) -> None:
    function, effect = table()[kind]
    assert WORKED_OUT[kind] is getattr(handlers, function)
    assert len(effect) > 40
    if function == handlers.keep_push.__name__:
        assert effect.startswith("none")


def test_each_kind_is_read_and_is_in_the_catalogue() -> None:
    assert set(MESSAGE_PUSHES) <= set(PUSH_KINDS)
    assert set(COMPONENT_PUSHES) - {TICKET} == set(COMPONENT_ELEMENTS)
