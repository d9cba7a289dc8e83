"""
An index by which PostgreSQL finds any part of a name, of Chinese names too: of all that is one or
two characters long in it. It takes no extension, and whatever the database's collation is: with "C",
pg_trgm keeps nothing of Chinese characters.
"""

from django.db import migrations

from platform_auth.concurrent_index import RunOnPostgresql

FUNCTION = """
CREATE OR REPLACE FUNCTION name_pieces(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array_agg(DISTINCT piece)
  FROM generate_series(1, length(name)) AS start,
    LATERAL (VALUES (lower(substr(name, start, 1))), (lower(substr(name, start, 2)))) AS of(piece)
$$
"""
INDEX = """
CREATE INDEX CONCURRENTLY auth_name_pieces ON wxminiprograms USING gin (name_pieces(nick_name))
WITH (fastupdate = off)
"""
NO_INDEX = "DROP INDEX CONCURRENTLY IF EXISTS auth_name_pieces"


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [("miniprograms", "0010_review_pictures")]

    operations = [
        RunOnPostgresql(FUNCTION, "DROP FUNCTION name_pieces(text)"),
        RunOnPostgresql(NO_INDEX, migrations.RunSQL.noop),  # one that was not finished
        RunOnPostgresql(INDEX, NO_INDEX),
        # Statistics of what the index holds, without which PostgreSQL guesses.
        RunOnPostgresql("ANALYZE wxminiprograms", migrations.RunSQL.noop),
    ]
