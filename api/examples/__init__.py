"""
An example of every request body and of every object that is answered, by its name in the schema;
and of what an error says beside its code, by the code.
"""

from typing import Any

from api.examples.accounts import ACCOUNT_EXAMPLES
from api.examples.campaigns import CAMPAIGN_EXAMPLES
from api.examples.code import CODE_EXAMPLES
from api.examples.errors import ERROR_EXAMPLES
from api.examples.settings import SETTING_EXAMPLES
from api.examples.users import USER_EXAMPLES
from messaging.services.event_types.catalogue import EVENT_TYPES

REQUEST_ID = "0d9f8a4e-5b1c-4c66-9a53-6f1f0f3f9d11"
_TYPE = EVENT_TYPES["audit.passed"]
EVENT_EXAMPLES: dict[str, Any] = {
    "EventType": {
        "name": _TYPE.name,
        "group": _TYPE.group,
        "description": "The review has passed: it can be released.",
        "schema": _TYPE.schema,
        "example": _TYPE.example,
    }
}
EVENT_EXAMPLES["EventTypePage"] = {
    "next": None,
    "previous": None,
    "results": [EVENT_EXAMPLES["EventType"]],
}
EXAMPLES: dict[str, Any] = {
    **EVENT_EXAMPLES,
    **ACCOUNT_EXAMPLES,
    **USER_EXAMPLES,
    **CODE_EXAMPLES,
    **CAMPAIGN_EXAMPLES,
    **SETTING_EXAMPLES,
    **ERROR_EXAMPLES,
}
