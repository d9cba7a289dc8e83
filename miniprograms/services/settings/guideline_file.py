"""The privacy guideline in full, as a file that users can open: uploaded, and made a part of it."""

from copy import deepcopy
from typing import Any

from django.utils.translation import gettext

from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.kinds import BadSetting
from miniprograms.services.settings.privacy import PRIVACY_GUIDELINE
from miniprograms.services.settings.record import set_desired, setting_of
from miniprograms.tokens import call_as
from platform_auth.operations import Actor, recorded_call
from wechat import privacy

MAX_GUIDELINE_FILE = 100 * 1024  # bytes
MEMBER = "ext_file_media_id"


def upload_guideline_file(authorizer: Authorizer, text: str, *, by: Actor) -> str:
    """uploadprivacyextfile: its ext_file_media_id. Raises BadSetting and what WeChat answered."""
    if not text.strip() or len(text.encode()) > MAX_GUIDELINE_FILE:
        raise BadSetting(gettext("The file is a text of up to 100 kB."))
    with recorded_call("upload_guideline_file", by=by, appid=authorizer.appid):
        return call_as(authorizer.appid, privacy.upload_privacy_file, text)


def attach_guideline_file(authorizer: Authorizer, text: str, *, by: Actor) -> Setting:
    """TEXT is uploaded, and the guideline desired names it from now on; nothing is applied."""
    setting = setting_of(authorizer, PRIVACY_GUIDELINE.name)
    PRIVACY_GUIDELINE.check(_with_file(setting, "checked before it is uploaded"))
    return _desire_file(setting, upload_guideline_file(authorizer, text, by=by), by)


def drop_guideline_file(authorizer: Authorizer, *, by: Actor) -> Setting:
    """What the guideline should be names no file from now on."""
    return _desire_file(setting_of(authorizer, PRIVACY_GUIDELINE.name), "", by)


def _desire_file(setting: Setting, media_id: str, by: Actor) -> Setting:
    value = _with_file(setting, media_id)
    return set_desired(setting.authorizer, setting.kind, value, by=by, applies=False)


def _with_file(setting: Setting, media_id: str) -> dict[str, Any]:
    """What is desired, or else what WeChat has, with this file."""
    present = setting.at_wechat if setting.desired is None else setting.desired
    value: dict[str, Any] = deepcopy(PRIVACY_GUIDELINE.empty if present is None else present)
    value["owner_setting"][MEMBER] = media_id
    return value
