"""Reasons that rows keep, in the language of whoever reads them."""

from django import template

from platform_auth.errcodes import translate_explanation

register = template.Library()


@register.filter
def in_readers_language(reason: str) -> str:
    return translate_explanation(reason)
