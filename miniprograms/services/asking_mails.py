"""Mails to merchants whose accounts have to be authorised again, each with the links to do it."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.utils import translation

from miniprograms.services.bind_links import LINK_LIFETIME
from miniprograms.services.permission_drift import Invitation
from platform_auth.leases import release_db_connection
from platform_auth.mail import has_mail_server


def is_mailable(user: User | None) -> bool:
    """Whether a link can go to USER by mail."""
    return user is not None and bool(user.email) and has_mail_server()


def mail_invitations(invitations: Sequence[Invitation]) -> list[Invitation]:
    """
    INVITATIONS, once those of each merchant have gone to their address in one mail: with this
    address, or with why the mail server did not take it. Those without an address stay as they are.
    """
    people = {one.user.pk: one.user for one in invitations if is_mailable(one.user)}
    if not people:
        return list(invitations)
    own = {pk: [one for one in invitations if one.user.pk == pk] for pk in people}
    release_db_connection()
    problems = _send([_mail_for(people[pk], own[pk]) for pk in people])
    outcomes = dict(zip(people, problems, strict=True))
    return [
        replace(
            one,
            mailed_to="" if outcomes[one.user.pk] else one.user.email,
            problem=outcomes[one.user.pk],
        )
        if one.user.pk in outcomes
        else one
        for one in invitations
    ]


def _send(mails: list[EmailMessage]) -> list[str]:
    """Send MAILS over one connection; of each what went wrong, by the class of the error."""
    connection = get_connection()
    problems = []
    for mail in mails:
        mail.connection = connection
        try:
            connection.open()
            mail.send()
        except (OSError, ValueError) as error:  # smtplib's are OSErrors; their text may name people
            problems.append(type(error).__name__)
        else:
            problems.append("")
    connection.close()
    return problems


def _mail_for(user: User, invitations: list[Invitation]) -> EmailMessage:
    context = {
        "invitations": invitations,
        "days": LINK_LIFETIME.days,
        "company": settings.COMPANY_NAME or urlsplit(settings.PUBLIC_URL).hostname,
        "contact": settings.SUPPORT_CONTACT,
        "hours": settings.SUPPORT_HOURS,
    }
    with translation.override(settings.LANGUAGE_CODE):
        subject = " ".join(render_to_string("mail/authorise_again_subject.txt", context).split())
        text = render_to_string("mail/authorise_again.txt", context)
    headers = {"Auto-Submitted": "auto-generated"}
    return EmailMessage(subject, text, to=[user.email], headers=headers)
