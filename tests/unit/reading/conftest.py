"""A small system whose exports the tests write, land and look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.lib.contracts import ExportContract
from orchestration.lib.reading.landing import land_system
from orchestration.lib.reading.records import FileRecord
from orchestration.lib.reading.sources import PublishedFile
from orchestration.lib.reading.views import create_raw_views, write_input_files, write_quarantine

ORDERS: dict[str, Any] = {
    "name": "orders",
    "files": ["orders*"],
    "mode": "delta",
    "key": ["order_id"],
    "watermark": "updated_at",
    "null_values": ["NULL", "#N/A"],
    "columns": [
        {"name": "order_id"},
        {"name": "amount", "type": "decimal", "not_null": True, "required": True},
        {"name": "note", "aliases": ["Order Note", "remark"]},
        {"name": "quantity", "type": "integer"},
        {"name": "is_paid", "type": "boolean"},
        {"name": "due_date", "type": "date", "format": "%d.%m.%Y"},
        {"name": "updated_at", "type": "timestamp"},
    ],
}


def only(records: list[FileRecord]) -> FileRecord:
    """Return the one record."""
    assert len(records) == 1, [r.file_name for r in records]
    return records[0]


@dataclass
class Shop:
    """A landing folder, a raw folder and a contract that can be varied."""

    root: Path
    messages: list[str] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.root / "landing" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def contract(self, *others: dict[str, Any], **changes: Any) -> ExportContract:
        return ExportContract.model_validate(
            {"system": "shop", "objects": [{**ORDERS, **changes}, *others]}
        )

    def land(
        self,
        contract: ExportContract | None = None,
        published: Sequence[FileRecord] = (),
        **changes: Any,
    ) -> list[FileRecord]:
        used = contract or self.contract(**changes)
        landing = self.root / "landing"
        files = [
            PublishedFile(str(r.object), r.sha256, r.file_name, r.times_replaced) for r in published
        ]
        return land_system(used, landing, self.raw, files, self.messages.append)

    def rows(
        self, records: list[FileRecord], select: str = "order_id, amount, note", /, **changes: Any
    ) -> list[Any]:
        with duckdb.connect() as con:
            create_raw_views(con, self.contract(**changes), records, self.raw, None)
            return con.execute(
                f"select {select} from raw.shop__orders order by _exported_at, _row_number"
            ).fetchall()

    def quarantine(self, records: list[FileRecord]) -> list[dict[str, Any]]:
        with duckdb.connect() as con:
            write_input_files(con, self.contract().system, records)
            create_raw_views(con, self.contract(), records, self.raw, None)
            write_quarantine(con, self.contract(), records, self.raw)
            result = con.execute("from audit.quarantine")
            names = [column[0].lstrip("_") for column in result.description or []]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def new_shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Shop]:
    """Make a fresh shop per generated example."""
    return lambda: Shop(tmp_path_factory.mktemp("shop"))
