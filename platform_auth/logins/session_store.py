"""Django's sessions in the database, in rows that know their person: see `LoginSession`."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from platform_auth.login_models import LoginSession

# What `sessions` keeps in a session's data: when it began and was used last, and by which browser.
MARKS = "login"


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[LoginSession]:
        return LoginSession

    def create_model_instance(self, data: dict[str, Any]) -> LoginSession:
        row: LoginSession = super().create_model_instance(data)  # type: ignore[assignment]
        marks = data.get(MARKS) or {}
        row.user_id = data.get(SESSION_KEY)
        row.agent, row.address = marks.get("agent", ""), marks.get("address", "")
        row.began_at, row.used_at = _time(marks.get("began")), _time(marks.get("used"))
        return row


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
