"""
An example of every request body and of every object that is answered, by its name in the schema;
and of what an error says beside its code, by the code.
"""

from typing import Any

from api.examples.accounts import ACCOUNTS
from api.examples.campaigns import CAMPAIGNS
from api.examples.code import CODE
from api.examples.errors import ERRORS
from api.examples.settings import SETTINGS
from api.examples.users import USERS
from messaging.services.event_types.catalogue import EVENT_TYPES

REQUEST_ID = "0d9f8a4e-5b1c-4c66-9a53-6f1f0f3f9d11"
_TYPE = EVENT_TYPES["audit.passed"]
EVENTS: dict[str, Any] = {
    "EventType": {
        "name": _TYPE.name,
        "group": _TYPE.group,
        "description": "The review has passed: it can be released.",
        "schema": _TYPE.schema,
        "example": _TYPE.example,
    }
}
EVENTS["EventTypePage"] = {"next": None, "previous": None, "results": [EVENTS["EventType"]]}
EXAMPLES: dict[str, Any] = {
    **EVENTS,
    **ACCOUNTS,
    **USERS,
    **CODE,
    **CAMPAIGNS,
    **SETTINGS,
    **ERRORS,
}
