"""The export files that `reading` measures: one table, in every format and with every hindrance.

Belongs here: their contract and how each is written. Does not: measuring.
"""

import gzip
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

_COLUMNS = [
    {"name": "order_id", "type": "identifier", "required": True},
    {"name": "customer_id", "type": "identifier"},
    {"name": "ordered_at", "type": "timestamp", "not_null": True},
    {"name": "order_status"},
    {"name": "channel"},
    {"name": "currency_code"},
    {"name": "net_revenue", "type": "decimal", "not_null": True},
    {"name": "discount_amount", "type": "decimal"},
    {"name": "quantity", "type": "integer"},
    {"name": "is_paid", "type": "boolean"},
    {"name": "note"},
    {"name": "updated_at", "type": "timestamp"},
]
CONTRACT: Mapping[str, Any] = {
    "system": "shop",
    "objects": [
        {
            "name": "orders",
            "files": ["orders*"],
            "mode": "delta",
            "key": ["order_id"],
            "watermark": "updated_at",
            "columns": _COLUMNS,
        }
    ],
}
_MANY = 500  # columns that the contract does not know
_LONG = 15_000_000  # characters of a cell


def write_table(
    path: Path, rows: int, changes: str = "* exclude i", how: str = "format csv, header"
) -> None:
    """Write the table; `changes` is what is selected from it, `how` the options of COPY.

    Rows are numbered by `i`.
    """
    with duckdb.connect() as con:
        con.execute(
            f"""
            copy (
                select {changes} from (
                    select
                        'O' || lpad(i::varchar, 9, '0') as order_id,
                        (hash(i) % 1000000)::varchar as customer_id,
                        timestamp '2020-01-01' + to_seconds((hash(i * 3) % 200000000)::bigint)
                            as ordered_at,
                        if(i % 5 = 0, 'cancelled', 'delivered') as order_status,
                        ['web', 'store', 'phone'][1 + i % 3] as channel,
                        'USD' as currency_code,
                        ((hash(i * 7) % 100000) / 100.0)::decimal(18, 2) as net_revenue,
                        ((hash(i * 11) % 1000) / 100.0)::decimal(18, 2) as discount_amount,
                        (hash(i * 5) % 20)::int as quantity,
                        i % 2 = 0 as is_paid,
                        'note, number ' || (hash(i * 13) % 100000) as note,
                        timestamp '2024-01-01' + to_seconds(i) as updated_at,
                        i
                    from range({rows}) as t(i)
                )
            ) to '{path}' ({how})
            """
        )


def in_encoding(path: Path, encoding: str) -> None:
    """Write a UTF-8 file anew in another encoding."""
    utf8 = path.rename(path.with_suffix(".utf8"))
    with (
        utf8.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding=encoding, newline="") as target,
    ):
        while text := source.read(1 << 20):
            target.write(text)
    utf8.unlink()


def packed(path: Path) -> Path:
    """Pack a file with gzip and return what it is now."""
    target = path.with_name(f"{path.name}.gz")
    with path.open("rb") as source, gzip.open(target, "wb", compresslevel=6) as out:
        shutil.copyfileobj(source, out)
    path.unlink()
    return target


def _csv(folder: Path, rows: int) -> None:
    write_table(folder / "orders.csv", rows)


def _csv_in(encoding: str, more: str = "") -> Callable[[Path, int], None]:
    def write(folder: Path, rows: int) -> None:
        changes = f"* exclude i replace (note || '{more}' as note)"
        write_table(folder / "orders.csv", rows, changes)
        in_encoding(folder / "orders.csv", encoding)

    return write


def _bad_values(folder: Path, rows: int) -> None:
    bad = "if(i % 10 < 3, 'yesterday', ordered_at::varchar)"
    write_table(folder / "orders.csv", rows, f"* exclude i replace ({bad} as ordered_at)")


def _bad_rows(folder: Path, rows: int) -> None:
    torn = "if(i % 10 < 3, 'torn' || chr(10), '') || order_id"
    how = "format csv, header, quote '', escape '', delimiter '|'"
    write_table(folder / "orders.csv", rows, f"* exclude i replace ({torn} as order_id)", how)


def _repeated_keys(folder: Path, rows: int) -> None:
    changes = "'O' || lpad((i // 10 * 10 + i % 5)::varchar, 9, '0') as order_id, null as updated_at"
    write_table(folder / "orders.csv", rows, f"* exclude i replace ({changes})")


def _many_columns(folder: Path, rows: int) -> None:
    more = ", ".join(f"hash(i + {n}) % 1000 as more_{n}" for n in range(_MANY))
    write_table(folder / "orders.csv", rows, f"* exclude i, {more}")


def _long_cell(folder: Path, rows: int) -> None:
    long = f"if(i = 1000, repeat('long ', {_LONG // 5}), note)"
    write_table(folder / "orders.csv", rows, f"* exclude i replace ({long} as note)")


def _zip(folder: Path, rows: int) -> None:
    _csv(folder, rows)
    with zipfile.ZipFile(folder / "orders.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "orders.csv", "orders.csv")
    (folder / "orders.csv").unlink()


def _gz(folder: Path, rows: int) -> None:
    _csv(folder, rows)
    packed(folder / "orders.csv")


def _ndjson(folder: Path, rows: int) -> None:
    write_table(folder / "orders.ndjson", rows, how="format json")


def _json(folder: Path, rows: int) -> None:
    write_table(folder / "orders.json", rows, how="format json, array true")


def _parquet(folder: Path, rows: int) -> None:
    write_table(folder / "orders.parquet", rows, how="format parquet")


def _xlsx(folder: Path, rows: int) -> None:
    from openpyxl import Workbook

    write_table(folder / "table.parquet", rows, how="format parquet")
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("orders")
    sheet.append([str(column["name"]) for column in _COLUMNS])
    with duckdb.connect() as con:
        table = con.execute(f"from '{folder / 'table.parquet'}'")
        while found := table.fetchmany(2048):
            for row in found:
                sheet.append(row)
    (folder / "table.parquet").unlink()
    workbook.save(folder / "orders.xlsx")


# What memory is measured for: name → (rows of the smallest file, how a file is written).
FILES: Mapping[str, tuple[int, Callable[[Path, int], None]]] = {
    "csv": (860_000, _csv),
    "csv, UTF-16": (430_000, _csv_in("utf-16")),
    "csv, GB18030": (750_000, _csv_in("gb18030", " 备注 张伟")),
    "csv in gz": (860_000, _gz),
    "csv in zip": (860_000, _zip),
    "csv, 30 % bad values": (860_000, _bad_values),
    "csv, 30 % torn rows": (860_000, _bad_rows),
    "csv, keys twice": (860_000, _repeated_keys),
    "csv, 500 more columns": (50_000, _many_columns),
    "csv, a cell of 15 MB": (860_000, _long_cell),
    "ndjson": (330_000, _ndjson),
    "json": (330_000, _json),
    "parquet": (2_600_000, _parquet),
    "xlsx": (100_000, _xlsx),
}
