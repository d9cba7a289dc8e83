"""
`python -m devtools.write_errors`: docs/errors.md, the error catalogue for those who read it on
paper. `tests/test_api_schema.py` holds it to the table in the code.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import django
from django.utils import translation

from api.error_codes import CATALOGUE

TABLE = Path(__file__).parents[1] / "docs" / "errors.md"
HEAD = """# Error codes

Every error of the API is `{"code": …, "detail": …, "request_id": …}`. `detail` is a sentence for a
person, in the language of `Accept-Language`; `code` is for programs and does not change. With some
codes there is more: `fields`, `auditid`, `checks`, `candidates`, and `wechat` where WeChat's own
answer was no. A program should treat a code that it does not know by the status.

This file is made of the table in `api/error_codes/`: `python -m devtools.write_errors`.

| status | code | what it means | what to do |
|---|---|---|---|
"""


def render() -> str:
    """The file as it should be. Django must be set up."""
    return HEAD + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    with translation.override("en"):
        for row in sorted(CATALOGUE, key=lambda row: (row.status, row.code)):
            yield f"| {row.status.value} | `{row.code}` | {row.meaning} | {row.remedy} |"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    TABLE.write_text(render())
