"""
Whose password is another is told so by mail, with what to do if it was not they: whoever has taken
a login over cannot keep its person from learning of it. A worker sends the mail.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.urls import reverse

from platform_auth.leases import release_db_connection
from platform_auth.login_models import NewPassword
from platform_auth.logins.languages import language_of
from platform_auth.mail import has_mail_server, write_mail

logger = logging.getLogger(__name__)

TELL_WITHIN = timedelta(days=1)
NEXT_TRY_AFTER = timedelta(minutes=5)
MAILS_A_RUN = 20  # of one run of the worker; the next is soon


def tell_of_new_password(user: User, by: NewPassword.By) -> None:
    """USER will hear that BY set them another password. Call it in the transaction that did."""
    if user.email and has_mail_server():
        NewPassword.objects.create(user=user, by=by)


def send_due_warnings() -> int:
    """Mail those that are due; how many. One that the mail server refuses is tried again."""
    number = 0
    due = NewPassword.objects.filter(due_at__lte=Now(), at__gt=Now() - TELL_WITHIN)
    for row in due.select_related("user").order_by("due_at")[:MAILS_A_RUN]:
        # Before it is sent: whoever else looks passes it by, and if we die it comes again.
        if due.filter(pk=row.pk).update(due_at=Now() + NEXT_TRY_AFTER):
            number += _send(row)
    return number


def _send(row: NewPassword) -> bool:
    mail = write_mail(
        row.user,
        "password_changed",
        language_of(row.user),
        at=row.at,
        by=row.by,
        link=settings.PUBLIC_URL + reverse("portal:forgotten-password"),
    )
    release_db_connection()
    try:
        mail.send()
    except (OSError, ValueError) as error:  # smtplib's are OSErrors; their text may name people
        logger.warning("nobody was told of a new password: %s", type(error).__name__)
        return False
    NewPassword.objects.filter(pk=row.pk).update(due_at=None)
    return True


def forget_old_warnings() -> None:
    NewPassword.objects.filter(at__lt=Now() - TELL_WITHIN).delete()
