"""People who read the marts of a lake's PostgreSQL, each over a connection of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

from platform_local.postgres import Cluster


class MartReaders:
    """What a world has whose marts of the pipeline ``slug`` are read by people, by role."""

    slug: str
    cluster: Cluster

    @contextmanager
    def connected(self, role: str = "marts") -> Iterator[Any]:
        """A cursor of a reader of its own; each statement sees what is committed then."""
        url = self.cluster.url("marts", role).replace("+psycopg2", "")
        connection = psycopg2.connect(url, options="-c timezone=UTC")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def ask(self, query: str, role: str = "marts") -> list[Any]:
        """Rows of a query (of none, for another statement); ``{s}`` stands for the schema."""
        with self.connected(role) as cursor:
            cursor.execute(query.format(s=self.slug))
            return list(cursor.fetchall()) if cursor.description else []
