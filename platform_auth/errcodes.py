"""What WeChat's errcodes mean to people, in the language they read."""

from django.utils.translation import gettext as _

from wechat.errors import Refused
from wechat.explanations import find_explanation


def explain_error(error: Exception) -> str:
    """ERROR for a person: a refusal of WeChat's explained, anything else as it is."""
    return explain_errcode(error.errcode) if isinstance(error, Refused) else str(error)


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
