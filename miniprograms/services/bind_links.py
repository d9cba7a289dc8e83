"""Links with which merchants who have no login can bind."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.urls import reverse

from platform_auth.operations import Actor, record_operation

LINK_LIFETIME = timedelta(days=3)
LINK_SALT = "miniprograms.bind-link"


def make_bind_link(user: User, *, by: Actor) -> str:
    """A link with which USER can bind without logging in, for three days; BY makes it."""
    signed = signing.dumps(user.pk, salt=LINK_SALT)
    record_operation("make_bind_link", by=by, result=user.get_username())
    url: str = settings.PUBLIC_URL + reverse("portal:bind-link", args=[signed])
    return url


def read_bind_link(signed: str) -> User | None:
    """Whose link SIGNED is; None if it is forged, older than three days, or the user is gone."""
    try:
        pk = signing.loads(signed, salt=LINK_SALT, max_age=LINK_LIFETIME)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=pk, is_active=True).first()
