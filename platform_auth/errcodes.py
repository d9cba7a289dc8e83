"""What WeChat's errcodes mean to people, in the language they read."""

from django.utils.translation import gettext as _

from wechat.errors import Refused
from wechat.explanations import ADDRESS_LISTS, find_explanation, find_refused_address


def explain_error(error: Exception) -> str:
    """ERROR for a person: a refusal of WeChat's explained, anything else as it is."""
    text = explain_errcode(error.errcode) if isinstance(error, Refused) else str(error)
    return _with_address(text, str(error))


def explain_kept(last_error: str) -> str:
    """LAST_ERROR of a row; where WeChat refuses our address, with the place to enter it."""
    return _with_address(last_error, last_error)


def _with_address(text: str, refusal: str) -> str:
    found = find_refused_address(refusal)
    if found is None:
        return text
    errcode, address = found
    return f"{text} {_(ADDRESS_LISTS[errcode]) % {'address': address}}"


def is_ours_to_mend(error: Exception) -> bool:
    """Whether ERROR is a refusal that our staff must see to, or such a one goes before it."""
    if isinstance(error, Refused):
        return find_explanation(error.errcode).responsible == "us"
    return find_refused_address(str(error)) is not None


def explain_errcode(errcode: int | None) -> str:
    """What ERRCODE means and what to do about it; "" for none."""
    if errcode is None:
        return ""
    explanation = find_explanation(errcode)
    return f"{_(explanation.cause)} {_(explanation.remedy)} ({errcode})"


def explain_to_merchant(errcode: int | None) -> str:
    """What ERRCODE asks of the merchant, without its number; "" if others must act."""
    explanation = find_explanation(errcode) if errcode is not None else None
    if explanation is None or explanation.responsible != "merchant":
        return ""
    return f"{_(explanation.cause)} {_(explanation.remedy)}"
