"""Where Dagster writes its events: one SQLite file with connections that stay open.

Belongs here: the storage class that `dagster.yaml` names. Does not: what is logged.

Dagster's default opens a new SQLAlchemy engine and a new connection for every event, and writes it
to two files. A run with 50 tables and 100 checks spends about 5 CPU s on that; the same run spends
about 1 CPU s here (`tests/benchmarks/event_log.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

_BUSY_TIMEOUT_SECONDS = 60  # the web server and the daemon read the same file


class PooledSqliteEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """Dagster's own single-file event log, with pooled connections."""

    @cached_property
    def _engine(self) -> sqlalchemy.Engine:
        engine = sqlalchemy.create_engine(
            self._conn_string, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS}
        )

        @sqlalchemy.event.listens_for(engine, "connect")
        def _trust_the_write_ahead_log(connection: Any, _record: Any) -> None:
            # A crash of the machine may cost the last events of a log, never its integrity.
            connection.execute("PRAGMA synchronous=NORMAL")

        return engine

    @contextmanager
    def _connect(self) -> Iterator[sqlalchemy.Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        super().dispose()  # type: ignore[no-untyped-call]
