"""The databases of Signalbox in one PostgreSQL: a database and an owner each, and a role for BI that reads the marts.

Everything here may be repeated: what is missing is made, passwords are set anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeAlias

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

DATABASES = ("airflow", "catalog", "ledger", "marts")
READER = "bi"
ROLES = (*DATABASES, READER)

# A cursor of the superuser in the named database, in autocommit.
Superuser: TypeAlias = Callable[[str], AbstractContextManager[Cursor]]

# The tables of Iceberg's JDBC catalog (schema version V1), as Iceberg itself makes them. It does that on first use,
# by every session at once, and of two sessions that meet there one fails; made beforehand they meet nothing to make.
CATALOG_TABLES = """
CREATE TABLE IF NOT EXISTS iceberg_tables (
    catalog_name varchar(255) NOT NULL,
    table_namespace varchar(255) NOT NULL,
    table_name varchar(255) NOT NULL,
    metadata_location varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type varchar(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
    catalog_name varchar(255) NOT NULL,
    namespace varchar(255) NOT NULL,
    property_key varchar(255),
    property_value varchar(1000),
    PRIMARY KEY (catalog_name, namespace, property_key)
)
"""

READER_RIGHTS = (
    "GRANT CONNECT ON DATABASE marts TO {reader}",
    "GRANT USAGE ON SCHEMA public TO {reader}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
    # Schemas and tables to come: the owner makes them when it serves.
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader}",
)


def create_databases(superuser: Superuser, passwords: Mapping[str, str]) -> None:
    """Make the roles (with ``passwords`` by role) and databases, Iceberg's catalog tables, and the reader's rights."""
    with superuser("postgres") as cursor:
        for role in ROLES:
            _ensure_role(cursor, role, passwords[role])
        for database in DATABASES:
            _ensure_database(cursor, database)
    with superuser("catalog") as cursor:
        cursor.execute("SET ROLE catalog")
        cursor.execute(CATALOG_TABLES)
    with superuser("marts") as cursor:
        for statement in READER_RIGHTS:
            cursor.execute(sql.SQL(statement).format(reader=sql.Identifier(READER), owner=sql.Identifier("marts")))


def _ensure_role(cursor: Cursor, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
    statement = sql.SQL("{verb} ROLE {role} LOGIN PASSWORD {password}")
    cursor.execute(statement.format(verb=verb, role=sql.Identifier(role), password=sql.Literal(password)))


def _ensure_database(cursor: Cursor, database: str) -> None:
    name = sql.Identifier(database)
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if not cursor.fetchone():
        cursor.execute(sql.SQL("CREATE DATABASE {name} OWNER {name}").format(name=name))
    cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC").format(name=name))
