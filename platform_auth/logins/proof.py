"""Before grave acts whoever is logged in proves again who they are, unless they just have."""

from django.conf import settings
from django.http import HttpRequest

from platform_auth.logins.second_factor import factor_of
from platform_auth.logins.sessions import seconds_since_proof


class NeedsProof(Exception):
    """The person is asked, and comes back."""


def require_proof(request: HttpRequest) -> None:
    """Raises NeedsProof, which leads to the page that asks."""
    age = seconds_since_proof(request)
    limits = (settings.PROOF_MINUTES_WITH_TOTP * 60, settings.PROOF_MINUTES * 60)
    if age > max(limits) or (age > min(limits) and age > _limit(request)):
        raise NeedsProof


def _limit(request: HttpRequest) -> float:
    has_factor = factor_of(request.user) is not None
    minutes = settings.PROOF_MINUTES_WITH_TOTP if has_factor else settings.PROOF_MINUTES
    return float(minutes * 60)
