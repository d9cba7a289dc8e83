"""
What of all that happens to an account its merchant is told, and in which words: by the word that
the row of a review, a notice or the operation log has for it. No two of them have the same.
"""

import re
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

_CLIENT = r"(?: ?\[[^\[\]]*\])?"  # the program that did it for its owner


@dataclass(frozen=True, slots=True)
class Telling:
    """
    A sentence, with the names of what its row tells; TONE is good or bad. RESULT is what the
    operation log has of it where WeChat did not refuse it.
    """

    sentence: StrOrPromise
    tone: str = ""
    result: str = ""

    def match(self, result: str) -> dict[str, str] | None:
        """The parts of RESULT; None where WeChat refused it."""
        match = re.fullmatch(self.result + _CLIENT, result, re.DOTALL)
        return match and match.groupdict(default="")


TELLINGS = {
    # What becomes of a review.
    "in_review": Telling(_("Version %(version)s was handed to WeChat for review.")),
    "passed": Telling(_("WeChat approved version %(version)s."), "good"),
    "rejected": Telling(_("WeChat did not approve version %(version)s."), "bad"),
    "delayed": Telling(_("WeChat needs longer to review version %(version)s.")),
    "withdrawn": Telling(_("The review of version %(version)s was called off.")),
    "refused": Telling(_("WeChat could not begin to review version %(version)s."), "bad"),
    "sped_up": Telling(_("WeChat was asked to review version %(version)s sooner.")),
    # What is in the operation log.
    "bind": Telling(_("It was bound: we may work for it."), result=r"(?P<lacks>[a-z_ ]*)"),
    "assign_binding": Telling(
        _("It was bound, after our staff had looked at it."),
        result=r"[^:]*(?:: (?P<lacks>[a-z_ ]+))?",
    ),
    "unbind_locally": Telling(_("Our staff ended the binding.")),
    "cancelled in WeChat": Telling(_("The binding was ended at WeChat."), "bad"),
    "ask_for_permissions": Telling(_("You were asked to authorise us again."), result=r".*"),
    "apply_setting": Telling(
        _("A setting was changed: %(name)s."), result=r"(?P<setting>[\w-]+) \d+"
    ),
    "set_option": Telling(_("A setting was changed: %(name)s."), result=r"(?P<option>\w+) = \S*"),
    "upload_guideline_file": Telling(_("A file of the privacy guideline was uploaded.")),
    "open_service": Telling(_("It was opened to its users.")),
    "close_service": Telling(_("It was closed to its users.")),
    "gray_release": Telling(
        _("A new version went online for %(share)s %% of its users."), result=r"(?P<share>\d+) %"
    ),
    "stop_gray_release": Telling(
        _("The new version was taken back: all users have the one before.")
    ),
    "add_tester": Telling(_("%(name)s may try new versions out."), result=r"(?P<name>\S+)"),
    "remove_tester": Telling(
        _("%(name)s may not try new versions out any more."), result=r"(?P<name>\S+)"
    ),
    "apply_for_interface": Telling(
        _("WeChat was asked for the interface %(name)s."), result=r"(?P<name>[\w.]+)"
    ),
    "interface_granted": Telling(
        _("WeChat allowed the interface %(name)s."), "good", r"(?P<name>[\w.]+).*"
    ),
    "interface_rejected": Telling(
        _("WeChat did not allow the interface %(name)s."),
        "bad",
        r"(?P<name>[\w.]+) ?(?P<reason>.*?)",
    ),
    # What WeChat told us, as long as it is kept.
    "authorizer.needs_reauthorization": Telling(
        _("WeChat does not let us work for it, until its administrator authorises us again."),
        "bad",
    ),
    "account.banned": Telling(_("WeChat banned it."), "bad"),
    "account.frozen": Telling(_("WeChat froze it."), "bad"),
    "account.cancelled": Telling(_("It was closed at WeChat."), "bad"),
    "account.alerted": Telling(_("WeChat warned it."), "bad"),
    "account.violation": Telling(_("WeChat reported a violation."), "bad"),
    "account.expiring": Telling(_("WeChat reported that its verification runs out."), "bad"),
}

# Bound, but with permissions left out.
LACKING = _("It was bound, but we lack the permissions to:")
CHANGED = _("What we may do for it has changed.")
CHANGED_LACKING = _("What we may do for it has changed. We lack the permissions to:")
