"""What the files of one object say of each other.

A small export may hold no day above 12; a spreadsheet that opened one of them has taken the zeros
from its codes. The other exports of its object come from the same system and account, and are
written alike. Belongs here: what they agree on, the record of a file that follows them, warnings of
one that does not, and those that one file has for all. Does not: deciding from a file's own values
(`decisions`), when files are read (`landing`).
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from orchestration.lib.contracts import DateOrder, ExportObject
from orchestration.lib.reading.column_forms import Form, unlike_others
from orchestration.lib.reading.records import FileRecord, in_order

_DECISION = "date_order"
# Decisions of a file that say something only beside those of others.
FAR_DATES, NO_LINE_END, DIGITS, FORMS = "far_dates", "no_line_end", "digits", "forms"


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


def compared(records: Iterable[FileRecord]) -> list[FileRecord]:
    """Add the warnings that follow from the other files of an object.

    They are not kept with a file, so that they do not depend on which came first.
    """
    result: list[FileRecord] = []
    for _, of_object in groupby(in_order(records), key=lambda r: (r.system, r.object)):
        files = [(record, json.loads(record.decisions)) for record in of_object]
        loaded = [decisions for record, decisions in files if record.status == "loaded"]
        told: set[str] = set()
        for record, decisions in files:
            others = [other for other in loaded if other is not decisions]
            warnings = [
                *_far_dates(decisions, told),
                *_cut_off(record, decisions, others),
                *_zeros_lost(decisions, others),
                *_unlike_others(record, decisions, others),
            ]
            message = "; ".join(filter(None, [record.message, *warnings]))
            result.append(dataclasses.replace(record, message=message or None))
    return result


def _far_dates(decisions: dict[str, Any], told: set[str]) -> Iterator[str]:
    """Name the dates that no earlier file of the object had: 9999-12-31 is in all or in none."""
    far = [text for text in decisions.get(FAR_DATES, ()) if text not in told]
    told.update(far)
    if far:
        yield (
            f"dates far from ours, which may stand for none, stay: {', '.join(far)}; null_values "
            "in the contract, as the file writes them, reads them as empty"
        )


def _cut_off(
    record: FileRecord, decisions: dict[str, Any], others: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """Warn of a file that may have lost the end of its last cell: no type sees it in a number."""
    texts = [other for other in others if "layout" in other]
    if NO_LINE_END in decisions and texts and not any(NO_LINE_END in other for other in texts):
        yield (
            f"no line end stands behind the last row, as in all other files of {record.object}: "
            "is its last cell whole?"
        )


def _zeros_lost(decisions: dict[str, Any], others: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Warn of codes that are shorter than those of other files, which fill them up with zeros."""
    for name, (shortest, longest, has_zeros) in decisions.get(DIGITS, {}).items():
        widths = {tuple(other[DIGITS][name]) for other in others if name in other.get(DIGITS, {})}
        filled_up = {width for width, wide, zeros in widths if zeros and width == wide}
        if not has_zeros and len(filled_up) == 1 and shortest < max(filled_up) >= longest:
            yield (
                f"{name} has {shortest} to {longest} digits and none begins with a zero, but other "
                f"files have {max(filled_up)} and zeros in front: a spreadsheet took them away; "
                "export the file again without opening it there"
            )


def _unlike_others(
    record: FileRecord, decisions: dict[str, Any], others: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """Warn of columns whose cells are of another form than in all other files."""
    forms, *elsewhere = (
        {name: Form(*form) for name, form in told.get(FORMS, {}).items()}
        for told in (decisions, *others)
    )
    for name, signs in unlike_others(forms, elsewhere):
        yield (
            f"{name} is unlike in all other files of {record.object} ({', '.join(signs)}): is it "
            "the same column, written in the same way?"
        )
