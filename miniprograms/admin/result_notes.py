"""How the results of acts on accounts read in the operation log."""

from django.utils.translation import gettext_lazy as _

from miniprograms.models import Binding
from miniprograms.permissions import NEEDS
from miniprograms.services.options import OPTION_TITLES
from miniprograms.services.settings.registry import KINDS
from platform_auth.admin.results import (
    NAME_AND_NUMBER,
    NAMED,
    Note,
    add_notes,
    one_of,
    words_of,
)

_KIND = words_of({name: kind.title for name, kind in KINDS.items()})
_SETTING = Note(
    _("%(name)s, version %(number)s"), r"(?P<name>[\w-]+) (?P<number>\d+)", {"name": _KIND}
)
_SETTING_OF_PROFILE = Note(
    _("%(name)s, version %(number)s, from the profile %(profile)s"),
    r"(?P<name>[\w-]+) (?P<number>\d+) \((?P<profile>.*)\)",
    {"name": _KIND},
)
_REFUSED_SETTING = Note(
    _("%(name)s, version %(number)s: %(reason)s"),
    r"(?P<name>[\w-]+) (?P<number>\d+): (?P<reason>.*)",
    {"name": _KIND, "reason": one_of()},
)
_DOMAINS = {
    "server": _("server domains"),
    "webview": _("web-view domains"),
    "add": _("added"),
    "delete": _("deleted"),
    "set": _("set"),
}

add_notes(
    {
        "park": (
            Note(
                "%(reason)s",
                r"(?P<reason>\w+)",
                {"reason": words_of(dict(Binding.UnclaimedReason.choices))},
            ),
        ),
        "ask_for_permissions": (
            Note(
                "%(needs)s",
                r"(?P<needs>[\w ]+)",
                {"needs": words_of({need.code: need.name for need in NEEDS})},
            ),
        ),
        "set_option": (
            Note(
                NAMED,
                r"(?P<name>\w+) = (?P<detail>\S*)",
                {"name": words_of(OPTION_TITLES)},
            ),
        ),
        "set_setting": (_SETTING, _SETTING_OF_PROFILE),
        "apply_setting": (_SETTING,),
        "refuse_setting": (_REFUSED_SETTING,),
        "apply_profile": (NAME_AND_NUMBER,),
        "change_settingprofile": (
            Note(NAMED, rf"(?P<name>.*): (?P<detail>{'|'.join(KINDS)})", {"detail": _KIND}),
        ),
        "change_platform_domains": (
            Note(
                NAMED,
                r"(?P<name>(?:server|webview) \w+) (?P<detail>.*)",
                {"name": words_of(_DOMAINS)},
            ),
        ),
        "read_token": (Note(_("good for %(number)s seconds"), r"(?P<number>\d+) s"),),
    }
)
