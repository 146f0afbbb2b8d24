"""The journal of one build: what was built, what was checked, with what result.

Belongs here: writing receipts and answering publication's question whether every gate that it
needs has passed on exactly the tables that are there now. Does not: running gates, publishing.

The journal is `builds/<build_id>/receipts.jsonl`, one JSON object per line, only ever appended to.
The order of its lines is the order of events, so that no clock is needed.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from orchestration.lib.durability import sync_folder

JOURNAL_NAME = "receipts.jsonl"
LAYERS = ("raw", "staging", "identity", "models", "marts")
SYSTEM_LAYERS = ("raw", "staging")
ALL = "all"


class ReceiptError(Exception):
    """The journal cannot be trusted; the message says where and what to do."""


@dataclass(frozen=True)
class Receipt:
    """One event of a build: the tables of a layer and scope were built, or validated."""

    event: Literal["built", "validated"]
    layer: str
    scope: str
    passed: bool = False
    tables: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def record_built(build_dir: Path, layer: str, scope: str) -> None:
    """Note that a step has (re)built the tables of `layer` and `scope`.

    Every earlier verdict on these tables, and on all that is made from them, is stale from here
    on. `scope` is the system in the layers raw and staging, and "all" above them.
    """
    _append(build_dir, Receipt("built", layer, scope))


def record_validated(
    build_dir: Path,
    layer: str,
    scope: str,
    *,
    passed: bool,
    tables: Sequence[str],
    failures: Sequence[str] = (),
) -> None:
    """Note the verdict of the gate of `layer` and `scope`.

    `failures` are sentences for people, without personal data: they end in refusals and logs. A
    gate cannot pass with failures, nor without having looked at a table: either would be a mistake
    of the caller that lets bad data through, hence a ValueError.
    """
    if passed and failures:
        raise ValueError(f"The gate of {layer} ({scope}) cannot pass with failures: {failures[0]}")
    if passed and not tables:
        raise ValueError(f"The gate of {layer} ({scope}) looked at no table and cannot pass")
    _append(build_dir, Receipt("validated", layer, scope, passed, tuple(tables), tuple(failures)))


def read_receipts(build_dir: Path) -> list[Receipt]:
    """Read the journal in the order of events; empty where nothing was recorded yet.

    A last line without its line end was torn by a kill: that event never happened. Any other
    unreadable line means that somebody edited the file, which is an error.
    """
    journal = build_dir / JOURNAL_NAME
    if not journal.exists():
        return []
    lines = journal.read_bytes().split(b"\n")[:-1]
    return [_parse(journal, number, line) for number, line in enumerate(lines, start=1)]


def missing_or_failed(build_dir: Path, required: Sequence[tuple[str, str]]) -> list[str]:
    """Say what stands against publishing this build; an empty list means nothing does.

    For each required (layer, scope) the latest verdict must exist, must have passed, and nothing
    that it rests on may have been built since. Asking for no gate at all is an objection too:
    a caller that lost its list of gates must not publish.
    """
    if not required:
        return ["No gate was required: publication needs at least one to rely on."]
    receipts = read_receipts(build_dir)
    objections = (_objection(receipts, layer, scope) for layer, scope in required)
    return [objection for objection in objections if objection]


def _objection(receipts: Sequence[Receipt], layer: str, scope: str) -> str | None:
    _check_scope(layer, scope)
    gate = f"The {layer} gate" + ("" if scope == ALL else f" of system {scope}")
    verdicts = [
        (position, receipt)
        for position, receipt in enumerate(receipts)
        if receipt.event == "validated" and (receipt.layer, receipt.scope) == (layer, scope)
    ]
    if not verdicts:
        return f"{gate} has not run in this build: run the whole job."
    position, verdict = verdicts[-1]
    if not verdict.passed:
        reasons = "; ".join(verdict.failures) or "no reason was recorded"
        return f"{gate} failed: {reasons}"
    for later in receipts[position + 1 :]:
        if later.event == "built" and _feeds(later, layer, scope):
            what = later.layer if later.scope == ALL else f"{later.layer} of {later.scope}"
            return f"{gate} is out of date: {what} was rebuilt after it passed. Run it again."
    return None


def _feeds(built: Receipt, layer: str, scope: str) -> bool:
    """Whether tables of (layer, scope) are made from, or are, those that were built."""
    return LAYERS.index(built.layer) <= LAYERS.index(layer) and scope in (built.scope, ALL)


def _check_scope(layer: str, scope: str) -> None:
    if layer not in LAYERS:
        raise ValueError(f"Unknown layer {layer!r}: use one of {', '.join(LAYERS)}")
    if not scope or (scope == ALL) is (layer in SYSTEM_LAYERS):
        expected = "the name of a system" if layer in SYSTEM_LAYERS else repr(ALL)
        raise ValueError(f"The scope of layer {layer} is {expected}, not {scope!r}")


def _append(build_dir: Path, receipt: Receipt) -> None:
    _check_scope(receipt.layer, receipt.scope)
    journal = build_dir / JOURNAL_NAME
    line = json.dumps(asdict(receipt), ensure_ascii=False).encode() + b"\n"
    is_new = not journal.exists()
    with journal.open("ab+") as file:
        # A new line glued to one torn by a kill would make both unreadable.
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(build_dir)


def _parse(journal: Path, number: int, line: bytes) -> Receipt:
    try:
        fields = json.loads(line)
        receipt = Receipt(
            event=fields["event"],
            layer=fields["layer"],
            scope=fields["scope"],
            passed=fields["passed"] is True,
            tables=tuple(fields["tables"]),
            failures=tuple(fields["failures"]),
        )
        _check_scope(receipt.layer, receipt.scope)
        if receipt.event not in ("built", "validated"):
            raise ValueError(f"unknown event {receipt.event!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise ReceiptError(
            f"{journal}, line {number}: not a receipt ({error}). "
            "The journal was damaged; run the job again to get a new build."
        ) from error
    return receipt
