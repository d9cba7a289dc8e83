"""
A new password for whoever has forgotten theirs, by a link that is mailed to them.

Whoever asks, for whichever address, is told the same in the same time: the request only writes the
address down. A worker looks whose it is, and mails them the link. Three mails an hour are sent to
one address, and each client may ask so often and then waits, ever longer; nobody's password changes
before the link was used.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode, urlsafe_base64_encode

from platform_auth.events import log_event
from platform_auth.leases import release_db_connection
from platform_auth.login_models import NewPassword, PasswordReset
from platform_auth.logins.addresses import client_address, network_of
from platform_auth.logins.attempts import Lanes, count_attempt
from platform_auth.logins.languages import note_language
from platform_auth.logins.new_passwords import tell_of_new_password
from platform_auth.logins.sessions import end_access
from platform_auth.mail import write_mail
from platform_auth.operations import record_operation

logger = logging.getLogger(__name__)

FORGET_AFTER = timedelta(hours=1)
MOST_MAILS = 3  # to one address, meanwhile
TRY_AGAIN_AFTER = timedelta(minutes=1)
AT_ONCE = 20  # of one run of the worker; the next is soon


def ask_for_reset(request: HttpRequest, email: str) -> None:
    """Write down that whoever has EMAIL wants a link. Raises TooManyAttempts."""
    count_attempt(Lanes.of_resets(network_of(client_address(request))))
    email = email.strip().lower()
    recent = PasswordReset.objects.filter(email=email, at__gt=Now() - FORGET_AFTER)
    is_enough = recent.count() >= MOST_MAILS
    if not is_enough:
        PasswordReset.objects.create(email=email, language=translation.get_language() or "")
    log_event("password_reset", "ignored" if is_enough else "asked", user="")


def send_due_links() -> int:
    """Mail the links that are due; how many. One that the mail server refuses is tried again."""
    number = 0
    due = PasswordReset.objects.filter(due_at__lte=Now(), at__gt=Now() - FORGET_AFTER)
    for row in due.order_by("due_at")[:AT_ONCE]:
        # Before it is sent: whoever else looks passes it by, and if we die it comes again.
        if due.filter(pk=row.pk).update(due_at=Now() + TRY_AGAIN_AFTER):
            number += _send_links(row)
    return number


def _send_links(row: PasswordReset) -> int:
    users = list(PasswordResetForm().get_users(row.email))
    release_db_connection()
    try:
        for user in users:
            _mail_for(user, row.language).send()
    except (OSError, ValueError) as error:  # smtplib's are OSErrors; their text may name people
        logger.warning("a link for a new password was not mailed: %s", type(error).__name__)
        return 0
    PasswordReset.objects.filter(pk=row.pk).update(due_at=None)
    for user in users:
        log_event("password_reset", "mailed", user=user)
    return len(users)


def _mail_for(user: User, language: str) -> EmailMessage:
    """The link travels in a query, which no log of ours and none of nginx's holds."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    token = default_token_generator.make_token(user)
    path = reverse("portal:reset-password", args=[uid])
    link = f"{settings.PUBLIC_URL}{path}?{urlencode({'token': token})}"
    minutes = settings.PASSWORD_RESET_TIMEOUT // 60
    return write_mail(user, "new_password", language, link=link, minutes=minutes)


def finish_reset(user: User) -> None:
    """USER's new password, which is set but not saved, counts; what the old one opened ends."""
    with transaction.atomic():
        user.save(update_fields=["password"])
        ended = end_access(user)
        note_language(user)
        tell_of_new_password(user, NewPassword.By.LINK)
        record_operation("reset_password", by=user, result=ended)
    log_event("password_reset", "done", user=user)


def forget_old_resets() -> None:
    PasswordReset.objects.filter(at__lt=Now() - FORGET_AFTER).delete()
