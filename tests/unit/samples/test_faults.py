"""Dirt: every kind is planted at its rate and counted exactly; without dirt files stay clean."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from samples import parse_dirt
from samples.faults import LAYOUT, REALISTIC
from tests.unit.samples.sample_files import Sample, make_sample
from tests.unit.samples.test_sample_exports import hashes

SYSTEMS = ("canonical", "zendesk", "shopify", "loyalty", "marketing", "hubspot")


def spoil(out: Path, rates: dict[str, float]) -> Sample:
    return make_sample(out, customers=400, days_of_deltas=3, systems=SYSTEMS, dirt=rates)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return spoil(tmp_path_factory.mktemp("clean"), {})


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return spoil(tmp_path_factory.mktemp("dirty"), dict(REALISTIC))


def faults(sample: Sample, kind: str) -> list[dict[str, Any]]:
    truth = json.loads((sample.out / "truth" / "faults.json").read_text(encoding="utf-8"))
    return [fault for fault in truth["faults"] if fault["kind"] == kind]


def rows(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


def test_dirt_is_chosen_by_kind_and_rate() -> None:
    assert parse_dirt("none") == {}
    assert parse_dirt("realistic") == REALISTIC
    assert parse_dirt("encoding=0.5, bad_rows=0.01") == {"encoding": 0.5, "bad_rows": 0.01}
    for wrong, message in (
        ("spelling=0.1", "'spelling' is not one of encoding, dates"),
        ("encoding", "'encoding' is not kind=rate"),
        ("encoding=2", "outside 0-1"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_dirt(wrong)


def test_dirt_is_the_same_every_time(dirty: Sample, tmp_path: Path) -> None:
    assert hashes(spoil(tmp_path, dict(REALISTIC)).out) == hashes(dirty.out)


def test_without_dirt_there_is_no_list_of_faults(clean: Sample) -> None:
    assert not (clean.out / "truth" / "faults.json").exists()


def test_files_without_a_fault_are_as_they_were(clean: Sample, dirty: Sample) -> None:
    truth = json.loads((dirty.out / "truth" / "faults.json").read_text(encoding="utf-8"))
    spoiled = {fault["file"] for fault in truth["faults"]}
    before, after = hashes(clean.out), hashes(dirty.out)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {name for name in spoiled if "/again/" not in name}
    assert {*after} - {*before} == {name for name in spoiled if "/again/" in name} | {
        "truth/faults.json"
    }


def test_a_file_has_one_fault_of_layout_and_every_kind_occurs(dirty: Sample) -> None:
    files = [fault["file"] for kind in LAYOUT for fault in faults(dirty, kind)]
    assert len(files) == len({*files})
    assert all(faults(dirty, kind) for kind in LAYOUT)


def test_broken_rows_are_counted_and_only_in_leaves(tmp_path: Path, clean: Sample) -> None:
    sample = spoil(tmp_path, {"bad_rows": 0.02})
    planted = faults(sample, "bad_rows")
    assert sum(fault["rows"] for fault in planted) > 20
    assert {fault["detail"] for fault in planted} == {
        *("cells missing", "too many cells", "wrong type", "end cut off"),
    }
    for name in {fault["file"] for fault in planted}:
        counted = {f["detail"]: f["rows"] for f in planted if f["file"] == name}
        if name.endswith(".ndjson"):
            lines = (sample.out / name).read_text(encoding="utf-8").splitlines()
            assert sum(not line.endswith("}") for line in lines) == counted["end cut off"]
            continue
        header, *body = rows(sample.out / name)
        was = rows(clean.out / name)[1:]
        assert len(body) == len(was)
        found = {
            "cells missing": sum(len(row) < len(header) for row in body),
            "too many cells": sum(len(row) > len(header) for row in body),
            "wrong type": sum("to be checked" in row for row in body),
        }
        assert {kind: n for kind, n in found.items() if n} == counted
    touched = {Path(fault["file"]).stem.split("_20")[0] for fault in planted}
    assert touched <= {"interactions", "consents", "ticket_events", "ledger", "responses"}


def test_repeated_rows_follow_the_row_they_repeat(tmp_path: Path, clean: Sample) -> None:
    sample = spoil(tmp_path, {"duplicate_rows": 0.05})
    planted = [f for f in faults(sample, "duplicate_rows") if f["file"].endswith(".csv")]
    assert len(planted) > 10
    for fault in planted:
        before, after = rows(clean.out / fault["file"]), rows(sample.out / fault["file"])
        assert len(after) == len(before) + fault["rows"]
        assert {map(tuple, after)} and {tuple(r) for r in after} == {tuple(r) for r in before}


def test_encodings_hold_the_same_text(tmp_path: Path, clean: Sample) -> None:
    sample = spoil(tmp_path, {"encoding": 1.0})
    planted = faults(sample, "encoding")
    encodings = {fault["detail"] for fault in planted}
    assert {"cp1252", "utf-16"} < encodings <= {"gb18030", "cp1252", "utf-16", "utf-8-sig"}
    for fault in planted:
        raw = (sample.out / fault["file"]).read_bytes()
        text = (clean.out / fault["file"]).read_text(encoding="utf-8")
        assert not text.isascii()
        assert raw.decode(fault["detail"]) == text
        assert raw != text.encode()


def test_dates_and_decimals_mean_the_same(tmp_path: Path, clean: Sample) -> None:
    sample = spoil(tmp_path, {"dates": 0.2, "decimals": 0.2})
    for fault in faults(sample, "dates"):
        first = rows(clean.out / fault["file"])
        for was, now in zip(first[1:], rows(sample.out / fault["file"])[1:], strict=True):
            for old, new in zip(was, now, strict=True):
                if old != new:
                    parts = new[:10].replace(".", "/").split("/")
                    day, month = parts[:2] if fault["detail"] == "dmy" else parts[1::-1]
                    assert old == f"{parts[2]}-{month}-{day}{new[10:]}"
    assert faults(sample, "dates")
    for fault in faults(sample, "decimals"):
        before = rows(clean.out / fault["file"])
        after = rows(sample.out / fault["file"], delimiter=";")
        changed = 0
        for was, now in zip(before, after, strict=True):
            for old, new in zip(was, now, strict=True):
                if old != new:
                    changed += 1
                    assert float(old) == float(new.replace(".", "").replace(",", "."))
        assert changed >= fault["rows"] / 2
    assert faults(sample, "decimals")


def test_preambles_footers_and_headers(tmp_path: Path, clean: Sample) -> None:
    sample = spoil(tmp_path, {"preamble": 0.1, "footer": 0.1, "header_drift": 0.1})
    for fault in faults(sample, "preamble"):
        lines = (sample.out / fault["file"]).read_text(encoding="utf-8")
        was = (clean.out / fault["file"]).read_text(encoding="utf-8")
        assert lines.startswith("Report: ")
        assert rows(sample.out / fault["file"])[3:] == rows(clean.out / fault["file"])
        assert lines.endswith(was[-20:])
    for fault in faults(sample, "footer"):
        *body, last = rows(sample.out / fault["file"])
        assert last == ["Grand Totals", f"{fault['rows']} records"]
        assert body == rows(clean.out / fault["file"])
    for fault in faults(sample, "header_drift"):
        header, *body = rows(sample.out / fault["file"])
        was, *before = rows(clean.out / fault["file"])
        assert sorted(header) == sorted([*(name.upper() for name in was), "Internal remark"])
        assert [[row[header.index(name.upper())] for name in was] for row in body] == before
    assert all(faults(sample, kind) for kind in ("preamble", "footer", "header_drift"))


def test_resent_overlapping_and_late_files(tmp_path: Path, clean: Sample) -> None:
    sample = spoil(tmp_path, {"resent": 0.3, "overlapping": 0.5, "out_of_order": 0.5})
    for fault in faults(sample, "resent"):
        copy = sample.out / fault["file"]
        assert copy.read_bytes() == (copy.parent.parent / copy.name).read_bytes()
    for fault in faults(sample, "overlapping"):
        _, *after = rows(sample.out / fault["file"])
        assert after[fault["rows"] :] == rows(clean.out / fault["file"])[1:]
    assert faults(sample, "resent")
    assert faults(sample, "overlapping")
    truth = json.loads((sample.out / "truth" / "faults.json").read_text(encoding="utf-8"))
    files = {
        str(path.relative_to(sample.out))
        for path in sample.out.rglob("*")
        if path.is_file() and path.parent.name != "truth"
    }
    assert {*truth["arrival"]} == files
    days = [name.split("/")[1][:10] for name in truth["arrival"] if name.startswith("loyalty/")]
    assert days != sorted(days)


def test_cells_are_spoiled_as_counted(tmp_path: Path, clean: Sample) -> None:
    rates = {"null_spellings": 0.3, "quotes": 0.2, "deletes": 0.1, "sci_ids": 0.3}
    sample = spoil(tmp_path, rates | {"apostrophe_zips": 1.0})
    found = dict.fromkeys([*rates, "apostrophe_zips"], 0)
    for path in sorted(clean.out.glob("*/**/*.csv")):
        name = path.relative_to(clean.out)
        if name.parts[0] == "truth":
            continue
        for was, now in zip(rows(path), rows(sample.out / name), strict=True):
            for old, new in zip(was, now, strict=True):
                if old == new:
                    continue
                kind = (
                    "null_spellings" if new in ("NULL", "#N/A", "\\N")
                    else "deletes" if (old, new) == ("false", "true")
                    else "apostrophe_zips" if new == f"'{old}"
                    else "sci_ids" if "E+" in new
                    else "quotes"
                )  # fmt: skip
                found[kind] += 1
    counted = {kind: sum(f["rows"] for f in faults(sample, kind)) for kind in found}
    assert found == counted
    assert all(counted.values())
