"""Conditions about the code: what WeChat's scan found, what it may use, what it needs."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from audits.problems import Check
from audits.services.preflight.subject import Subject, fine, unknown, wrong
from platform_auth.errcodes import explain_errcode
from wechat import privacy
from wechat.errors import CheckRunning, MustCommit, Refused
from wechat.http import read_number, read_text

LOCATION_INTERFACES = {
    "getLocation",
    "getFuzzyLocation",
    "onLocationChange",
    "startLocationUpdate",
    "startLocationUpdateBackground",
    "chooseLocation",
    "choosePoi",
    "chooseAddress",
}
# getFuzzyLocation excludes these.
EXACT_LOCATION = {
    "getLocation",
    "onLocationChange",
    "startLocationUpdate",
    "startLocationUpdateBackground",
}


def check_upload(subject: Subject) -> Check:
    """There is code at WeChat to be submitted."""
    if subject.is_to_be_uploaded:
        return unknown("uploaded", _later(), "staff")
    if subject.version is None:
        return wrong("uploaded", _("No code has been uploaded yet."), "staff")
    try:
        subject.answers.scan()
    except CheckRunning:
        pass
    except MustCommit:
        detail = _("WeChat has no trial version of it: upload it again.")
        return wrong("uploaded", detail, "staff")
    return fine("uploaded", _("Version %s is uploaded.") % subject.version.user_version)


def check_scan(subject: Subject) -> Check:
    """WeChat has looked through the code that was uploaded."""
    if subject.is_to_be_uploaded:
        return unknown("scanned", _later())
    try:
        subject.answers.scan()
    except CheckRunning:
        return wrong("scanned", explain_errcode(61039), "wechat")
    except MustCommit:
        return unknown("scanned", _("There is no code to be checked."), "staff")
    return fine("scanned", _("WeChat has checked the code."), "wechat")


def check_private_interfaces(subject: Subject) -> Check:
    """Private interfaces that the scan found are granted and declared (61040)."""
    if subject.is_to_be_uploaded:
        return unknown("private_interfaces", _later(), "staff")
    try:
        found = subject.answers.scan()
    except (CheckRunning, MustCommit):
        detail = _("WeChat has not looked through the code yet.")
        return unknown("private_interfaces", detail)
    if found.without_auth:
        detail = _("The code uses interfaces the mini program may not use; apply for them: %s.")
        return wrong("private_interfaces", detail % ", ".join(found.without_auth), "staff")
    if found.without_conf and not subject.submission.get("privacy_api_not_use"):
        detail = _(
            "The code uses interfaces that requiredPrivateInfos does not name; name them, or "
            "declare that they are not used: %s."
        )
        return wrong("private_interfaces", detail % ", ".join(found.without_conf), "staff")
    return fine("private_interfaces", _("Private interfaces in the code are granted and named."))


def check_required_infos(subject: Subject) -> Check:
    """What requiredPrivateInfos of ext.json names: known, compatible, granted (85310 to 85312)."""
    code, names = "required_private_infos", subject.ext.get("requiredPrivateInfos") or []
    if not names:
        return fine(code, _("ext.json names no private interface."))
    if not isinstance(names, list) or (wrong_names := set(map(str, names)) - LOCATION_INTERFACES):
        listed = ", ".join(sorted(wrong_names)) if isinstance(names, list) else str(names)
        detail = _("requiredPrivateInfos names what WeChat does not know: %s.")
        return wrong(code, detail % listed, "staff")
    if "getFuzzyLocation" in names and (clashing := EXACT_LOCATION & set(names)):
        detail = _("requiredPrivateInfos names getFuzzyLocation together with %s.")
        return wrong(code, detail % ", ".join(sorted(clashing)), "staff")
    if missing := sorted(set(names) - _granted(subject.answers.interfaces())):
        detail = _("requiredPrivateInfos names what the mini program may not use; apply for it: %s")
        return wrong(code, detail % ", ".join(missing), "staff")
    return fine(code, _("What requiredPrivateInfos names is granted."))


def _granted(interfaces: Iterable[dict[str, Any]]) -> set[str]:
    return {
        read_text(row.get("api_name")).removeprefix("wx.")
        for row in interfaces
        if read_number(row.get("status")) == privacy.INTERFACE_GRANTED
    }


def check_privacy_guide(subject: Subject) -> Check:
    """The privacy guide names what the scan found; without a guide WeChat answers 85086."""
    if subject.is_to_be_uploaded:
        return unknown("privacy_guide", _later(), "staff")
    setting = subject.answers.privacy_setting()
    named = {use["privacy_key"] for use in setting.uses}
    missing = [key for key in setting.found_keys if key not in named]
    if missing and not subject.submission.get("privacy_api_not_use"):
        detail = _("The privacy guide does not say what the code uses these for: %s.")
        return wrong("privacy_guide", detail % ", ".join(missing), "staff")
    return fine("privacy_guide", _("The privacy guide covers what WeChat found in the code."))


def check_domains(subject: Subject) -> Check:
    """The server domains that the code needs are set."""
    needed = subject.needs.get("domains") or []
    if not needed:
        detail = _("Nobody has recorded which server domains the code needs.")
        return unknown("domains", detail, "staff")
    try:
        missing = sorted(set(needed) - subject.answers.request_domains())
    except Refused:
        return unknown("domains", _("WeChat does not tell which server domains are set."))
    if missing:
        detail = _("Server domains that the code needs are not set: %s.")
        return wrong("domains", detail % ", ".join(missing), "staff")
    return fine("domains", _("The server domains that the code needs are set."))


def check_opened_programs(subject: Subject) -> Check:
    """Mini programs that the code opens are in ext.json's list, if it has one (85087)."""
    code, needed = "opened_programs", subject.needs.get("opens") or []
    declared = subject.ext.get("navigateToMiniProgramAppIdList")
    if not needed or declared is None:
        return fine(
            code, _("ext.json leaves the template's list of mini programs to open as it is.")
        )
    if missing := sorted(set(needed) - set(declared)):
        detail = _("navigateToMiniProgramAppIdList lacks mini programs that the code opens: %s.")
        return wrong(code, detail % ", ".join(missing), "staff")
    return fine(code, _("The mini programs that the code opens are declared."))


def _later() -> str:
    return _("Known once the code is uploaded.")
