"""What a migration does on PostgreSQL and not, or otherwise, on SQLite."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations import AddIndex, RunSQL


class AddIndexInUse(AddIndexConcurrently):
    """
    PostgreSQL's CREATE INDEX CONCURRENTLY, for a migration that is not atomic; on SQLite, whose
    tables are small, an index as usual.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        act = AddIndexConcurrently if is_postgresql else AddIndex
        act.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        act = AddIndexConcurrently if is_postgresql else AddIndex
        act.database_backwards(self, app_label, schema_editor, from_state, to_state)


class RunOnPostgresql(RunSQL):
    """SQL for PostgreSQL alone, such as triggers; SQLite does without."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)
