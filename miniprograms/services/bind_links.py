"""Links with which merchants who have no login can bind, or authorise an account again."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.urls import reverse

from miniprograms.models import Authorizer
from platform_auth.operations import Actor, record_operation

LINK_LIFETIME = timedelta(days=3)
LINK_SALT = "miniprograms.bind-link"


def make_bind_link(user: User, *, by: Actor, appid: str = "") -> str:
    """
    A link with which USER can bind without logging in, for three days; BY makes it. With APPID it
    is for this account of theirs alone.
    """
    signed = signing.dumps([user.pk, appid] if appid else user.pk, salt=LINK_SALT)
    record_operation("make_bind_link", by=by, appid=appid, result=user.get_username())
    url: str = settings.PUBLIC_URL + reverse("portal:bind-link", args=[signed])
    return url


def read_bind_link(signed: str) -> User | None:
    """Whose link SIGNED is; None if it is forged, older than three days, or the user is gone."""
    pk, _appid = _read(signed)
    return User.objects.filter(pk=pk, is_active=True).first()


def linked_account(signed: str) -> Authorizer | None:
    """The account that SIGNED is for alone, while it belongs to whose link it is."""
    pk, appid = _read(signed)
    account: Authorizer | None = Authorizer.objects.filter(appid=appid, owner=pk).first()
    return account


def is_for_one(signed: str) -> bool:
    """Whether SIGNED is good for one account only."""
    return bool(_read(signed)[1])


def _read(signed: str) -> tuple[int, str]:
    """The key of a user, 0 for none, and an appid or ""."""
    try:
        content = signing.loads(signed, salt=LINK_SALT, max_age=LINK_LIFETIME)
    except signing.BadSignature:
        return 0, ""
    return (content[0], content[1]) if isinstance(content, list) else (content, "")
