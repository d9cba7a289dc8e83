"""Fields and forms that the serializers of several subjects are made of."""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

TOKEN_STATES = [("fresh", "fresh"), ("expired", "expired"), ("none", "none")]

LARGEST = 2**63 - 1  # of a number that a column holds


class UTCField(serializers.DateTimeField):
    """A time in UTC, to the second, ending in Z."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M:%SZ", default_timezone=UTC, **kwargs)


class ExtJsonField(serializers.JSONField):
    """ext.json as an object, or as the text that WeChat's own endpoint takes."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except ValueError:
                self.fail("invalid")
        if not isinstance(data, dict):
            raise ValidationError(_("ext.json must be an object."))
        try:
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except ValueError:  # half a character, or no number
            self.fail("invalid")
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Takes no other names than these."""  # one mistyped and dropped would go to WeChat unsaid

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            raise ValidationError({str(name): [_("There is no such field.")] for name in unknown})
        return super().to_internal_value(data)
