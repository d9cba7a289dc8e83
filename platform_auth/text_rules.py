"""How texts must look, rule by rule: whoever enters one is told the rule that it breaks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

MOST_NAMED = 5  # characters that do not belong there


@dataclass(frozen=True, slots=True)
class TextRule:
    """
    What IS_KEPT by a good text, as SENTENCE says. That may name %(length)d, and %(odd)s: which
    characters of the text are none of ALLOWED, a class of a regular expression.
    """

    sentence: StrOrPromise
    is_kept: Callable[[str], object]
    allowed: str = ""

    def tell(self, text: str) -> str:
        odd = dict.fromkeys(re.findall(f"[^{self.allowed}]", text)) if self.allowed else {}
        named = " ".join(map(_name_character, list(odd)[:MOST_NAMED]))
        return str(self.sentence) % {"length": len(text), "odd": named}


def _name_character(character: str) -> str:
    if character.isspace():
        return str(_("a space"))
    return character if character.isprintable() else f"U+{ord(character):04X}"


def made_of(allowed: str, sentence: StrOrPromise) -> TextRule:
    """A rule of which characters there may be: ALLOWED, a class of a regular expression."""
    pattern = re.compile(f"[{allowed}]*", re.ASCII)
    return TextRule(sentence, pattern.fullmatch, allowed)


def as_long_as(least: int, most: int, sentence: StrOrPromise) -> TextRule:
    return TextRule(sentence, lambda text: least <= len(text) <= most)


def broken_rules(text: str, rules: Sequence[TextRule]) -> list[str]:
    """What RULES say that TEXT does not keep to."""
    return [rule.tell(text) for rule in rules if not rule.is_kept(text)]


@deconstructible
class RuledText(RegexValidator):
    """A regular expression, for schemas, that is told as the rules it is made of."""

    rules: Sequence[TextRule] = ()

    def __call__(self, value: Any) -> None:
        text = str(value)
        if broken := broken_rules(text, self.rules):
            raise ValidationError(broken)
        super().__call__(text)


@deconstructible
class AppidText(RuledText):
    regex = r"^wx[0-9a-zA-Z]{8,30}\Z"
    message = _("An appid is wx and 8 to 30 letters and digits.")
    rules = (
        TextRule(_("An appid begins with wx."), lambda text: text.startswith("wx")),
        made_of("0-9A-Za-z", _("An appid has letters and digits only; here is: %(odd)s")),
        as_long_as(10, 32, _("An appid has 10 to 32 characters, usually 18; this has %(length)d.")),
    )


@deconstructible
class AesKeyText(RuledText):
    regex = r"^[A-Za-z0-9]{43}\Z"
    message = _("An EncodingAESKey has 43 letters and digits.")
    rules = (
        made_of("0-9A-Za-z", _("An EncodingAESKey has letters and digits only.")),
        as_long_as(43, 43, _("An EncodingAESKey has 43 characters; this has %(length)d.")),
    )


@deconstructible
class MessageTokenText(RuledText):
    regex = r"^[A-Za-z0-9]{3,32}\Z"
    message = _("A token has 3 to 32 letters and digits.")
    rules = (
        made_of("0-9A-Za-z", _("A token has letters and digits only.")),
        as_long_as(3, 32, _("A token has 3 to 32 characters; this has %(length)d.")),
    )


@deconstructible
class AppSecretText(RuledText):
    regex = r"^[!-~]{1,128}\Z"
    message = _("An AppSecret is one word of letters, digits and signs.")
    rules = (
        TextRule(_("An AppSecret has no spaces."), lambda text: not re.search(r"\s", text)),
        made_of(r"!-~\s", _("An AppSecret has letters, digits and signs of ASCII only.")),
        as_long_as(1, 128, _("An AppSecret has at most 128 characters; this has %(length)d.")),
    )


is_appid = AppidText()
is_aes_key = AesKeyText()
is_message_token = MessageTokenText()
is_app_secret = AppSecretText()


# Addresses of pages

_NO_SPACE = TextRule(
    _("An address has no spaces: write %%20 in the place of one."),
    lambda text: not re.search(r"\s", text),
)
_PRINTED = made_of(
    r"!-~\s", _("An address has letters, digits and signs of ASCII only; here is: %(odd)s")
)
PAGE_RULES = (
    TextRule(
        _("A whole address is needed, with https:// and a host."),
        lambda text: re.match(r"https?://[^/?#]", text, re.IGNORECASE),
    ),
    _NO_SPACE,
    TextRule(_("An address has no backslash."), lambda text: "\\" not in text),
    TextRule(
        _("There is no user name in an address: leave out what stands before @."),
        lambda text: "@" not in _authority(text),
    ),
)
# Where others than letters of ASCII are to be written as %xx.
ASCII_PAGE_RULES = (*PAGE_RULES, _PRINTED)


def _authority(text: str) -> str:
    """Host and port in TEXT, an address, with what else may stand there."""
    return re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0]


def check_text(
    text: str, rules: Sequence[TextRule], otherwise: StrOrPromise, is_good: bool
) -> None:
    """Raises ValidationError with the rules that TEXT breaks, or OTHERWISE where it IS not GOOD."""
    if broken := broken_rules(text, rules):
        raise ValidationError(broken)
    if not is_good:
        raise ValidationError(str(otherwise))


# E-mail

EMAIL_RULES = (
    TextRule(_("An e-mail address has one @."), lambda text: text.count("@") == 1),
    TextRule(_("An e-mail address has no spaces."), lambda text: not re.search(r"\s", text)),
    TextRule(
        _("Something stands before the @ of an e-mail address."),
        lambda text: not text.startswith("@"),
    ),
    TextRule(
        _("A domain stands behind the @ of an e-mail address, such as example.com."),
        lambda text: "@" not in text or "." in text.rpartition("@")[2].strip("."),
    ),
)


# Hosts, paths and networks of API clients

HOST_RULES = (
    TextRule(_("it is written without https://"), lambda text: "://" not in text),
    TextRule(
        _("it is a host alone, without a path"), lambda text: "/" not in text.split("://")[-1]
    ),
    TextRule(_("it is written in small letters"), lambda text: text == text.lower()),
    TextRule(
        _("its port is a number of up to five digits"),
        lambda text: re.fullmatch(r"[^:]*(?::[0-9]{1,5})?", text.split("://")[-1], re.ASCII),
    ),
    made_of(
        "0-9A-Za-z.:/-", _("a host has letters, digits, dots and hyphens only; here is: %(odd)s")
    ),
    TextRule(_("no part between its dots is empty"), lambda text: ".." not in f".{text}."),
)
PATH_RULES = (
    TextRule(_("it begins with /"), lambda text: text.startswith("/")),
    TextRule(_("it has no query"), lambda text: "?" not in text),
    TextRule(_("none of its parts is empty"), lambda text: "//" not in text),
    TextRule(_("none of its parts is . or .."), lambda text: not {".", ".."} & {*text.split("/")}),
    made_of("0-9A-Za-z_./?-", _("a path has letters, digits and _.- only; here is: %(odd)s")),
)
NETWORK_RULES = (
    TextRule(
        _("it is an IP address, or a network such as 10.0.0.0/8"), lambda text: _is_network(text)
    ),
)


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
