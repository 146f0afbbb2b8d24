"""Real tables land with the same cells however they are encoded, delimited, spelt and packed."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import openpyxl
import pytest

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.file_reader import CLEAN, read_file
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.sources import digest, sources_of

pytestmark = pytest.mark.shared_data

_ROWS = 120
# File and types of its columns; the others are text. Times are read from ISO, decimals from points.
TABLES = {
    "items": (
        "olist/olist_order_items_dataset.csv",
        {"shipping_limit_date": "timestamp", "price": "decimal", "freight_value": "decimal"},
    ),
    "reviews": (
        "olist/olist_order_reviews_dataset.csv",
        {"review_score": "integer", "review_answer_timestamp": "timestamp"},
    ),
    "retail": (
        "online_retail/OnlineRetail.csv.gz",
        {"Quantity": "integer", "UnitPrice": "decimal"},
    ),
}
EPOCH = datetime(1899, 12, 30)
TIMES: dict[str, Callable[[datetime], str]] = {
    "iso with offset": lambda t: (
        t.replace(tzinfo=UTC).astimezone(ZoneInfo("America/Sao_Paulo")).isoformat()
    ),
    "day/month": lambda t: f"{t:%d/%m/%Y %H:%M:%S}",
    "month/day": lambda t: f"{t:%m/%d/%Y %I:%M:%S %p}",
    "points": lambda t: f"{t:%d.%m.%Y %H:%M:%S}",
    "names": lambda t: f"{t:%d %b %Y %H:%M:%S}",
    "年月日": lambda t: f"{t.year}年{t.month}月{t.day}日 {t:%H:%M:%S}",
    "上午": lambda t: f"{t:%Y/%m/%d} {'上午' if t.hour < 12 else '下午'} {t:%I:%M:%S}",
    "epoch": lambda t: str(int(t.replace(tzinfo=UTC).timestamp())),
    "serial": lambda t: f"{(t - EPOCH).total_seconds() / 86400:.10f}",
    "compact": lambda t: f"{t:%Y%m%dT%H%M%S}+0000",
}
NUMBERS: dict[str, Callable[[str], str]] = {
    "comma": lambda n: n.replace(".", ","),
    "grouped": lambda n: f"{float(n):,.2f}".translate(str.maketrans(",.", ".,")) + " €",
    "dollars": lambda n: f"${float(n):,.2f}",
    "spaces": lambda n: f"{float(n):,.2f}".replace(",", "\u202f").replace(".", ","),
}


class Table:
    """Some rows of a real table and what must land of them."""

    def __init__(self, shared: Path, name: str) -> None:
        file, types = TABLES[name]
        opened = gzip.open if file.endswith(".gz") else open
        with opened(shared / file, "rt", encoding="utf-8", newline="") as source:
            self.header, *self.rows = islice(csv.reader(source), _ROWS + 1)
        self.types = [types.get(column, "text") for column in self.header]
        self.exported = ExportObject.model_validate(
            {
                "name": "things",
                "files": ["*"],
                "mode": "delta",
                "key": [],
                "columns": [
                    {"name": column.lower(), "type": kind}
                    for column, kind in zip(self.header, self.types, strict=True)
                ],
            }
        )

    def spelt(self, kind: str, spell: Callable[[str], str]) -> list[list[str]]:
        return [
            [spell(c) if c and k == kind else c for c, k in zip(row, self.types, strict=True)]
            for row in self.rows
        ]

    def text(self, rows: list[list[str]] | None = None, **dialect: Any) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text, **{"lineterminator": "\n", **dialect})
        writer.writerows([self.header, *(self.rows if rows is None else rows)])
        return text.getvalue()

    def comparable(self, rows: list[Any]) -> list[list[Any]]:
        return [
            [
                float(c) if k in ("integer", "decimal") and c else (c or "").replace("\r\n", "\n")
                for c, k in zip(row, self.types, strict=True)
            ]
            for row in rows
        ]

    def assert_lands(self, folder: Path, name: str, content: bytes) -> None:
        path = folder / name
        path.write_bytes(content)
        landed: list[Any] = []
        for number, source in enumerate(sources_of(path, name)):
            work = folder / f"work{number}"
            work.mkdir()
            with duckdb.connect() as con:
                record = read_file(con, "shop", self.exported, source, *digest(source), work)
                assert record.rows_quarantined == 0, record
                names = ", ".join(column.name for column in self.exported.columns)
                landed += con.execute(f"select {names} from '{work / CLEAN}'").fetchall()
        assert self.comparable(landed) == self.comparable(self.rows)


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest, shared_data: Path) -> Table:
    return Table(shared_data, request.param)


@pytest.mark.parametrize(
    ("encoding", "dialect"),
    [
        ("utf-8-sig", {"delimiter": ";", "lineterminator": "\r\n"}),
        ("utf-16", {"delimiter": "\t", "quoting": csv.QUOTE_ALL}),
        ("utf-32-le", {"delimiter": "|"}),
        ("cp1252", {"delimiter": ";", "escapechar": "\\", "doublequote": False}),
        ("latin-1", {"delimiter": "^"}),
        ("gb18030", {"delimiter": ","}),
    ],
)
def test_encodings_and_dialects(
    table: Table, tmp_path: Path, encoding: str, dialect: dict[str, Any]
) -> None:
    table.assert_lands(tmp_path, "things.csv", table.text(**dialect).encode(encoding))


@pytest.mark.parametrize("spelling", TIMES)
def test_times(shared_data: Path, tmp_path: Path, spelling: str) -> None:
    table = Table(shared_data, "items")
    rows = table.spelt("timestamp", lambda c: TIMES[spelling](datetime.fromisoformat(c)))
    table.assert_lands(tmp_path, "things.csv", table.text(rows).encode())


@pytest.mark.parametrize("spelling", NUMBERS)
def test_numbers(shared_data: Path, tmp_path: Path, spelling: str) -> None:
    table = Table(shared_data, "items")
    rows = table.spelt("decimal", NUMBERS[spelling])
    table.assert_lands(tmp_path, "things.csv", table.text(rows, delimiter=";").encode())


def test_times_that_could_be_read_in_two_ways_are_not(shared_data: Path, tmp_path: Path) -> None:
    """Cut to the days up to the twelfth, day and month of a real column cannot be told apart."""
    table = Table(shared_data, "items")
    table.rows = [row for row in table.rows if int(row[4][8:10]) <= 12]
    rows = table.spelt("timestamp", lambda c: f"{datetime.fromisoformat(c):%d/%m/%Y %H:%M}")
    with pytest.raises(RefusedError, match="cannot be told apart"):
        table.assert_lands(tmp_path, "things.csv", table.text(rows).encode())


def test_formats_and_packing(table: Table, tmp_path: Path) -> None:
    records = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    parts = io.BytesIO()
    with zipfile.ZipFile(parts, "w") as archive:
        archive.writestr("things_1.csv", table.text(table.rows[:50]))
        archive.writestr("things_2.csv", table.text(table.rows[50:]))
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in [["A report"], [], table.header, *table.rows]:
        sheet.append([cell or None for cell in row])
    xlsx = io.BytesIO()
    workbook.save(xlsx)
    for name, content in {
        "things.csv.gz": gzip.compress(table.text().encode()),
        "things.zip": parts.getvalue(),
        "things.ndjson": "\n".join(map(json.dumps, records)).encode(),
        "things.json": json.dumps({"rows": records}).encode(),
        "things.xlsx": xlsx.getvalue(),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        table.assert_lands(folder, name, content)
