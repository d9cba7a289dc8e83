"""What each of WeChat's pushes means, for those who are told of it."""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

WECHAT_WORDS: dict[str, StrOrPromise] = {
    "message.text": _(
        "A user has sent a text; `bizmsgmenuid` is the choice they took, where it answers a "
        "`msgmenu`."
    ),
    "message.image": _("A user has sent a picture."),
    "message.voice": _(
        "A user has sent a voice message; `Recognition` is what WeChat understood, where that "
        "is switched on."
    ),
    "message.video": _("A user has sent a film."),
    "message.shortvideo": _("A user has sent a short film."),
    "message.location": _("A user has sent a place; `Location_X` is the latitude."),
    "message.link": _("A user has sent a link."),
    "message.miniprogrampage": _("A user has sent a page of the mini program."),
    "event.user_enter_tempsession": _(
        "A user has opened the chat of a mini program; `SessionFrom` is its button's."
    ),
    "event.subscribe": _(
        "A user follows the account; by a QR code with a parameter, `EventKey` is `qrscene_` "
        "and the parameter."
    ),
    "event.unsubscribe": _("A user follows the account no more."),
    "event.SCAN": _("A follower has scanned a QR code, whose parameter is `EventKey`."),
    "event.LOCATION": _("Where a follower is."),
    "event.CLICK": _("A user has chosen an item of the menu, by its key."),
    "event.VIEW": _("A user has chosen an item of the menu that leads to the address `EventKey`."),
    "event.view_miniprogram": _(
        "A user has chosen an item of the menu that leads to the page `EventKey` of a mini program."
    ),
    "event.scancode_push": _("A user has scanned something from the menu."),
    "event.scancode_waitmsg": _(
        "A user has scanned something from the menu, and waits for an answer."
    ),
    "event.pic_sysphoto": _(
        "A user has taken pictures from the menu, which come as messages of their own."
    ),
    "event.pic_photo_or_album": _(
        "A user has taken or picked pictures from the menu, which come as messages of their own."
    ),
    "event.pic_weixin": _(
        "A user has picked pictures from WeChat's album, which come as messages of their own."
    ),
    "event.location_select": _("A user has picked a place from the menu."),
    "event.user_info_modified": _(
        "A user has changed what they allow the account to know of them."
    ),
    "event.user_authorization_revoke": _(
        "A user has withdrawn the use of their data; `RevokeInfo` is WeChat's number of which."
    ),
    "event.user_authorization_cancellation": _(
        "A user has closed their account with WeChat: their data must be deleted."
    ),
    "event.subscribe_msg_popup_event": _(
        "A user has answered whether they want subscribe messages, template by template."
    ),
    "event.subscribe_msg_change_event": _(
        "A user has changed in WeChat's settings which subscribe messages they get."
    ),
    "event.subscribe_msg_sent_event": _("Subscribe messages were delivered, or could not be."),
    "event.weapp_audit_success": _("The version of code in review has passed."),
    "event.weapp_audit_fail": _(
        "The version of code in review is rejected; `Reason` may hold `<br>`, `ScreenShot` "
        "media ids."
    ),
    "event.weapp_audit_delay": _("The review of a version of code takes longer."),
    "event.wxa_nickname_audit": _("WeChat has decided about a new name of the account."),
    "event.wxa_category_audit": _("WeChat has decided about a category of the mini program."),
    "event.wxa_privacy_apply": _(
        "WeChat has decided about a private interface that was applied for."
    ),
    "event.wxa_appeal_record": _("WeChat has answered an appeal against a punishment."),
    "event.wxa_illegal_record": _("WeChat has found that the account broke a rule."),
    "event.wxa_punish_event": _("WeChat warns the account, or takes functions from it."),
    "event.wx_verify_pay_succ": _("The verification of the account is paid for."),
    "event.wx_verify_dispatch": _("A provider examines the papers of the account's verification."),
    "event.betaapp_verify_apply_event": _(
        "An official account asks to have its trial mini program verified."
    ),
    "event.betaapp_verify_event": _("A trial mini program was verified, or not."),
    "event.wxa_media_check": _("A picture or a sound was checked; what came of it is in `result`."),
    "event.trade_manage_remind_access_api": _(
        "WeChat wants shipping to be reported by its interface."
    ),
    "event.trade_manage_remind_shipping": _("An order waits to be shipped."),
    "event.trade_manage_order_settlement": _("An order is settled, or will be."),
    "event.charge_service_quota_notify": _("An ability that is paid for runs out."),
    "event.qualification_verify_success": _(
        "The papers of the account's verification are approved."
    ),
    "event.qualification_verify_fail": _(
        "The papers of the account's verification are not approved."
    ),
    "event.naming_verify_success": _("The name of the account is approved in its verification."),
    "event.naming_verify_fail": _("The name of the account is not approved in its verification."),
    "event.annual_renew": _("The verification of the account is to be renewed this year."),
    "event.verify_expired": _("The verification of the account has run out."),
    "event.TEMPLATESENDJOBFINISH": _(
        "A template message was delivered, or could not be: `Status`."
    ),
    "event.MASSSENDJOBFINISH": _("A mass message was sent, or could not be: `Status`."),
    "event.PUBLISHJOBFINISH": _("An article was published, or could not be."),
    "event.FREEPUBLISHJOBFINISH": _(
        "An article was published without being sent to followers, or could not be."
    ),
    "event.kf_create_session": _("Somebody at WeChat's own console has taken the chat over."),
    "event.kf_close_session": _("Somebody at WeChat's own console has closed the chat."),
    "event.kf_switch_session": _("At WeChat's own console the chat went to somebody else."),
    "event.debug_demo": _("Somebody tries WeChat's own debugging tool."),
    "component.authorized": _("An owner has authorised the platform."),
    "component.updateauthorized": _("An owner has changed what the platform may do."),
    "component.unauthorized": _("An owner has cancelled the authorisation."),
    "component.notify_third_fasteregister": _("How the quick registration of a mini program went."),
    "component.notify_third_fastregisterbetaapp": _(
        "How the registration of a trial mini program went."
    ),
    "component.notify_third_fastverifybetaapp": _(
        "How the verification of a trial mini program went."
    ),
    "component.notify_3rd_wxa_auth": _("How far WeChat's verification of a mini program is."),
    "component.notify_3rd_wxa_wxverify": _("The verification of a mini program is to be renewed."),
    "component.notify_icpfiling_verify_result": _("How the identity check for an ICP filing went."),
    "component.notify_apply_icpfiling_result": _("How far the ICP filing of a mini program is."),
    "component.order_path_apply_result_notify": _(
        "Which mini programs could ask for a page with orders; `list` names them."
    ),
    "component.order_path_audit_result_notify": _(
        "WeChat has decided about pages with orders; `list` names the mini programs."
    ),
}
