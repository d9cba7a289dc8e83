"""What somebody reads who opens a link or a code again that leads nowhere any more."""

from dataclasses import dataclass
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from miniprograms.models import Authorizer


@dataclass(frozen=True, slots=True)
class Ending:
    """MARK is its look: good, wait, bad."""

    mark: str
    title: StrOrPromise
    text: StrOrPromise


_USED = _("This link has been used")
_FINISHING = Ending(
    "wait",
    _USED,
    _(
        "The administrator has confirmed, and we are finishing the binding. You can close this "
        "page."
    ),
)
_WAITING_FOR_STAFF = Ending(
    "wait",
    _USED,
    _(
        "Our staff will look at it and get in touch if they have a question. There is nothing for "
        "you to do."
    ),
)
_DECLINED = Ending(
    "bad",
    _("This binding was declined"),
    _("Our staff have declined it. Please ask them if you think that is a mistake."),
)
BOUND = Ending("good", _USED, _("You can close this page."))
# By how the attempt stands that a code for the phone was for.
OF_CODES = {
    "bound": BOUND,
    "finishing": _FINISHING,
    "held_up": _FINISHING,
    "parked": _WAITING_FOR_STAFF,
    "declined": _DECLINED,
    "expired": Ending(
        "bad",
        _("This link has expired"),
        _("Nobody confirmed in time. Nothing has changed. Please start the binding again."),
    ),
    "dropped": Ending(
        "bad",
        _("This binding was cancelled"),
        _("Nothing has changed. You can start another whenever you like."),
    ),
}
# By what has become of a bind link.
OF_LINKS = {
    "bound": BOUND,
    "unclaimed": _WAITING_FOR_STAFF,
    "refused": _DECLINED,
    "expired": Ending(
        "bad",
        _("This link has expired"),
        _("It was good for three days. Nothing has changed. Please ask us for a new one."),
    ),
    "revoked": Ending(
        "bad",
        _("This link was withdrawn"),
        _("Nothing has changed. Please ask us for a new one if you still want to bind."),
    ),
}
UNKNOWN = Ending(
    "bad",
    _("This link is not valid any more"),
    _(
        "It may have expired, or belong to another browser or another user. Nothing has changed. "
        "Start again from your list, or ask us for a new link."
    ),
)


def render_ending(
    request: HttpRequest, ending: Ending, bound: list[Authorizer] | None = None
) -> HttpResponse:
    """The page of ENDING, with what was BOUND. Only who is logged in, or lost, is led to a list."""
    context = {
        "ending": ending,
        "bound": bound or [],
        "leads_home": request.user.is_authenticated or ending is UNKNOWN,
    }
    return render(request, "portal/gone.html", context, status=HTTPStatus.NOT_FOUND)
