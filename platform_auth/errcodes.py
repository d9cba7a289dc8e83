"""What WeChat's errcodes mean to people, in the language they read."""

import re

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from wechat.errors import Refused, Unreachable
from wechat.explanations import (
    ADDRESS_LISTS,
    Explanation,
    find_explanation,
    find_refused_address,
)

_EXPLAINED = re.compile(r" \((-?\d+)\)$")  # how `explain_errcode` ends
# How a Refused begins, once it is a row's last error.
_KEPT = re.compile(r"[\w/.-]+: (-?\d+)(?: |$)")


def refusal_of(error: Exception | str) -> Explanation | None:
    """
    What WeChat's answer means where ERROR, or a row's last error, is a refusal, or a pause that
    goes back to one; None where WeChat has not answered.
    """
    errcode = errcode_of(error)
    return None if errcode is None else find_explanation(errcode)


def errcode_of(error: Exception | str) -> int | None:
    """With which errcode WeChat has refused; None where it has not."""
    if isinstance(error, Refused):
        return error.errcode
    kept = None if isinstance(error, Unreachable) else _KEPT.match(str(error))
    return int(kept[1]) if kept else None


def explain_error(error: Exception) -> str:
    """ERROR for a person: a refusal of WeChat's explained, anything else as it is."""
    text = explain_errcode(error.errcode) if isinstance(error, Refused) else str(error)
    return _with_address(text, str(error))


def explain_kept(last_error: str) -> str:
    """
    LAST_ERROR of a row, a refusal of WeChat's explained before it; where WeChat refuses our
    address, with the place to enter it.
    """
    explained = explain_errcode(errcode_of(last_error))
    return _with_address(f"{explained} {last_error}".strip(), last_error)


def _with_address(text: str, refusal: str) -> str:
    found = find_refused_address(refusal)
    if found is None:
        return text
    errcode, address = found
    return f"{text} {_(ADDRESS_LISTS[errcode]) % {'address': address}}"


def explain_errcode(errcode: int | None) -> str:
    """What ERRCODE means and what to do about it; "" for none."""
    if errcode is None:
        return ""
    explanation = find_explanation(errcode)
    return f"{_(explanation.cause)} {_(explanation.remedy)} ({errcode})"


def translate_explanation(text: str) -> str:
    """TEXT, which a row keeps, in the reader's language where it explains an errcode in another."""
    kept = _EXPLAINED.search(text)
    if kept is None:
        return text
    errcode = int(kept[1])
    for language, _name in settings.LANGUAGES:
        with override(language):
            is_ours = explain_errcode(errcode) == text
        if is_ours:
            return explain_errcode(errcode)
    return text


def explain_to_merchant(errcode: int | None) -> str:
    """What ERRCODE asks of the merchant, without its number; "" if others must act."""
    explanation = find_explanation(errcode) if errcode is not None else None
    if explanation is None or explanation.responsible != "merchant":
        return ""
    return f"{_(explanation.cause)} {_(explanation.remedy)}"


def tell_merchant(error: Exception | str) -> str:
    """
    What a merchant who binds is told where ERROR is WeChat's answer, or goes back to one; "" where
    WeChat has not answered.
    """
    explanation = refusal_of(error)
    if explanation is None:
        return ""
    if explanation.responsible != "us":
        return f"{_(explanation.cause)} {_(explanation.remedy)}"
    if errcode_of(error) in ADDRESS_LISTS:
        return _(
            "WeChat does not let our server in. This is for us to mend: there is nothing for you "
            "to do, and nothing has changed. Please try again later."
        )
    return _(
        "WeChat has answered, and does not accept our platform's request. This is for us to mend: "
        "there is nothing for you to do, and nothing has changed. Please try again later."
    )
