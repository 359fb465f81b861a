"""What PostgreSQL's catalogs know about a table: who may read it, which views stand on it, what its indexes are called."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spark_jobs.common.mart import named, quoted
from spark_jobs.common.outcome import Blocked

_log = logging.getLogger(__name__)
# A block, since an error of its own would end the caller's transaction; without a wait, since the caller may shut readers out.
_DROP_UNHELD = """
DO $drop$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT; DROP TABLE {table};
EXCEPTION WHEN lock_not_available OR dependent_objects_still_exist OR undefined_table THEN NULL; END $drop$
"""
_GRANTS = """
WITH t AS (SELECT oid, relacl, relowner FROM pg_catalog.pg_class WHERE oid = to_regclass($1)),
acl AS (
    SELECT '' AS part, relowner, (aclexplode(relacl)).* FROM t
    UNION ALL
    SELECT format(' (%I)', attname), relowner, (aclexplode(attacl)).*
    FROM t JOIN pg_catalog.pg_attribute ON attrelid = t.oid WHERE attacl IS NOT NULL AND NOT attisdropped
)
SELECT privilege_type || part, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM acl WHERE grantee <> relowner ORDER BY 2, 1
"""
# A view hangs on its table by the rule behind it. The deepest come first: so a reader locks them.
_VIEWS = """
WITH RECURSIVE standing (view, base, depth) AS (
    SELECT r.ev_class, d.refobjid, 1
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> d.refobjid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid = ANY ($1::text[]::regclass[])
    UNION
    SELECT r.ev_class, d.refobjid, depth + 1
    FROM standing JOIN pg_catalog.pg_depend d ON d.refobjid = view
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> d.refobjid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
)
SELECT format('%I.%I', n.nspname, c.relname), quote_ident(pg_get_userbyid(relowner)), pg_get_viewdef(c.oid),
    coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', ''), relkind = 'v', pg_has_role(relowner, 'USAGE')
FROM (SELECT view, max(depth) AS depth, bool_or(base = ANY ($1::text[]::regclass[])) AS direct FROM standing GROUP BY 1) s
JOIN pg_catalog.pg_class c ON c.oid = s.view JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE direct ORDER BY s.depth DESC, c.oid
"""
_OWN_NAMES = """
SELECT 'CONSTRAINT', conname::text FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass($1)
UNION ALL
SELECT 'INDEX', c.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass($1)
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = i.indrelid AND conindid = i.indexrelid)
"""


@dataclass(frozen=True)
class View:
    """A view, by what ``CREATE OR REPLACE VIEW`` has to be told again; the rest it keeps: OID, owner, grants, comments."""

    name: str
    owner: str
    definition: str
    options: str

    @property
    def lock_sql(self) -> str:
        """Shuts readers out of the view alone: ``LOCK TABLE`` would shut them out of all that it reads, too."""
        return f"ALTER VIEW {self.name} OWNER TO {self.owner}"

    @property
    def replace_sql(self) -> str:
        """Has it read the tables that bear the names of its definition now."""
        return f"CREATE OR REPLACE VIEW {self.name}{self.options} AS {self.definition}"


def exists(cursor: Any, schema: str, table: str) -> bool:
    cursor.execute("SELECT to_regclass($1) IS NOT NULL", (named(schema, table),))
    return bool(cursor.fetchone()[0])


def like(cursor: Any, schema: str, pattern: str) -> list[str]:
    """Tables of the schema whose whole name matches a regular expression."""
    cursor.execute("SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = $1", (schema,))
    return [name for (name,) in cursor.fetchall() if re.fullmatch(pattern, name)]


def grants(cursor: Any, schema: str, table: str) -> list[tuple[str, str, str]]:
    """What others than the owner may do with a table: privilege, grantee, grant option."""
    cursor.execute(_GRANTS, (named(schema, table),))
    return list(cursor.fetchall())


def set_grants(cursor: Any, schema: str, table: str, wanted: list[tuple[str, str, str]]) -> None:
    """Let others do exactly this with a table."""
    full = named(schema, table)
    for grantee in sorted({grantee for _, grantee, _ in grants(cursor, schema, table)}):
        cursor.execute(f"REVOKE ALL ON TABLE {full} FROM {grantee}")
    for privilege, grantee, option in wanted:
        cursor.execute(f"GRANT {privilege} ON TABLE {full} TO {grantee}{option}")


def views_on(cursor: Any, schema: str, tables: list[str]) -> list[View]:
    """The views that name one of the tables themselves, deepest first; definitions name every schema.

    Views on those views need no care: they hang on the views' OIDs, which stay. Raises ``Blocked`` for a view that
    cannot be pointed to another table.
    """
    cursor.execute("SET LOCAL search_path = ''")
    cursor.execute(_VIEWS, ([named(schema, table) for table in tables],))
    views = []
    for name, owner, definition, options, plain, ours in cursor.fetchall():
        if not plain or not ours:
            why = f"belongs to role {owner}" if plain else "is materialized"
            raise Blocked(
                f"{name} reads a table that is published by swap, and {why}: it cannot be pointed to the new rows. "
                f"Drop it, or {'make the serving role a member of its owner' if plain else 'make it a plain view'}."
            )
        views.append(View(name, owner, definition.rstrip().rstrip(";"), options))
    return views


def drop_unheld(cursor: Any, schema: str, tables: Iterable[str]) -> None:
    """Drop what runs before have left; what somebody still holds stays until the next run."""
    for name in tables:
        cursor.execute(_DROP_UNHELD.format(table=named(schema, name)))
        if exists(cursor, schema, name):
            _log.warning("%s.%s stays until the next run: somebody reads it, or has built upon it.", schema, name)


def rename(cursor: Any, schema: str, old: str, new: str) -> None:
    """Rename a table, and its constraints and indexes where they are named after it."""
    full = named(schema, new)
    cursor.execute(f"ALTER TABLE {named(schema, old)} RENAME TO {quoted(new)}")
    cursor.execute(_OWN_NAMES, (full,))
    for kind, name in cursor.fetchall():
        if name.startswith(f"{old}_"):
            to = quoted(new + name.removeprefix(old))
            if kind == "CONSTRAINT":
                cursor.execute(f"ALTER TABLE {full} RENAME CONSTRAINT {quoted(name)} TO {to}")
            else:
                cursor.execute(f"ALTER INDEX {named(schema, name)} RENAME TO {to}")
