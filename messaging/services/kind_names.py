"""
What each kind of push and of our own events is called, in one phrase: for lists and for choices.
What one push says is in `descriptions`; WeChat's own names stand beside these, since its documents
have them.
"""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

KIND_NAMES: dict[str, StrOrPromise] = {
    # What users write
    "text": _("text"),
    "image": _("picture"),
    "voice": _("voice message"),
    "video": _("film"),
    "shortvideo": _("short film"),
    "location": _("place"),
    "link": _("link"),
    "miniprogrampage": _("mini program page"),
    # What users do
    "user_enter_tempsession": _("opened the chat"),
    "subscribe": _("follows the account now"),
    "unsubscribe": _("follows the account no more"),
    "SCAN": _("scanned a QR code"),
    "LOCATION": _("told where they are"),
    "CLICK": _("menu: chose something"),
    "VIEW": _("menu: went to a web page"),
    "view_miniprogram": _("menu: went to a mini program"),
    "scancode_push": _("menu: scanned a code"),
    "scancode_waitmsg": _("menu: scanned a code and waits"),
    "pic_sysphoto": _("menu: takes pictures"),
    "pic_photo_or_album": _("menu: takes or picks pictures"),
    "pic_weixin": _("menu: picks pictures"),
    "location_select": _("menu: picked a place"),
    "user_info_modified": _("changed their profile"),
    "user_authorization_revoke": _("withdrew the use of their data"),
    "user_authorization_cancellation": _("closed their account with WeChat"),
    "subscribe_msg_popup_event": _("subscribe messages: asked and answered"),
    "subscribe_msg_change_event": _("subscribe messages: changed in the settings"),
    "subscribe_msg_sent_event": _("subscribe messages: what came of sending"),
    "kf_create_session": _("WeChat's own customer service took the chat over"),
    "kf_close_session": _("WeChat's own customer service closed the chat"),
    "kf_switch_session": _("WeChat's own customer service passed the chat on"),
    "debug_demo": _("WeChat's debugging tool"),
    # What WeChat tells an account
    "weapp_audit_success": _("code review: approved"),
    "weapp_audit_fail": _("code review: not approved"),
    "weapp_audit_delay": _("code review: takes longer"),
    "wxa_nickname_audit": _("a new name was examined"),
    "wxa_category_audit": _("a category was examined"),
    "wxa_privacy_apply": _("a private interface was examined"),
    "wxa_appeal_record": _("an answer to an appeal against a punishment"),
    "wxa_illegal_record": _("a violation was found"),
    "wxa_punish_event": _("WeChat punishes it"),
    "wx_verify_pay_succ": _("verification: it is paid for"),
    "wx_verify_dispatch": _("verification: somebody examines the papers"),
    "betaapp_verify_apply_event": _("a trial mini program asks to be verified"),
    "betaapp_verify_event": _("a trial mini program was verified, or not"),
    "wxa_media_check": _("a picture or sound was checked"),
    "trade_manage_remind_access_api": _("orders: WeChat wants shipping reported by API"),
    "trade_manage_remind_shipping": _("orders: one waits to be shipped"),
    "trade_manage_order_settlement": _("orders: one is settled, or will be"),
    "charge_service_quota_notify": _("an ability that is paid for runs out"),
    "qualification_verify_success": _("verification: the papers are approved"),
    "qualification_verify_fail": _("verification: the papers are not approved"),
    "naming_verify_success": _("verification: the name is approved"),
    "naming_verify_fail": _("verification: the name is not approved"),
    "annual_renew": _("verification: to be renewed this year"),
    "verify_expired": _("verification: it has run out"),
    "TEMPLATESENDJOBFINISH": _("what came of a template message"),
    "MASSSENDJOBFINISH": _("what came of a mass message"),
    "PUBLISHJOBFINISH": _("what came of publishing an article"),
    "FREEPUBLISHJOBFINISH": _("what came of publishing an article without sending it"),
    # What WeChat tells the platform
    "component_verify_ticket": _("the platform's ticket"),
    "authorized": _("gave its authorisation"),
    "updateauthorized": _("changed what it authorises"),
    "unauthorized": _("cancelled its authorisation"),
    "notify_third_fasteregister": _("a quick registration"),
    "notify_third_fastregisterbetaapp": _("a trial mini program was registered"),
    "notify_third_fastverifybetaapp": _("a trial mini program was verified"),
    "notify_3rd_wxa_auth": _("how far a verification by WeChat is"),
    "notify_3rd_wxa_wxverify": _("a verification by WeChat is to be renewed"),
    "notify_icpfiling_verify_result": _("a check for its ICP filing"),
    "notify_apply_icpfiling_result": _("its ICP filing"),
    "order_path_apply_result_notify": _("its page of orders was applied for"),
    "order_path_audit_result_notify": _("its page of orders was reviewed"),
    # What we tell other back ends
    "authorizer.bound": _("account bound"),
    "authorizer.changed": _("account changed"),
    "authorizer.unbound": _("authorisation cancelled"),
    "authorizer.needs_reauthorization": _("must be authorised again"),
    "account.alerted": _("account warned"),
    "audit.submitted": _("review submitted"),
    "audit.passed": _("review passed"),
    "audit.rejected": _("review rejected"),
    "audit.delayed": _("review delayed"),
    "audit.withdrawn": _("review withdrawn"),
    "release.published": _("version released"),
    "release.reverted": _("version rolled back"),
}


def name_of_kind(kind: str) -> str:
    """KIND in words; "" where we have none."""
    return str(KIND_NAMES.get(kind, ""))
