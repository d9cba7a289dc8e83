"""An index that a migration makes while its table is in use."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations import AddIndex


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
