"""Words that no password may hold: whoever guesses tries the name of the place first."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

WORDS = frozenset({"wechat", "weixin", "微信", "miniprogram"})
SHORTEST = 5  # of a label of our host: "www" is no name


class PasswordWords:
    """Django's kind of validator: WORDS, FORBIDDEN_PASSWORD_WORDS and the labels of our host."""

    def validate(self, password: str, user: object = None) -> None:
        labels = (urlsplit(settings.PUBLIC_URL).hostname or "").split(".")
        words = {*WORDS, *settings.FORBIDDEN_PASSWORD_WORDS, *labels[:-1]}
        held = [word for word in words if len(word) >= SHORTEST or word in WORDS]
        if any(word.casefold() in password.casefold() for word in held):
            raise ValidationError(self.get_help_text(), code="password_holds_a_word")

    def get_help_text(self) -> str:
        return _("Your password must not hold the name of the platform or of what it does.")
