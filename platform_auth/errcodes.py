"""What WeChat's errcodes mean to people, in the language they read."""

from django.utils.translation import gettext as _

from wechat.errors import Refused
from wechat.explanations import explain


def explain_refusal(error: Refused) -> str:
    """What WeChat's refusal means and what to do about it."""
    return explain_errcode(error.errcode)


def explain_errcode(errcode: int | None) -> str:
    """What ERRCODE means and what to do about it; "" for none."""
    if errcode is None:
        return ""
    told = explain(errcode)
    return f"{_(told.cause)} {_(told.remedy)} ({errcode})"


def explain_to_merchant(errcode: int | None) -> str:
    """What ERRCODE asks of the merchant, without its number; "" if others must act."""
    told = explain(errcode) if errcode is not None else None
    return f"{_(told.cause)} {_(told.remedy)}" if told and told.who == "merchant" else ""
