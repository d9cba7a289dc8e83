"""What only accounts of one kind have."""

from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.problems import CannotAct

_TEXTS = {
    Authorizer.Kind.MINI_PROGRAM: _(
        "Only mini programs have this, and the account is none. Users of an official account log "
        "in through oauth/."
    ),
    Authorizer.Kind.OFFICIAL_ACCOUNT: _(
        "Only official accounts have this, and the account is none. Users of a mini program log in "
        "through login/."
    ),
}


class OtherKind(CannotAct):
    """WeChat has this for accounts of another kind."""

    code = "other_kind"


def check_kind(authorizer: Authorizer, kind: Authorizer.Kind) -> None:
    """Raises OtherKind unless AUTHORIZER is of KIND; of one that is not known WeChat decides."""
    if authorizer.kind not in (kind, Authorizer.Kind.UNKNOWN):
        raise OtherKind(_TEXTS[kind])
