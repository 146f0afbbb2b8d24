"""What the files of one object say of each other: whether days or months come first.

A small export may hold no day above 12. The other exports of its object come from the same system
and account, and write their dates alike. Belongs here: what they agree on, and the record of a file
that follows them. Does not: deciding from a file's own values (`decisions`), when files are read
(`landing`).
"""

import dataclasses
import json
from collections.abc import Collection, Iterable
from typing import NamedTuple

from orchestration.lib.contracts import DateOrder, ExportObject
from orchestration.lib.reading.records import FileRecord

_DECISION = "date_order"


class Taken(NamedTuple):
    """The order of days and months that is taken for some columns of a file, and from where."""

    order: DateOrder
    columns: tuple[str, ...]
    how: str


def taken_order(
    records: Iterable[FileRecord], exported: ExportObject, columns: Collection[str]
) -> Taken | None:
    """Return the order of some columns on which the files agree whose own values are certain of it.

    Where no file is certain it is the usual order of the system; None where it has none, or two
    files are of different orders. Files that follow others do not count, so that the answer does
    not depend on which file came first.
    """
    orders: set[DateOrder] = {
        decision["date_order"]
        for record in records
        if record.object == exported.name and record.status == "loaded" and not follows(record)
        for name, decision in json.loads(record.decisions).get("columns", {}).items()
        if name in columns
        and decision.get("date_order") in ("dmy", "mdy")
        and decision["confidence"] == "certain"
    }
    how = f"as in the other files of {exported.name}"
    if not orders and exported.usual_date_order is not None:
        orders, how = {exported.usual_date_order}, "as this system usually writes it"
    return Taken(orders.pop(), tuple(columns), how) if len(orders) == 1 else None


def follows(record: FileRecord) -> tuple[str, ...]:
    """Return the columns whose order a file took from the others of its object."""
    return tuple(json.loads(record.decisions).get(_DECISION, {}).get("columns", ()))


def is_still_taken(record: FileRecord, taken: Taken | None) -> bool:
    """Tell whether a file was read in the order that would be taken for it now."""
    decision = json.loads(record.decisions).get(_DECISION, {})
    return taken is not None and (decision["value"], decision["how"]) == (taken.order, taken.how)


def following(exported: ExportObject, taken: Taken) -> ExportObject:
    """Return the object with the order for files that do not tell it themselves."""
    return exported.model_copy(update={"date_order": taken.order})


def noted(record: FileRecord, exported: ExportObject, taken: Taken) -> FileRecord:
    """Say in the record of a file from where it has the order of its days and months."""
    decisions = json.loads(record.decisions)
    for name in taken.columns:
        decisions["columns"][name] |= {"how": taken.how, "confidence": "likely"}
    decisions[_DECISION] = {"value": taken.order, "columns": taken.columns, "how": taken.how}
    warning = (
        f"days and months of {', '.join(taken.columns)} are read as {taken.order}, {taken.how}"
    )
    return dataclasses.replace(
        record,
        contract_hash=exported.contract_hash(),
        decisions=json.dumps(decisions, ensure_ascii=False),
        message="; ".join(filter(None, [record.message, warning])),
    )
