"""What is known of logins: how many have failed, and the sessions of those that have not."""

import secrets
import time
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from platform_auth.fields import SecretField, SecretModel


class PasswordReset(models.Model):
    """
    Somebody has asked for a link to set a new password, for whoever has this address; for an hour.
    """

    email = models.CharField(max_length=254)
    language = models.CharField(max_length=10, blank=True)
    at = models.DateTimeField(db_default=Now(), db_index=True)
    due_at = models.DateTimeField(null=True, db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["email", "at"], name="reset_email"),
            models.Index(
                fields=["due_at"], condition=models.Q(due_at__isnull=False), name="reset_due"
            ),
        ]

    def __str__(self) -> str:
        return f"password reset {self.pk}"


class NewPassword(models.Model):
    """
    Somebody's password is another, and they are to be told by mail, whoever it was; for a day.
    """

    class By(models.TextChoices):
        THEMSELVES = "themselves"
        LINK = "link"
        STAFF = "staff"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    by = models.CharField(max_length=10, choices=By.choices)
    at = models.DateTimeField(db_default=Now(), db_index=True)
    due_at = models.DateTimeField(null=True, db_default=Now())

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="new_password_due",
            )
        ]

    def __str__(self) -> str:
        return f"new password of {self.user_id}"


class PersonLanguage(models.Model):
    """The language that somebody reads: of their invitation, then of the page they log in at."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    language = models.CharField(max_length=10)

    def __str__(self) -> str:
        return f"{self.user_id} reads {self.language}"


class KeyNote(models.Model):
    """By what a person tells one of their keys to the API from the others."""

    key = models.OneToOneField(
        "knox.AuthToken", on_delete=models.CASCADE, primary_key=True, related_name="note"
    )
    name = models.CharField(max_length=60, blank=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name or "–"


class ClockedQuerySet(models.QuerySet[Any]):
    def with_clock(self) -> Self:
        """Rows that know the database's time as `now`: the one clock that all hosts share."""
        return self.annotate(now=Now())


class LoginCounter(models.Model):
    """
    How many passwords were wrong lately: of one user from one address, from one address, of one
    user, or of one user in a browser that is known.
    """

    key = models.CharField(max_length=64, primary_key=True)  # a digest: see logins.attempts
    failures = models.FloatField(default=0)
    at = models.DateTimeField(db_default=Now(), db_index=True)  # of the last one
    not_before = models.DateTimeField(null=True)  # the next try

    now: datetime  # by with_clock()

    objects = ClockedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.failures} at {self.at}"


class LoginSession(AbstractBaseSession):
    """A browser's session. Django's, and what its person needs to know it again in a list."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    agent = models.CharField(max_length=200, blank=True)  # what the browser calls itself
    address = models.CharField(max_length=45, blank=True)
    began_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"session of {self.user_id}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        return store


def new_reference() -> str:
    """What ties the key to its row."""
    return secrets.token_hex(16)


class SecondFactor(TimestampMixin, ThrottlingMixin, Device, SecretModel):  # type: ignore[django-manager-missing]
    """
    An app on a person's phone that makes codes of six digits (TOTP): a device of django-otp's,
    whose own table would hold the key in the clear. After wrong codes it waits, ever longer.
    """

    STEPS_ASIDE = 1  # of 30 seconds, that clocks may differ

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    key = SecretField()  # in hexadecimal
    last_step = models.BigIntegerField(default=-1)  # of the code used last: each is good once
    recovery_codes = models.JSONField(default=list)  # digests of those that are left

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], name="one_second_factor_a_person")]

    def verify_token(self, token: str) -> bool:
        """Whether TOKEN is a code of the app, or a recovery code; each is good once."""
        is_allowed, _why = self.verify_is_allowed()
        if not is_allowed:
            return False
        word = "".join(token.split()).replace("-", "").lower()
        if self._is_code(word) or self._is_recovery_code(word):
            self.throttle_reset(commit=False)
            self.set_last_used_timestamp(commit=True)
            return True
        self.throttle_increment(commit=True)
        return False

    def _is_code(self, word: str) -> bool:
        if not (word.isascii() and word.isdigit() and len(word) == 6):
            return False
        totp = TOTP(bytes.fromhex(self.key))
        totp.time = time.time()
        if not totp.verify(int(word), self.STEPS_ASIDE, self.last_step + 1):
            return False
        self.last_step = totp.t()
        return True

    def _is_recovery_code(self, word: str) -> bool:
        digest = recovery_digest(word)
        if digest not in self.recovery_codes:
            return False
        self.recovery_codes.remove(digest)
        return True

    def get_throttle_factor(self) -> int:
        return 1


def recovery_digest(word: str) -> str:
    """What is kept of a recovery code, which has 80 random bits."""
    return sha256(word.encode()).hexdigest()
