"""Several words in a row, or a name and what is so of it, as the language of the page puts them."""

from collections.abc import Iterable

from django.utils.translation import gettext as _


def list_words(words: Iterable[object]) -> str:
    """WORDS with the reader's comma between them."""
    return _(", ").join(map(str, words))


def with_detail(name: object, detail: object) -> str:
    """NAME, and behind the reader's colon DETAIL."""
    return _("%(name)s: %(detail)s") % {"name": name, "detail": detail}
