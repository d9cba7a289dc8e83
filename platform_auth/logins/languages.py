"""Which language a person reads, for what we write to them while they are not there."""

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation

from platform_auth.login_models import PersonLanguage
from platform_auth.operations import Actor


def note_language(user: User, language: str | None = None) -> None:
    """USER reads LANGUAGE, or that of the page which is just being answered."""
    language = language or translation.get_language()
    if language not in dict(settings.LANGUAGES):
        return
    rows = PersonLanguage.objects
    if not rows.filter(user=user.pk, language=language).exists():
        rows.update_or_create(user_id=user.pk, defaults={"language": language})


def language_of(user: Actor) -> str:
    """What USER reads; the platform's own language, if we do not know."""
    row = PersonLanguage.objects.filter(user=user.pk).first()
    return row.language if row else settings.LANGUAGE_CODE
