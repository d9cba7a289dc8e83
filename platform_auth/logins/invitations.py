"""
Somebody who is new sets their own password, by a link that is good once and for three days. Nobody
else ever knows it, and no mail holds it. A newer invitation ends those before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import urlencode, urlsafe_base64_encode

from platform_auth.events import log_event
from platform_auth.leases import release_db_connection
from platform_auth.logins.languages import note_language
from platform_auth.mail import has_mail_server, write_mail
from platform_auth.models import Operation
from platform_auth.operations import Actor, record_operation
from platform_auth.roles import ADMINISTRATOR

GOOD_FOR = timedelta(days=3)
MOST_AN_HOUR = 60  # by one member of staff
_SALT = "platform_auth.invitation"


class TooManyInvitations(Exception):
    """One person has sent so many within the hour that another must wait."""


class InvitationTokens:
    """In the place of Django's tokens to reset a password, which are good for a shorter time."""

    def make_token(self, user: User) -> str:
        return TimestampSigner(salt=_SALT).sign(_mark(user))

    def check_token(self, user: User | None, token: str) -> bool:
        """Whether TOKEN is of the newest invitation of USER, who has not followed it yet."""
        if user is None or not is_invited(user):
            return False
        try:
            mark = TimestampSigner(salt=_SALT).unsign(token, max_age=GOOD_FOR)
        except BadSignature:
            return False
        return constant_time_compare(mark, _mark(user))


def _mark(user: User) -> str:
    """What changes with each invitation, since no unusable password is like another."""
    return salted_hmac(_SALT, f"{user.pk} {user.password} {user.email}").hexdigest()[:32]


def is_invited(user: User) -> bool:
    """Whether USER has been asked in and has not set a password yet."""
    return user.is_active and not user.has_usable_password()


@dataclass(frozen=True)
class Invitation:
    """What came of one: the LINK to hand over, if it was not mailed, and why it was not."""

    user: User
    mailed_to: str = ""
    link: str = ""
    problem: str = ""


def create_person(
    login: str,
    name: str,
    *,
    by: Actor,
    groups: Iterable[Group] = (),
    is_staff: bool = False,
    is_superuser: bool = False,
) -> User:
    """
    A merchant, or staff of GROUPS, without a password yet. LOGIN is their user name; an e-mail
    address is their address, too.
    """
    user = User(
        username=login,
        email=login if "@" in login else "",
        first_name=name,
        is_staff=is_staff,
        is_superuser=is_superuser,
    )
    user.set_unusable_password()
    roles = [group.name for group in groups]
    with transaction.atomic():
        user.save()
        user.groups.set(groups)
        titles = [str(ADMINISTRATOR)] if is_superuser else roles
        result = f"{user}: {', '.join(titles)}" if is_staff else str(user)
        record_operation("add_user", by=by, result=result)
    return user


def invite(user: User, language: str, *, by: Actor) -> Invitation:
    """
    Mail USER a link in LANGUAGE; where that cannot be, the link is for whoever invites. What was
    sent before is good no more. Raises TooManyInvitations.
    """
    _count(by)
    with transaction.atomic():
        user.set_unusable_password()
        user.save(update_fields=["password"])
        note_language(user, language)
        record_operation("invite_user", by=by, result=str(user))
    log_event("invite", "done", user=by, of=str(user))
    link = _link_for(user, language)
    if not user.email or not has_mail_server():
        return Invitation(user, link=link)
    release_db_connection()
    try:
        write_mail(user, "invitation", language, link=link, days=GOOD_FOR.days).send()
    except (OSError, ValueError) as error:  # smtplib's are OSErrors; their text may name people
        return Invitation(user, link=link, problem=type(error).__name__)
    return Invitation(user, mailed_to=user.email)


def _count(by: Actor) -> None:
    since = Now() - timedelta(hours=1)
    recent = Operation.objects.filter(actor_name=by.get_username(), at__gt=since)
    if recent.filter(action="invite_user").count() >= MOST_AN_HOUR:
        raise TooManyInvitations


def _link_for(user: User, language: str) -> str:
    """The token travels in a query, which no log of ours and none of nginx's holds."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    path = reverse("portal:accept-invitation", args=[uid])
    query = {"token": InvitationTokens().make_token(user), "language": language}
    return f"{settings.PUBLIC_URL}{path}?{urlencode(query)}"


def accept_invitation(user: User) -> None:
    """USER's password, which is set but not saved, counts from now on."""
    with transaction.atomic():
        user.save(update_fields=["password"])
        note_language(user)
        record_operation("accept_invitation", by=user)
    log_event("invitation", "accepted", user=user)
