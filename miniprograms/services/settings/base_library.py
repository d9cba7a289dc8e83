"""The least base library (基础库) as a kind of setting."""

import re
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.services.settings.kinds import BadSetting, Difference, Kind, Remarks
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.text_rules import TextRule, broken_rules, made_of
from wechat import code_release

_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)


def _read_library(authorizer: Authorizer) -> str:
    release_db_connection()
    return str(call_as(authorizer.appid, code_release.get_support_version).now)


_RULES = (
    made_of("0-9.", _("A version of the base library has digits and dots only; here is: %(odd)s")),
    TextRule(
        _("A version of the base library has three numbers with dots between, such as 2.20.0."),
        lambda text: len(list(filter(None, text.split(".")))) == 3 == len(text.split(".")),
    ),
)


def check_library(value: Any) -> str:
    version = value.strip() if isinstance(value, str) else ""
    if broken := broken_rules(version, _RULES):
        raise BadSetting(*broken)
    if not _VERSION.fullmatch(version):
        raise BadSetting(gettext("A version of the base library looks like 2.20.0."))
    return version


def _apply_library(authorizer: Authorizer, desired: str, at_wechat: str) -> Remarks:
    release_db_connection()
    call_as(authorizer.appid, code_release.set_support_version, desired)
    return {}


def compare_library(desired: str, at_wechat: str) -> list[Difference]:
    if desired == at_wechat:
        return []
    return [Difference("version", _("base library"), desired, at_wechat)]


BASE_LIBRARY = Kind(
    name="base-library",
    title=_("Least base library"),
    about=_("Whose WeChat has an older one (基础库) is asked to update before they get in."),
    read=_read_library,
    check=check_library,
    apply=_apply_library,
    compare=compare_library,
    empty="",
)
