"""The second factor of staff: setting it up, asking for it, removing it."""

import secrets
from base64 import b32encode
from urllib.parse import quote, urlencode

import django_otp
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from platform_auth.events import log_event
from platform_auth.login_models import SecondFactor, recovery_digest
from platform_auth.operations import Actor, record_operation

KEY_BYTES = 20
RECOVERY_CODES = 10
ISSUER = "WeChat platform"


def factor_of(user: Actor) -> SecondFactor | None:
    """The one that USER has set up."""
    factor: SecondFactor | None = SecondFactor.objects.filter(user=user.pk, confirmed=True).first()
    return factor


def is_wanting(user: Actor) -> bool:
    """Whether USER must set one up, and has not."""
    is_staff = getattr(user, "is_staff", False)
    return bool(settings.STAFF_NEEDS_TOTP and is_staff and factor_of(user) is None)


def begin_setup(user: Actor) -> SecondFactor:
    """A factor that waits for its first code; its key stays the same until then."""
    factor: SecondFactor
    factor, _made = SecondFactor.objects.get_or_create(
        user_id=user.pk or 0,
        defaults={"name": "TOTP", "confirmed": False, "key": secrets.token_hex(KEY_BYTES)},
    )
    return factor


def readable_key(factor: SecondFactor) -> str:
    """The key of FACTOR as apps take it by hand."""
    return b32encode(bytes.fromhex(factor.key)).decode()


def setup_url(factor: SecondFactor) -> str:
    """What the code to scan says: the key of FACTOR, and whose it is."""
    label = quote(f"{ISSUER}:{factor.user.get_username()}")
    words = {"secret": readable_key(factor), "issuer": ISSUER}
    return f"otpauth://totp/{label}?{urlencode(words, quote_via=quote)}"


def confirm_setup(request: HttpRequest, code: str) -> list[str]:
    """
    The app has made its first CODE: from now on it is asked for. Recovery codes, to be shown this
    once; none where CODE is wrong.
    """
    user = request.user
    with transaction.atomic():
        rows = SecondFactor.objects.select_for_update()
        factor = rows.filter(user=user.pk, confirmed=False).first()
        if factor is None or not factor.verify_token(code):
            log_event("second_factor", "wrong", user=user)
            return []
        codes = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
        factor.recovery_codes = [recovery_digest(word) for word in codes]
        factor.confirmed = True
        factor.save()
        record_operation("set_second_factor", by=user)
    django_otp.login(request, factor)
    log_event("second_factor", "set", user=user)
    return ["-".join(word[at : at + 4] for at in range(0, len(word), 4)) for word in codes]


def verify_code(user: Actor, code: str) -> SecondFactor | None:
    """The factor of USER, if CODE is right."""
    with transaction.atomic():
        rows = SecondFactor.objects.select_for_update()
        factor: SecondFactor | None = rows.filter(user=user.pk, confirmed=True).first()
        is_right = factor is not None and factor.verify_token(code)
    log_event("second_factor", "right" if is_right else "wrong", user=user)
    return factor if is_right else None


def remove_factor(user: Actor, *, by: Actor) -> None:
    """USER logs in with a password alone again, because BY wants that."""
    with transaction.atomic():
        SecondFactor.objects.filter(user=user.pk).delete()
        record_operation("remove_second_factor", by=by, result=user.get_username())
    log_event("second_factor", "removed", user=by, of=user.get_username())
