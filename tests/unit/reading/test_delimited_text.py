"""The two readers of delimited text: they must never disagree in silence."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading import plain
from orchestration.lib.reading.delimited import Dialect, parse_records
from orchestration.lib.reading.dialect import TextLayout
from orchestration.lib.reading.encoding import MARK
from orchestration.lib.reading.file_reader import delimited_relation
from orchestration.lib.reading.layout import Layout
from orchestration.lib.reading.plain import Mended, TextFacts, look_at_text, mend
from orchestration.lib.reading.records import RefusedError
from tests.unit.reading.conftest import Shop

CONNECTION = duckdb.connect()
RFC = Dialect(",", '"', '"')
CELLS = st.text(
    st.one_of(
        st.sampled_from("\",;\t|\n\r \\'é中\u2028\x00\ufeff"),
        st.characters(codec="utf-8"),
    ),
    max_size=8,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=f"\0{MARK}"), max_size=12)


def plain_object(width: int) -> ExportObject:
    return ExportObject.model_validate(
        {
            "name": "things",
            "files": ["*"],
            "mode": "delta",
            "key": [],
            "columns": [{"name": f"k{i}"} for i in range(width)],
        }
    )


def text_layout(path: Path, dialect: Dialect, width: int) -> TextLayout:
    headers = tuple(f"k{i}" for i in range(width))
    return TextLayout(path, dialect, headers, 1, 1, 1, 0, 0, "LF", "given by the test")


def fast(path: Path, dialect: Dialect, width: int) -> list[list[str | None]] | None:
    """Read with DuckDB; None when it declines."""
    exported = plain_object(width)
    columns = Layout({f"k{i}": i for i in range(width)}, {})
    layout = text_layout(path, dialect, width)
    source = delimited_relation(layout, columns, TextFacts(False, ()), [""], exported).source
    with CONNECTION.cursor() as con:
        try:
            return [list(row) for row in con.execute(f"from {source}").fetchall()]
        except duckdb.InvalidInputException:
            return None


def careful(path: Path, dialect: Dialect, width: int) -> list[list[str | None]]:
    """Read what was written anew record by record."""
    mended = mend(text_layout(path, dialect, width), path.with_suffix(".mended"), everything=True)
    return staged(mended, dialect, width)


def staged(mended: Mended, dialect: Dialect, width: int) -> list[list[str | None]]:
    """Read a mended text; a malformed row is one word."""
    layout = text_layout(mended.path, dialect, width)
    columns = Layout({f"k{i}": i for i in range(width)}, {})
    facts = TextFacts(False, ())
    relation = delimited_relation(layout, columns, facts, [""], plain_object(width))
    with CONNECTION.cursor() as con:
        rows = con.execute(f"from {relation.source}").fetchall()
        return [["MALFORMED"] if row[0] == MARK else list(row) for row in rows]


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, list[list[str]]]:
    width = draw(st.integers(2, 4))
    return width, draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    final=st.booleans(),
)
def test_both_readers_return_what_was_written(
    tmp_path: Path,
    table: tuple[int, list[list[str]]],
    delimiter: str,
    line_end: str,
    quote_all: bool,
    final: bool,
) -> None:
    width, rows = table

    def cell(text: str) -> str:
        special = quote_all or any(character in text for character in f'{delimiter}"\r\n')
        return '"' + text.replace('"', '""') + '"' if special else text

    lines = [[f"k{i}" for i in range(width)], *([cell(text) for text in row] for row in rows)]
    written = line_end.join(delimiter.join(line) for line in lines) + (line_end if final else "")
    path = tmp_path / "table.csv"
    path.write_bytes(written.encode())
    dialect = Dialect(delimiter, '"', '"')
    not_text = {"\0", MARK}
    expected: list[list[str | None]] = [
        ["MALFORMED"] if not_text & set("".join(row)) else [cell or None for cell in row]
        for row in rows
    ]
    assert careful(path, dialect, width) == expected
    if not look_at_text(text_layout(path, dialect, width)).may_be_misread:
        assert fast(path, dialect, width) in (expected, None)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.text(st.sampled_from('ab",\n\r \\é'), max_size=24), escape=st.sampled_from('"\\'))
@example(body='   "a"   ,b\n', escape='"')
@example(body=' "a",b\n', escape='"')
@example(body='"a" ,b', escape='"')
@example(body='"a""" ,b\n', escape='"')
@example(body='"" ,b\n', escape='"')
@example(body='  "",b\n', escape='"')
@example(body='"a\\b",c\n', escape="\\")
@example(body="a,b\n\n\r\n", escape='"')
@example(body="a,b,,\n", escape='"')
@example(body=",,\r", escape='"')
@example(body=",,\r,\\", escape='"')
@example(body=',  ""\\', escape='"')
@example(body='\\",\\"', escape="\\")
def test_whatever_the_fast_reader_accepts_the_careful_one_reads_the_same(
    tmp_path: Path, body: str, escape: str
) -> None:
    """DuckDB drops one space before a quote but keeps three: such files must not reach it."""
    path = tmp_path / "junk.csv"
    path.write_bytes(b"k0,k1\n" + body.encode())
    dialect = Dialect(",", '"', escape)
    if not look_at_text(text_layout(path, dialect, 2)).may_be_misread:
        rows = fast(path, dialect, 2)
        assert rows is None or rows == careful(path, dialect, 2)


def test_only_the_stretch_around_a_malformed_row_is_written_anew(tmp_path: Path) -> None:
    """Row numbers, lines and cells are those of the file, whichever way its blocks took."""
    path = tmp_path / "long.csv"
    lines = [f'{number},"note\n{number}"' for number in range(60_000)]
    lines[40_000] = 'lost,"a "b" c"'
    lines[40_001] = "one,two,three"
    path.write_text("k0,k1\n" + "\n".join(lines) + "\n")
    layout = text_layout(path, RFC, 2)
    mended = mend(layout, tmp_path / "mended")
    assert (mended.count_malformed, len(mended.anchors) > 3) == (2, True)
    everything = mend(layout, tmp_path / "anew", everything=True)
    rows = staged(mended, RFC, 2)
    assert rows == staged(everything, RFC, 2)
    assert rows[39_999:40_003] == [
        ["39999", "note\n39999"],
        ["MALFORMED"],
        ["MALFORMED"],
        ["40002", "note\n40002"],
    ]
    wanted = np.array([1, 40_000, 40_003, 60_000])
    found = dict(zip(wanted, mended.line_numbers(wanted, 60_000), strict=True))
    assert [*found.values()] == everything.line_numbers(wanted, 60_000).tolist()
    records = enumerate(layout.records(), 1)
    assert found == {n: record.line_number for n, record in records if n in wanted}
    assert found[40_003] == 1 + 2 * 40_000 + 2 + 1


def test_the_fast_reader_takes_ordinary_files(tmp_path: Path) -> None:
    """Or the tests above would hold for a reader that always declines."""
    path = tmp_path / "plain.csv"
    path.write_text('k0,k1\na,"b, ""c""\nd"\n"",é\n', newline="")
    assert fast(path, RFC, 2) == [["a", 'b, "c"\nd'], [None, "é"]]
    assert not look_at_text(text_layout(path, RFC, 2)).may_be_misread


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_quoted_newlines_survive_parallel_reading(tmp_path: Path, line_end: str) -> None:
    """A file larger than one buffer is read by several threads, which must agree on the rows."""
    path = tmp_path / "long.csv"
    comment = f'said ""no"",{line_end}twice'
    with path.open("w", newline="") as file:
        file.write("k0,k1" + line_end)
        for number in range(900_000):
            file.write(f'{number},"{comment} {"x" * (number % 60)}"{line_end}')
    assert path.stat().st_size > 40_000_000
    source = delimited_relation(
        text_layout(path, RFC, 2),
        Layout({"k0": 0, "k1": 1}, {}),
        TextFacts(False, ()),
        [""],
        plain_object(2),
    ).source
    with duckdb.connect() as con:
        assert con.execute(
            f"select count(*), sum(c0::bigint), sum(length(c1)) from {source}"
        ).fetchone() == (
            900_000,
            sum(range(900_000)),
            900_000 * (len(comment) - 2 + 1) + 15_000 * sum(range(60)),
        )


def test_each_record_knows_the_line_on_which_it_begins() -> None:
    lines = ["a,b\n", '"x\n', 'y",1\n', "\n", "2,3"]
    records = list(parse_records(lines, RFC))
    assert [(r.line_number, r.cells) for r in records] == [
        (1, ["a", "b"]),
        (2, ["x\ny", "1"]),
        (4, []),
        (5, ["2", "3"]),
    ]


def test_reading_goes_on_after_a_malformed_quote() -> None:
    records = list(parse_records(['"a"b,1\n', "2,3\n"], RFC))
    assert [(r.cells, r.raw) for r in records] == [
        (None, '"a"b,1\n'),
        (["2", "3"], "2,3\n"),
    ]


def test_an_open_quote_is_refused_with_its_line() -> None:
    with pytest.raises(RefusedError, match="line 2: the quote opened on this line is not closed"):
        list(parse_records(["a,b\n", '1,"x\n', "3,4\n"], RFC))


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(notes=st.lists(TEXTS, min_size=1, max_size=5))
def test_a_bad_row_does_not_change_the_others(
    new_shop: Callable[[], Shop], notes: list[str]
) -> None:
    """The whole way: the same rows land whether or not the file needs the careful path."""

    def export(extra: list[str]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["order_id", "amount", "note"])
        writer.writerows([str(i), "1.5", note] for i, note in enumerate(notes))
        writer.writerows([extra] if extra else [])
        return text.getvalue().encode()

    clean, dirty = new_shop(), new_shop()
    clean.put("orders_2026-01-02.csv", export([]))
    dirty.put("orders_2026-01-02.csv", export(["x", "no number", ""]))
    columns = "order_id, amount, note, source_metadata, _file_name, _exported_at, _row_number"
    rows = clean.rows(clean.land(), columns)
    assert len(rows) == len(notes)
    records = dirty.land()
    assert records[0].rows_quarantined == 1
    assert dirty.rows(records, columns) == rows


@pytest.mark.parametrize("bad", ["torn", "1", "1,2,3", '1,"a,b",c', '"1\n2"', "\n", ","])
@pytest.mark.parametrize("at", [0, 1, 997, 2999])
def test_blocks_that_are_believed_are_those_that_were_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str, at: int
) -> None:
    monkeypatch.setattr(plain, "_BLOCK", 300)
    path = tmp_path / "long.csv"
    lines = [f'{number},"a, ""b""\n{number}"' for number in range(3000)]
    lines[at] = bad
    path.write_text("\ufeffk0,k1\n" + "\n".join(lines) + "\n")
    layout = text_layout(path, RFC, 2)
    facts = look_at_text(layout)
    believed = mend(layout, tmp_path / "believed", facts.blocks)
    looked_at = mend(layout, tmp_path / "looked_at")
    assert facts.blocks and facts.has_wrong_widths == bool(looked_at.count_malformed)
    for name in ("path", "malformed"):
        texts = [getattr(mended, name).read_text() for mended in (believed, looked_at)]
        assert texts[0] == texts[1]
    assert believed.empty_lines == looked_at.empty_lines
    wanted = np.array([1, max(1, at), at + 2, 2999])
    lines = [mended.line_numbers(wanted, 3000).tolist() for mended in (believed, looked_at)]
    assert lines[0] == lines[1]
