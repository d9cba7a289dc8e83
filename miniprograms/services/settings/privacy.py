"""
The privacy guideline (用户隐私保护指引) as kinds of settings: the one that goes online with the
next release, and what can be changed at once of the one that is online.
"""

from collections.abc import Mapping
from typing import Any, cast

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.services.settings.kinds import BadSetting, Difference, Kind, Remarks
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from wechat import privacy
from wechat.privacy import OwnerSetting

OWNER_TITLES = {
    "contact_phone": _("telephone"),
    "contact_email": _("e-mail"),
    "contact_qq": _("QQ"),
    "contact_weixin": _("WeChat ID"),
    "notice_method": _("how users are told of changes"),
    "store_expire_timestamp": _("how long data is kept"),
    "store_region": _("where data is kept"),
    "ext_file_media_id": _("file with the guideline in full"),
}
CONTACTS = ("contact_phone", "contact_email", "contact_qq", "contact_weixin")
ITS_OWN = (*CONTACTS, "ext_file_media_id")  # which a profile may leave to the mini program
PRIVACY_TITLES = {
    "UserInfo": _("nickname and avatar"),
    "Location": _("location"),
    "ChooseLocation": _("a location that is chosen"),
    "Address": _("postal address"),
    "Invoice": _("invoices"),
    "RunData": _("steps (WeRun)"),
    "Record": _("microphone"),
    "Album": _("pictures and films that are chosen"),
    "AlbumWriteOnly": _("saving to the album"),
    "Camera": _("camera"),
    "PhoneNumber": _("phone number"),
    "Contact": _("saving to the contacts"),
    "CalendarWriteOnly": _("saving to the calendar"),
    "DeviceInfo": _("the device"),
    "BlueTooth": _("Bluetooth"),
    "LicensePlate": _("license plate"),
    "Email": _("e-mail"),
    "MessageFile": _("files that are chosen"),
    "Clipboard": _("clipboard"),
    "EXIDNumber": _("identity card number"),
    "EXOrderInfo": _("orders"),
    "EXUserPublishContent": _("what users publish"),
    "EXUserFollowAcct": _("accounts that users follow"),
    "EXUserOpLog": _("what users do"),
}
MAX_TEXT, MAX_KEY, MAX_USES = 500, 64, 60
# What WeChat tells besides, which nobody can desire.
FOUND_KEYS, SDKS = "privacy_list", "sdk_privacy_info_list"

Guideline = dict[str, Any]


def privacy_title(key: str) -> str:
    """What KEY is called; one of the owner's own is its own name."""
    return str(PRIVACY_TITLES.get(key, key))


def uses_of(value: Mapping[str, Any] | None) -> dict[str, str]:
    """What each kind of data is used for, by WeChat's key."""
    rows = (value or {}).get("setting_list", [])
    return {row["privacy_key"]: row["privacy_text"] for row in rows}


def owner_of(value: Mapping[str, Any] | None) -> dict[str, str]:
    return dict((value or {}).get("owner_setting", {}))


def unexplained_keys(desired: Guideline | None, at_wechat: Guideline | None) -> list[str]:
    """What WeChat has found in the code and the guideline desired, or else WeChat's, omits."""
    uses = uses_of(at_wechat if desired is None else desired)
    return [key for key in (at_wechat or {}).get(FOUND_KEYS, []) if key not in uses]


# What is a value


def _check_owner(owner: Any) -> tuple[dict[str, str], list[str]]:
    """The fields of OWNER that hold something, and what is wrong with it."""
    if not isinstance(owner, Mapping):
        return {}, [gettext("owner_setting holds texts by WeChat's names.")]
    unknown = sorted(map(str, owner.keys() - OWNER_TITLES.keys()))
    problems = [
        gettext("owner_setting has no field called %(name)s.") % {"name": name} for name in unknown
    ]
    texts = {name: owner.get(name, "") for name in OWNER_TITLES}
    wrong = [
        str(OWNER_TITLES[name])
        for name, text in texts.items()
        if not isinstance(text, str) or len(text) > MAX_TEXT or "\0" in text
    ]
    if wrong:
        sentence = gettext("These are no texts of up to %(most)d characters: %(names)s.")
        problems.append(sentence % {"most": MAX_TEXT, "names": ", ".join(wrong)})
        return {}, problems
    return {name: text.strip() for name, text in texts.items() if text.strip()}, problems


def _check_uses(rows: Any) -> tuple[list[dict[str, str]], list[str]]:
    sentence = gettext("setting_list holds privacy_key and privacy_text for each kind of data.")
    if not isinstance(rows, list) or len(rows) > MAX_USES:
        return [], [sentence]
    uses, problems = {}, []
    for row in rows:
        fields = row if isinstance(row, Mapping) else {}
        key, text = fields.get("privacy_key", ""), fields.get("privacy_text", "")
        if not _is_text(key, MAX_KEY) or not _is_text(text, MAX_TEXT):
            problems = [sentence]
        else:
            uses[key.strip()] = text.strip()
    # In one order, whoever sent them: two lists that say the same are the same.
    return [{"privacy_key": key, "privacy_text": uses[key]} for key in sorted(uses)], problems


def _is_text(value: Any, most: int) -> bool:
    is_short = isinstance(value, str) and len(value) <= most
    return is_short and bool(value.strip()) and "\0" not in value


def _missing_parts(owner: Mapping[str, str]) -> list[str]:
    problems = []
    if not any(owner.get(name) for name in CONTACTS):
        problems.append(gettext("WeChat wants at least one way to reach the owner."))
    if not owner.get("notice_method"):
        problems.append(gettext("WeChat wants to know how users are told of changes."))
    return problems


def check_guideline(value: Any, *, is_part: bool = False) -> Guideline:
    """VALUE as it is kept. One that IS_PART of a profile may leave open what is a program's own."""
    if not isinstance(value, Mapping) or value.keys() - {
        "owner_setting",
        "setting_list",
        FOUND_KEYS,
        SDKS,
    }:
        raise BadSetting(gettext("A privacy guideline holds owner_setting and setting_list."))
    owner, problems = _check_owner(value.get("owner_setting", {}))
    uses, wrong_uses = _check_uses(value.get("setting_list", []))
    if not problems and not is_part:
        problems = _missing_parts(owner)
    if problems or wrong_uses:
        raise BadSetting(*problems, *wrong_uses)
    return {"owner_setting": owner, "setting_list": uses}


def check_owner_online(value: Any, *, is_part: bool = False) -> dict[str, str]:
    """VALUE as it is kept: without the file, which cannot be changed online."""
    owner, problems = _check_owner(value)
    if "ext_file_media_id" in owner:
        problems.append(gettext("The file of the guideline that is online cannot be changed."))
    if not problems and not is_part:
        problems = _missing_parts(owner)
    if problems:
        raise BadSetting(*problems)
    return owner


# At WeChat


def _read_guideline(authorizer: Authorizer) -> Guideline:
    release_db_connection()
    setting = call_as(authorizer.appid, privacy.get_privacy_setting)
    uses = {row["privacy_key"]: row["privacy_text"] for row in setting.uses if row["privacy_text"]}
    return {
        "owner_setting": _texts_of(setting.owner_setting),
        "setting_list": [{"privacy_key": key, "privacy_text": uses[key]} for key in sorted(uses)],
        FOUND_KEYS: list(setting.found_keys),
        SDKS: list(setting.sdks),
    }


def _texts_of(owner: Mapping[str, Any]) -> dict[str, str]:
    return {name: owner[name] for name in OWNER_TITLES if _is_text(owner.get(name), 10 * MAX_TEXT)}


def _apply_guideline(authorizer: Authorizer, desired: Guideline, at_wechat: Guideline) -> Remarks:
    release_db_connection()
    call_as(
        authorizer.appid,
        privacy.set_privacy_setting,
        owner_setting=cast(OwnerSetting, desired["owner_setting"]),
        uses=desired["setting_list"],
        sdks=at_wechat.get(SDKS),
    )
    return {}


def _read_owner_online(authorizer: Authorizer) -> dict[str, str]:
    release_db_connection()
    setting = call_as(authorizer.appid, privacy.get_privacy_setting, privacy.ONLINE)
    owner = _texts_of(setting.owner_setting)
    owner.pop("ext_file_media_id", None)
    return owner


def _apply_owner_online(
    authorizer: Authorizer, desired: dict[str, str], at_wechat: dict[str, str]
) -> Remarks:
    release_db_connection()
    call_as(
        authorizer.appid,
        privacy.set_privacy_setting,
        owner_setting=cast(OwnerSetting, desired),
        privacy_ver=privacy.ONLINE,
    )
    return {}


# Two values


def _compare_owner(desired: Mapping[str, str], at_wechat: Mapping[str, str]) -> list[Difference]:
    return [
        Difference(name, title, desired.get(name, ""), at_wechat.get(name, ""))
        for name, title in OWNER_TITLES.items()
        if desired.get(name, "") != at_wechat.get(name, "")
    ]


def compare_guidelines(desired: Guideline, at_wechat: Guideline) -> list[Difference]:
    uses, others = uses_of(desired), uses_of(at_wechat)
    return [
        *_compare_owner(owner_of(desired), owner_of(at_wechat)),
        *(
            Difference(key, privacy_title(key), uses.get(key, ""), others.get(key, ""))
            for key in dict.fromkeys([*uses, *others])
            if uses.get(key) != others.get(key)
        ),
    ]


def _fill_owner(owner: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """OWNER with the mini program's own contacts where it names none, and with its own file."""
    own = {name: present[name] for name in ITS_OWN if name in present}
    if any(owner.get(name) for name in CONTACTS):
        own = {name: text for name, text in own.items() if name not in CONTACTS}
    return {**own, **owner}


def fill_guideline(value: Guideline, present: Guideline) -> Guideline:
    return {**value, "owner_setting": _fill_owner(owner_of(value), owner_of(present))}


def join_guidelines(value: Guideline, more: Guideline) -> Guideline:
    """VALUE, and MORE over it."""
    uses = {**uses_of(value), **uses_of(more)}
    return {
        "owner_setting": {**owner_of(value), **owner_of(more)},
        "setting_list": [{"privacy_key": key, "privacy_text": uses[key]} for key in sorted(uses)],
    }


PRIVACY_GUIDELINE = Kind(
    name="privacy-guideline",
    title=_("Privacy guideline"),
    about=_(
        "What users are told of their data. It goes online with the next version that passes its "
        "review and is released; WeChat finds in the code which kinds of data it must explain."
    ),
    read=_read_guideline,
    check=check_guideline,
    apply=_apply_guideline,
    compare=compare_guidelines,
    empty={"owner_setting": {}, "setting_list": []},
    join=join_guidelines,
    check_part=lambda value: check_guideline(value, is_part=True),
    fill=fill_guideline,
)
PRIVACY_OWNER_ONLINE = Kind(
    name="privacy-owner-online",
    title=_("Privacy guideline, online"),
    about=_(
        "How users reach the owner, and how long data is kept, in the guideline that is online: "
        "changed at once, without a review. WeChat takes it once a version is online."
    ),
    read=_read_owner_online,
    check=check_owner_online,
    apply=_apply_owner_online,
    compare=_compare_owner,
    empty={},
    join=lambda value, more: {**value, **more},
    check_part=lambda value: check_owner_online(value, is_part=True),
    fill=_fill_owner,
)
