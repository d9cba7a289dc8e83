"""How the results of acts on code read in the operation log."""

from django.utils.translation import gettext_lazy as _

from audits.services.preflight.checking import TITLES
from platform_auth.admin.results import (
    COUNTED,
    NAME_AND_NUMBER,
    NAMED,
    Note,
    add_notes,
    one_of,
    words_of,
)

_AUDIT = Note(_("audit %(number)s"), r"(?P<number>\d+)")
_OF_TEMPLATE = Note(
    _("template %(name)s: %(detail)s"), r"codetemplate (?P<name>.*): (?P<detail>.*)"
)
_OF_TAG = Note(_("tag %(name)s: %(detail)s"), r"tag (?P<name>.*): (?P<detail>.*)")
# Why the system stops something by itself, as it was written down in its language.
_REASONS = one_of(
    Note(_("%(person)s may not do this any more. Somebody who may can resume it.")),
    Note(_("%(person)s may not do this any more. Somebody who may can save it again.")),
    Note(_("%(failed)d of %(begun)d failed, more than %(most)d %%. Look at their reasons first.")),
)
_STOPPED = Note(NAMED, r"(?P<name>.*?): (?P<detail>.*)", {"detail": _REASONS})

add_notes(
    {
        "approve_release": (_AUDIT,),
        "withdraw_audit": (_AUDIT,),
        "speed_up_audit": (_AUDIT,),
        "submit_despite_preflight": (
            Note(NAMED, r"(?P<name>[\w ]+): (?P<detail>.*)", {"name": words_of(TITLES)}),
        ),
        "revert": (Note(_("back to number %(number)d")),),
        "release_mismatch": (Note(_("Approved was %(approved)s, live is %(live)s.")),),
        "add_template": (Note(_("draft %(number)s"), r"draft (?P<number>\d+)"),),
        "delete_template": (Note(_("template %(number)s"), r"template (?P<number>\d+)"),),
        "set_ext_values": (_OF_TEMPLATE, _OF_TAG),
        "set_submission_profile": (_OF_TEMPLATE,),
        "export_ext_values": (COUNTED,),
        "create_campaign": (NAME_AND_NUMBER,),
        "release_campaign": (NAME_AND_NUMBER,),
        "pause_campaign": (_STOPPED,),
        "stop_speeduprule": (_STOPPED,),
    }
)
