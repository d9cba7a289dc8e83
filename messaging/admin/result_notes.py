"""How the results of acts on messages and targets read in the operation log."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from platform_auth.admin.results import COUNTED, NAMED, Note, add_notes
from platform_auth.listing import list_words

_NOTED = {"remark": _("remark"), "labels": _("labels")}
_IN_CHARGE = "in charge: "


def _name_changes(changed: str) -> object:
    """What was noted of a user; the last may be who is in charge."""
    words, in_charge, person = changed.partition(_IN_CHARGE)
    listed = [str(_NOTED.get(word, word)) for word in words.split(", ") if word]
    if in_charge:
        person = gettext("not assigned") if person == "–" else person
        listed.append(gettext("in charge: %(person)s") % {"person": person})
    return list_words(listed)


def _name_time(text: str) -> object:
    try:
        return date_format(localtime(datetime.fromisoformat(text)), "Y-m-d H:i")
    except ValueError:
        return text


add_notes(
    {
        "note_user": (
            Note(NAMED, r"(?P<name>….{0,6}): (?P<detail>.*)", {"detail": _name_changes}),
        ),
        "resend_deliveries": (COUNTED,),
        "give_up_deliveries": (COUNTED,),
        "resend_since": (
            Note(
                _("%(name)s, since %(time)s; number: %(number)s"),
                r"(?P<name>.*): (?P<time>\S+), (?P<number>\d+)",
                {"time": _name_time},
            ),
        ),
        "rehearse_release": (Note(_("passed"), r"passed"),),
    }
)
