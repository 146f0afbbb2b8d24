"""A known table, polluted in the ways of the Pollock benchmark and some more, read without a key.

Pollock (Vitagliano et al., VLDB 2023) takes one file and spoils its header, single rows,
delimiters, quotes and line ends one at a time. The contract here has neither key nor types, so that
nothing but the layout can tell what is wrong: every row must be right, aside with a reason, or the
file refused.
"""

from collections import Counter
from typing import Any

import pytest

from orchestration.lib.reading.records import FileRecord
from tests.unit.reading.conftest import Shop

HEADER = ["DATE", "Qty", "PRODUCTID", "Type", "Description", "Comments"]
TYPES = ["Men's Hiking Boots", "Throw Pillow, Wooden Paddles", 'Dining Table, Round 48"']
TEXTS = ["rugged, yet light", "here: just one, soft, touch", "crisp action in our 8'9\" rod"]
ROWS = [
    [f"{13 + i}/01/2026", str(i), f"MG-{1000 + i}", TYPES[i % 3], TEXTS[i % 3], ""]
    for i in range(12)
]
CONTRACT: dict[str, Any] = {
    "columns": [{"name": name.lower()} for name in HEADER],
    "key": [],
    "watermark": None,
    "null_values": [],
}


def cells(row: list[str], quote: str = '"') -> list[str]:
    """Quote the texts, as the source of the benchmark does, and what has to be quoted."""
    return [
        f"{quote}{cell.replace(quote, 2 * quote)}{quote}"
        if position == 4 or any(c in cell for c in (",", quote))
        else cell
        for position, cell in enumerate(row)
    ]


LINES = [cells(row) for row in [HEADER, *ROWS]]


def text(lines: list[list[str]], delimiter: str = ",", line_end: str = "\r\n") -> str:
    return "".join(delimiter.join(line) + line_end for line in lines)


def changed(number: int, line: list[str]) -> str:
    return text([*LINES[:number], line, *LINES[number + 1 :]])


def land(shop: Shop, content: str | bytes, **changes: Any) -> tuple[FileRecord, list[list[str]]]:
    """Land a file; return its record and its rows with empty texts for NULL."""
    shop.put("orders.csv", content)
    changes = {**CONTRACT, **changes}
    (record,) = records = shop.land(**changes)
    if record.status != "loaded":
        assert record.remedy
        return record, []
    names = ", ".join(column["name"] for column in CONTRACT["columns"])
    return record, [[cell or "" for cell in row] for row in shop.rows(records, names, **changes)]


def assert_nothing_is_silent(record: FileRecord, landed: list[list[str]]) -> None:
    if record.status == "refused":
        return
    counts = Counter(map(tuple, ROWS))
    wrong = [row for row in landed if not counts[tuple(row)]]
    assert not wrong, (record, wrong)
    assert len(landed) + record.rows_quarantined == len(ROWS), record


POLLUTED = {
    **{
        f"delimiter lost in line {row}, column {column}": changed(
            row,
            [*line[: column - 1], line[column - 1] + line[column], *line[column + 1 :]],
        )
        for row in (0, 1, 7, 12)
        for column in (1, 3, 5)
        for line in [LINES[row]]
    },
    **{
        f"delimiter more in line {row}, column {column}": changed(
            row, [*line[:column], "", *line[column:]]
        )
        for row in (0, 1, 12)
        for column in (0, 4, 6)
        for line in [LINES[row]]
    },
    **{
        f"quote more in line {row}, column {column}": changed(
            row, [*line[:column], '"' + line[column], *line[column + 1 :]]
        )
        for row in (0, 1, 12)
        for column in (0, 4, 5)
        for line in [LINES[row]]
    },
    "line with blanks for commas": changed(5, [" ".join(LINES[5])]),
    "quotes not doubled": text([[c.replace('""', '"') for c in line] for line in LINES]),
    "no quotes": text([HEADER, *ROWS]),
    "typographic quotes": text(LINES).replace(',"', ",“").replace('",', "”,"),
    "no header": text(LINES[1:]),
    "one of two tables has more columns": text(LINES + [[*line, ""] for line in LINES]),
    "one byte at the beginning of every line": text(LINES).encode().replace(b"\n", b"\n\xfe"),
    "numbered rows under a header without the number": text(
        [LINES[0], *([str(number), *line] for number, line in enumerate(LINES[1:]))]
    ),
    "an amount torn at its comma in every row": text(
        [LINES[0], *([line[0], "65", "08", *line[2:]] for line in LINES[1:])]
    ),
    "a name torn at its comma in every row": text(
        [LINES[0], *([*line[:3], "Doe", " Jane", *line[4:]] for line in LINES[1:])]
    ),
    "a sign of its own as quote": text([[f"!{c}!" for c in line] for line in [HEADER, *ROWS]]),
    "cut off": text(LINES)[:-20],
}


@pytest.mark.parametrize("content", POLLUTED.values(), ids=POLLUTED.keys())
def test_rows_are_right_or_aside_or_the_file_is_refused(shop: Shop, content: str | bytes) -> None:
    """Incident to prevent: `DATEQty` in the header, and every row one column to the right."""
    assert_nothing_is_silent(*land(shop, content))


READABLE = {
    "line separators of Unicode": text(LINES, line_end="\u2029"),
    "apostrophes as quotes": text([cells(row, quote="'") for row in [HEADER, *ROWS]]),
    "delimited by blanks": text(
        [[f'"{c}"' if " " in c and c[0] != '"' else c for c in line] for line in LINES], " "
    ),
    "a row of delimiters": text([*LINES[:5], [""] * 6, *LINES[5:]]),
    "a mark of byte order within a row": text(LINES).replace(",MG-1004", ",\ufeffMG-1004"),
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE.keys())
def test_every_row_is_right(shop: Shop, content: str) -> None:
    record, landed = land(shop, content)
    assert landed == ROWS, record


@pytest.mark.parametrize(
    "lines",
    [
        [LINES[0]],
        [LINES[0], LINES[0]],
        [["dd/mm/yyyy", "pieces", "", "", "", ""]],
        [["date", "int", "varchar", "varchar", "varchar", "varchar"]],
        [["----", "---", "---------", "----", "-----------", "--------"]],
        [["", "", "", "Response", "Open-Ended Response", ""]],
        [["What day?", "How many?", "Which?", "", "", ""], ["date", "number", "code", "", "", ""]],
    ],
    ids=["header twice", "three times", "units", "types", "a rule", "kinds of answers", "two more"],
)
def test_further_header_rows_are_set_aside(shop: Shop, lines: list[list[str]]) -> None:
    """A row of units lands as a row wherever all columns are text."""
    record, landed = land(shop, text([LINES[0], *lines, *LINES[1:]]))
    assert landed == ROWS
    assert record.rows_quarantined == len(lines)
    found = shop.quarantine([record])
    assert [(row["reason"], row["line_number"]) for row in found] == [
        ("repeated_header", number) for number in range(2, len(lines) + 2)
    ]


def test_a_first_row_with_texts_is_a_row(shop: Shop) -> None:
    """One odd cell is no header: a name in the column of products, nothing in that of numbers."""
    first = ["12/01/2026", "n/a", "unknown", "Sandals", "new", ""]
    record, landed = land(shop, text([LINES[0], first, *LINES[1:]]))
    assert landed == [first, *ROWS]
    assert (record.rows_quarantined, record.message) == (0, None)


def test_a_header_in_the_middle_in_capitals_is_set_aside(shop: Shop) -> None:
    again = [name.upper() for name in HEADER]
    record, landed = land(shop, text([*LINES[:6], again, *LINES[6:]]))
    assert (landed, record.rows_quarantined) == (ROWS, 1)


def test_a_header_in_the_middle_with_another_order_refuses_the_file(shop: Shop) -> None:
    """All rows behind it would stand under wrong names, as text without a word."""
    turned = [line[::-1] for line in LINES]
    record, _ = land(shop, text([*LINES[:6], turned[0], *turned[6:]]))
    assert record.status == "refused"
    assert str(record.message).startswith("row 6 names the columns in another order")


def test_rows_above_a_second_table_with_other_delimiters_are_no_preamble(shop: Shop) -> None:
    """They once were left out as what stands above the header, and nobody was told."""
    plain = [[cell.strip('"').replace(",", "") for cell in line] for line in LINES]
    record, landed = land(shop, text(plain[:8]) + text([plain[0], *plain[8:]], ";"))
    assert landed == plain[1:8]
    assert record.rows_quarantined == 6


def test_quotes_around_whole_lines_are_removed(shop: Shop) -> None:
    """A spreadsheet had the lines in its first column and saved them again."""
    once = text(LINES).split("\r\n")[:-1]
    twice = [f'"{line.replace(chr(34), 2 * chr(34))}",,' for line in once]
    record, landed = land(shop, "\r\n".join(twice) + "\r\n")
    assert landed == ROWS
    assert record.message == "every line stood in quotes of its own, which were removed"


@pytest.mark.parametrize(
    ("left", "right", "fill", "said"),
    [
        ("", "", True, "blanks around the cells of Qty, PRODUCTID, Type, Description"),
        (" ", " ", False, "blanks around the cells of DATE, Qty, PRODUCTID, Type, Description"),
        ("\t", "", False, "tabs around the cells of DATE, Qty, PRODUCTID, Type"),
        ("'", "", False, "an apostrophe before every cell of DATE, Qty"),
        ("`", "", False, "a backtick before every cell of DATE, Qty"),
    ],
)
def test_what_stands_around_every_cell_is_removed_with_a_warning(
    shop: Shop, left: str, right: str, fill: bool, said: str
) -> None:
    """Reports fill cells up, shops keep spreadsheets from reading numbers."""
    widths = [max(map(len, column)) for column in zip(HEADER, *ROWS, strict=True)]
    rows = [
        [f"{left}{cell}{right}".ljust(widths[at] * fill) if cell or fill else "" for at, cell in x]
        for x in map(enumerate, ROWS)  # type: ignore[arg-type]
    ]
    header = [f" {name} " if left == " " else name for name in HEADER]
    content = text([[f'"{c.replace(chr(34), 2 * chr(34))}"' for c in x] for x in [header, *rows]])
    record, landed = land(shop, content)
    assert landed == ROWS
    assert str(record.message).startswith(said)


def test_blanks_in_some_cells_are_text(shop: Shop) -> None:
    rows = [[*row[:3], f" {row[3]} " if n else "Boots", *row[4:]] for n, row in enumerate(ROWS)]
    record, landed = land(shop, text([HEADER, *map(cells, rows)]))
    assert (landed, record.message) == (rows, None)


def test_cells_in_printed_quotes_are_told(shop: Shop) -> None:
    rows = [[*row[:3], f"“{row[3]}”", *row[4:]] for row in ROWS]
    record, landed = land(shop, text([HEADER, *map(cells, rows)]))
    assert landed == rows
    assert record.message == "the cells of Type stand in “ and ”, which stay"


def test_the_numbers_of_columns_under_the_header_are_no_row(shop: Shop) -> None:
    record, landed = land(shop, text([LINES[0], list("123456"), *LINES[1:]]))
    assert (landed, record.rows_quarantined) == (ROWS, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<html><table><tr><td>DATE</td></tr></table></html>", "the file holds HTML or XML"),
        (text([[f'"""{c.strip(chr(34))}"""' for c in x] for x in [HEADER, *ROWS]]), "twice"),
    ],
)
def test_what_is_no_csv_is_refused(shop: Shop, content: str, said: str) -> None:
    record, _ = land(shop, content)
    assert record.status == "refused"
    assert said in str(record.message)


@pytest.mark.parametrize("rows", [1, 40_000])
@pytest.mark.parametrize("cell", [0, 5])
def test_a_row_torn_in_its_first_or_last_cell_is_set_aside_whole(
    shop: Shop, cell: int, rows: int
) -> None:
    """The half of it that is as wide as a row once landed. Longer files are read in stretches."""
    whole = [*LINES[1][:5], "all fine"]
    torn = [c[:3] + "\n" + c[3:] if at == cell else c for at, c in enumerate(whole)]
    record, landed = land(shop, text([HEADER, *[whole] * rows, torn, *[whole] * rows]))
    # on which side of the piece the rest of its row stands, nobody knows
    assert record.rows_loaded == 2 * rows - 1
    assert {row[0] for row in landed} == {ROWS[0][0]}
    assert {row[5] for row in landed} == {"all fine"}
    found = shop.quarantine([record])
    lines = [(row["reason"], row["line_number"] - rows) for row in found]
    if cell == 0:
        assert lines == [("torn_row", 1), ("wrong_cell_count", 2), ("torn_row", 3)]
    else:
        assert lines == [("torn_row", 2), ("wrong_cell_count", 3), ("torn_row", 4)]


def test_rows_beside_notes_and_quoted_cells_are_not_torn(shop: Shop) -> None:
    quoted = [f'"{c}"' if c[:1] != '"' else c for c in LINES[2]]
    notes = [["# second batch"], quoted, ["any text"], quoted, ["Total"], LINES[3], ["-----"]]
    record, landed = land(shop, text([LINES[0], LINES[1], *notes, *LINES[4:]]))
    assert landed == [ROWS[0], ROWS[1], ROWS[1], *ROWS[2:]]
    assert record.rows_quarantined == 4


def test_a_header_in_the_middle_is_set_aside(shop: Shop) -> None:
    record, landed = land(shop, text([*LINES[:6], LINES[0], *LINES[6:]]))
    assert (landed, record.rows_quarantined) == (ROWS, 1)


@pytest.mark.parametrize(
    ("total", "others"),
    [("Total", ""), ("Average:", ""), ("合计", ""), ("Subtotal", ""), ("Total: Campaigns", "USD")],
)
def test_a_last_row_that_sums_up_is_left_out_with_a_warning(
    shop: Shop, total: str, others: str
) -> None:
    record, landed = land(shop, text([*LINES, [total, "66", *[others] * 4]]))
    assert (landed, record.footer_lines) == (ROWS, 1)
    assert "left out behind the last row" in str(record.message)


def test_sums_without_a_label_above_the_total_are_left_out_with_it(shop: Shop) -> None:
    sums = [["", "1,200.00".replace(",", ""), "", "", "", ""], ["Total", "1200.00", "", "", "", ""]]
    record, landed = land(shop, text([*LINES, *sums]))
    assert (landed, record.footer_lines) == (ROWS, 2)


def test_a_last_row_called_total_without_a_gap_lands_with_a_warning(shop: Shop) -> None:
    """A pivot table has such a row, and so has a list of companies that ends with Total."""
    total = ["Total", "66", "MG-0", "Boots", "all", "x"]
    record, landed = land(shop, text([*LINES, total]))
    assert landed == [*ROWS, total]
    assert str(record.message).startswith("the last row begins with 'Total'")
    assert land(shop, text([*LINES, total]), footer=["total"])[1] == ROWS


def test_a_last_row_of_numbers_alone_is_set_aside_with_a_warning(shop: Shop) -> None:
    """The spending lists of a government end with the sum, without a word."""
    record, landed = land(shop, text([*LINES, ["", "66", "", "", "", ""]]))
    assert (landed, record.rows_quarantined) == (ROWS, 1)
    assert str(record.message).startswith("the last row holds a few numbers and nothing else")


@pytest.mark.parametrize(
    "row",
    [
        ["Region: North", "", "", "", "", ""],
        ["Tax", "12.50", "", "", "", ""],
        ["", "66", "", "", "", ""],
        ["code", "meaning", "", "", "", ""],
    ],
)
def test_rows_that_fill_hardly_a_cell_of_a_full_table_are_set_aside(
    shop: Shop, row: list[str]
) -> None:
    """Headings of groups, taxes below subtotals and second tables once landed without a word."""
    lines = [LINES[0], row, *LINES[1:5], row, *LINES[5:], LINES[1]]
    record, landed = land(shop, text(lines))
    assert landed == [*ROWS, ROWS[0]]
    found = shop.quarantine([record])
    assert [(r["reason"], r["line_number"]) for r in found] == [
        ("not_a_record", 2),
        ("not_a_record", 7),
    ]


def test_rows_of_a_sparse_table_are_rows(shop: Shop) -> None:
    """Where records fill what they like, one that fills two cells is a record."""
    rows = [[cell if (at + n) % 3 else "" for at, cell in enumerate(ROWS[n])] for n in range(9)]
    few = ["", "66", "", "", "all in the comment", ""]
    assert land(shop, text([HEADER, *map(cells, [*rows[:5], few, *rows[5:]])]))[1] == [
        *rows[:5],
        few,
        *rows[5:],
    ]


def test_a_note_behind_an_empty_line_is_left_out_though_it_has_as_many_cells(shop: Shop) -> None:
    """A report of an accounting program kept its last lines from being seen as a footer."""
    note = ["", '"Tuesday, Nov 11, 2025 - Accrual Basis"', "", "", "", ""]
    record, landed = land(shop, text([*LINES, []]) + text([note]))
    assert (landed, record.footer_lines) == (ROWS, 1)
    assert land(shop, text([*LINES, note]))[0].footer_lines == 0


def test_a_second_row_that_names_what_the_header_does_not_is_set_aside(shop: Shop) -> None:
    """SurveyMonkey writes the choices of a question below it, over one nameless column each."""
    lines = [
        ["ProductId", "Type", "Description", "", "", "Comments"],
        ["", "", "Phone", "Email", "Chat", "Open-Ended Response"],
        ["R1", "Ann", "Phone", "", "Chat", "fine"],
        ["R2", "Bo", "", "Email", "", ""],
    ]
    record, landed = land(shop, text(lines))
    assert [row[2] for row in landed] == ["R1", "R2"]
    (found,) = shop.quarantine([record])
    assert found["reason"] == "repeated_header"
    assert "declare `header_rows:`" in found["message"]


def test_one_quote_that_is_never_closed_costs_its_row_in_a_small_file(shop: Shop) -> None:
    """Another quote was once chosen for the whole file, and the quotes of all cells were kept."""
    broken = [LINES[5][0], '"' + LINES[5][1], *LINES[5][2:]]
    record, landed = land(shop, text([*LINES[:5], broken, *LINES[6:8]]))
    assert landed == [*ROWS[:4], *ROWS[5:7]]
    assert record.rows_quarantined == 1


def test_rows_that_end_with_a_delimiter_more_than_the_header_are_told(shop: Shop) -> None:
    """They are a habit of programs; a cell more in every row would look alike."""
    record, landed = land(shop, text([LINES[0], *([*line, ""] for line in LINES[1:])]))
    assert landed == ROWS
    assert record.message == (
        "rows end with a delimiter that the header does not have: taken for no cell"
    )


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u3000", "\u200b"])
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_blank_that_nobody_sees_at_every_cell_is_removed(
    shop: Shop, blank: str, place: str
) -> None:
    """As a part of the delimiter it would stay before the first cell of a row only."""

    plain = [[cell.strip('"').replace(",", "") for cell in x] for x in [HEADER, *ROWS]]
    padded = [[blank + c if place == "before" else c + blank for c in line] for line in plain]
    record, landed = land(shop, text(padded))
    assert landed == plain[1:]
    assert "blanks that no one sees (Unicode) around the cells of DATE" in str(record.message)


def test_a_blank_that_nobody_sees_at_some_cells_is_told(shop: Shop) -> None:
    rows = [cells(row) for row in ROWS]
    rows[3][2] += "\u00a0"
    record, landed = land(shop, text([HEADER, *rows]))
    assert landed[3][2] == "MG-1003\u00a0"
    assert (
        record.message == "cells of productid begin or end with blanks that no one sees, which stay"
    )


@pytest.mark.parametrize("escape", ['""', '\\"'])
def test_a_backslash_before_some_apostrophes_is_text(shop: Shop, escape: str) -> None:
    rows = [
        [*row[:4], "8\\'9 rod" if number else "her's", row[5]] for number, row in enumerate(ROWS)
    ]
    lines = [[c.replace('""', escape) for c in cells(row)] for row in [HEADER, *rows]]
    record, landed = land(shop, text(lines))
    assert landed == rows
    assert "backslashes before some apostrophes were taken as text" in str(record.message)


@pytest.mark.parametrize("escape", ['""', '\\"'])
def test_backslashes_before_all_apostrophes_are_escapes(shop: Shop, escape: str) -> None:
    lines = [
        [c.replace('""', escape).replace("'", "\\'") for c in cells(r)] for r in [HEADER, *ROWS]
    ]
    assert any("'" in cell for row in ROWS for cell in row)
    record, landed = land(shop, text(lines))
    assert landed == ROWS
    assert "which all have one" in str(record.message)


@pytest.mark.parametrize(
    ("texts", "is_found"),
    [
        (["très bon + vite", "Müller", "ça va, été"], True),
        (["购买很快", "张伟", "非常 好看"], True),
        (["回复很及时。但是没有人听我说。", "徐", "Pérez, +49 30"], True),
        (["+49 30 1234", "me+shop@example.com", "1+1"], False),
    ],
)
def test_utf_7_is_recognised_where_every_plus_sign_begins_letters(
    shop: Shop, texts: list[str], is_found: bool
) -> None:
    rows = [[*row[:4], texts[i % 3], ""] for i, row in enumerate(ROWS)]
    content = text([cells(row) for row in [HEADER, *rows]])
    record, landed = land(shop, content.encode("utf-7" if is_found else "utf-8"))
    assert landed == rows
    assert record.encoding == ("utf-7" if is_found else "utf-8")
    assert bool(record.message) is is_found


def test_years_of_two_digits_that_may_come_first_are_not_guessed(shop: Shop) -> None:
    columns = [{**column, "type": "date"} for column in CONTRACT["columns"][:1]]
    columns += CONTRACT["columns"][1:]
    rows = [[f"18-01-{day:02d}", *row[1:]] for day, row in enumerate(ROWS, 5)]
    content = text([cells(row) for row in [HEADER, *rows]])
    record, _ = land(shop, content, columns=columns)
    assert record.status == "refused"
    assert "may be a year of two digits" in str(record.message)
    _, landed = land(shop, content, columns=columns, date_order="ymd")
    assert [row[0] for row in landed] == [f"2018-01-{day:02d}" for day in range(5, 17)]


def test_a_sparse_row_of_a_small_table_is_a_row(shop: Shop) -> None:
    """The example of Wikipedia has one: three full rows say little about a fourth."""
    few = ["", "", "", "Venture", "", "4900.00"]
    assert land(shop, text([*LINES[:4], few]))[1] == [*ROWS[:3], few]


@pytest.mark.parametrize(("null", "is_told"), [("\\N", True), ("none", False)])
def test_line_breaks_as_databases_escape_them_are_told(
    shop: Shop, null: str, is_told: bool
) -> None:
    """A backslash and an n is a line break to MySQL, and part of a path to everybody else."""
    rows = [[*row[:4], "C:\\new", null] for row in ROWS]
    record, landed = land(shop, text([HEADER, *rows], "\t"))
    assert [row[4] for row in landed] == ["C:\\new"] * len(ROWS)
    assert ("escapes of a database" in str(record.message)) == is_told


def test_a_line_end_that_mysql_escaped_is_one(shop: Shop) -> None:
    """As `SELECT … INTO OUTFILE … OPTIONALLY ENCLOSED BY` writes it; nobody doubled a quote."""
    outfile = text([HEADER, *LINES[1:]]).replace("Wooden Paddles", "Wooden\\\r\nPaddles")
    outfile = outfile.replace('""', '\\"')
    record, landed = land(shop, outfile)
    assert landed[1][3] == "Throw Pillow, Wooden\r\nPaddles"
    assert landed[2][3] == 'Dining Table, Round 48"'
    assert (record.escape, record.rows_quarantined) == ("\\", 0)


@pytest.mark.parametrize("header", [True, False])
def test_rows_that_are_commented_out_are_set_aside_where_a_key_tells(
    shop: Shop, header: bool
) -> None:
    """Where most keys begin with #, as numbers of orders do, it is a part of them."""
    columns = [{"name": "productid"}, {"name": "type"}]
    changes = {"columns": columns, "key": ["productid"], "header": header}
    first = "PRODUCTID,Type\n" if header else ""
    rows = [f"MG-{i},Boots\n" for i in range(40)]
    rows[7] = f"#{rows[7]}"
    shop.put("orders.csv", first + "".join(rows))
    (record,) = records = shop.land(**CONTRACT | changes)
    (aside,) = shop.quarantine(records)
    assert (aside["reason"], record.rows_loaded) == ("not_a_record", 39)
    orders = [f"#{i},Boots\n" for i in range(40)]
    shop.put("orders.csv", first + "".join(orders))
    (record,) = shop.land(**CONTRACT | changes)
    assert (record.rows_loaded, record.message) == (40, None)


@pytest.mark.parametrize("total", [["Total", "66"], ["Subtotal", "1.234,50 €"], ["合计", "66"]])
def test_sums_between_the_rows_of_a_table_without_a_key_are_set_aside(
    shop: Shop, total: list[str]
) -> None:
    changes = {**CONTRACT, "columns": [{"name": "channel"}, {"name": "spend"}]}
    rows = [[f"Channel {i}", str(i)] for i in range(12)]
    table = [["channel", "spend"], *rows[:6], total, *rows[6:]]
    shop.put("orders.csv", text([cells(row) for row in table]))
    records = shop.land(**changes)
    assert shop.rows(records, "channel, spend", **changes) == [tuple(row) for row in rows]
    assert [row["reason"] for row in shop.quarantine(records)] == ["not_a_record"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("\f second page", "hold control characters"),
        ("~fine~", "stand in quotes of another kind"),
        ("filled up   ", "begin or end with blanks or tabs"),
        ("fine\t", "begin or end with blanks or tabs"),
        ("fine\u00ad", "begin or end with blanks that no one sees"),
        ("Müller &amp; Söhne", "hold HTML (&amp;)"),
        ("first<br/>second", "hold HTML (&amp;)"),
        ("caf%C3%A9 %26 bar", "hold letters written as %C3%A9"),
        ("#REF!", "hold errors of a spreadsheet"),
        ("########", "hold errors of a spreadsheet"),
        ("ÉÏº£ÊÐ", "hold letters that were read in a wrong encoding once"),
        ("caf\u0065\u0301", "hold accents apart from their letters"),
        ("8.48E+14", "hold numbers in scientific notation"),
        ("bell\u0007", "hold control characters"),
        ("first_x000D_", "hold control characters"),
        ("caf\\u00e9", "hold letters written as \\u00e9"),
        ("caf=C3=A9", "hold letters written as \\u00e9"),
        ("M?nchen", "hold ? within words"),
        ("[object Object]", "hold what a program wrote instead of a value"),
        ("System.String[]", "hold what a program wrote instead of a value"),
        ("{{customer.name}}", "hold what a program wrote instead of a value"),
        ("***", "hold texts that were made unreadable"),
        ("[REDACTED]", "hold texts that were made unreadable"),
        ("b'plain'", "are written as Python writes bytes"),
        ("left\u202eright", "hold signs within that no one sees"),
        ("pl\u0430in", "hold Greek or Cyrillic letters within Latin words"),
        ("fine, line\n", "begin or end with a line break"),
    ],
)
def test_what_a_text_may_be_instead_is_told(shop: Shop, cell: str, said: str) -> None:
    rows = [[*row[:5], cell if i == 4 else "plain"] for i, row in enumerate(ROWS)]
    record, landed = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert landed[4][5] == cell
    assert str(record.message).startswith(f"cells of comments {said}")


@pytest.mark.parametrize(
    ("comments", "said"),
    [
        (["two  words"] * 3, "hold blanks twice"),
        (["two\twords"] * 3, "hold tabs for blanks"),
        (["two\u00a0words"] * 3, "hold blanks that do not break"),
        (["two+words"] * 3, "hold + for blanks"),
        (["the first text is…", "another text is a…", "a third one is so…"], "were shortened"),
        (["first", '"', '"', '"'], "hold signs for what the row above says"),
        (["00123", "04567", "00089", "123"], "have lost zeros in front"),
    ],
)  # fmt: skip
def test_what_several_texts_may_be_instead_is_told(
    shop: Shop, comments: list[str], said: str
) -> None:
    rows = [[*row[:5], comments[i % len(comments)]] for i, row in enumerate(ROWS)]
    record, landed = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert landed == rows
    assert f"cells of comments {said}" in str(record.message)


@pytest.mark.parametrize(
    "comments",
    [["*", "***", "*****"], ["S", "XXXXL"], ["two  words", "or two"], ["1", "2", "10", "007"],
     ["A+B", "a+"], ["00123", "12345"], ["•••• 4242"], ["Заказ №1", "Order 1"]],
)  # fmt: skip
def test_several_texts_that_are_meant_so_are_no_doubts(shop: Shop, comments: list[str]) -> None:
    rows = [[*row[:5], comments[i % len(comments)]] for i, row in enumerate(ROWS)]
    record, landed = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert (landed, record.message) == (rows, None)


@pytest.mark.parametrize(
    ("before", "behind"), [("> ", ""), ("+", ""), ("# ", ""), ("", ";"), ("", "<br>"), ("; ", "||")]
)
def test_what_stands_around_every_line_is_removed_with_a_warning(
    shop: Shop, before: str, behind: str
) -> None:
    """Quoted mail, a diff, comments: no row lands with a key that no other file knows."""
    rows = [[*row[:5], "fine"] for row in ROWS]
    lines = text([cells(row) for row in [HEADER, *rows]]).splitlines()
    record, landed = land(shop, "".join(f"{before}{line}{behind}\r\n" for line in lines))
    assert landed == rows
    assert "every row was removed" in str(record.message)


def test_a_later_row_without_the_sign_keeps_its_first_letters(shop: Shop) -> None:
    lines = [f"> {i},note {i}" for i in range(20_000)]
    shop.put("orders.csv", "\n".join(["> order_id,note", *lines, "20000,note 20000", ""]))
    changes: dict[str, Any] = {"columns": [{"name": "order_id"}, {"name": "note"}]}
    changes |= {"watermark": None, "key": ["order_id"]}
    rows = shop.rows(shop.land(**changes), "order_id, note", **changes)
    assert [rows[0], *rows[-2:]] == [
        ("0", "note 0"), ("19999", "note 19999"), ("20000", "note 20000")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "identifier", ["{A-1}", '"A-1"', "b'A-1'", "=HYPERLINK(A-1)", "https://a.example/1", "\uff21-1"]
)
def test_identifiers_in_brackets_quotes_or_formulas_are_told(shop: Shop, identifier: str) -> None:
    columns = [{"name": "productid", "type": "identifier"}, *CONTRACT["columns"]]
    columns = [c for i, c in enumerate(columns) if i == 0 or c["name"] != "productid"]
    rows = [[*row[:2], identifier.replace("1", str(i)), *row[3:]] for i, row in enumerate(ROWS)]
    record, _ = land(shop, text([cells(row) for row in [HEADER, *rows]]), columns=columns)
    assert "cells of productid " in str(record.message)


def test_control_characters_of_identifiers_are_told(shop: Shop) -> None:
    columns = [{"name": "productid", "type": "identifier"}, *CONTRACT["columns"]]
    columns = [c for i, c in enumerate(columns) if i == 0 or c["name"] != "productid"]
    rows = [[*row[:2], "MG\u0007-1" if i == 4 else row[2], *row[3:]] for i, row in enumerate(ROWS)]
    record, _ = land(shop, text([cells(row) for row in [HEADER, *rows]]), columns=columns)
    assert "cells of productid hold control characters" in str(record.message)


@pytest.mark.parametrize(
    "cell",
    ["Müller & Söhne", "<p>Müller &amp; Söhne</p>", "a < b", "https://x.example/?q=caf%C3%A9",
     "#1 of all", "'tis fine", "two words ", "$5 or 5$ more", "~5 or 5 ~ 6",
     "café, über, señor", "100 %", "https://x.example/a%20b", "1E5", "#", "why? because", "https://x.example/a?b=1"],
)  # fmt: skip
def test_texts_that_are_meant_so_are_no_doubts(shop: Shop, cell: str) -> None:
    rows = [[*row[:5], cell if i == 4 else "plain"] for i, row in enumerate(ROWS)]
    record, landed = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert (landed[4][5], record.message) == (cell, None)


def test_texts_that_a_program_cut_off_are_told(shop: Shop) -> None:
    rows = [[*row[:5], ("lorem ipsum " * 30)[i : 255 + i] if i < 4 else "x"]
            for i, row in enumerate(ROWS)]  # fmt: skip
    record, _ = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert str(record.message).startswith("cells of comments may be cut off")


def test_identifiers_that_a_spreadsheet_has_rounded_are_told(shop: Shop) -> None:
    rows = [[*row[:2], f"51000001234567{i % 10}000", *row[3:]] for i, row in enumerate(ROWS)]
    record, _ = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert str(record.message).startswith("cells of productid end with zeros")


def test_a_pointer_to_a_file_is_refused(shop: Shop) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    assert "pointer of Git LFS" in str(land(shop, pointer)[0].message)


@pytest.mark.parametrize("between", [1, 2, 5])
def test_rows_that_a_quote_swallowed_are_told_or_read(shop: Shop, between: int) -> None:
    """Two stray quotes, with rows between them, that happen to make one row of the right width.

    One line of a cell may be like a row; several are rows, and only that with the quote is lost.
    """
    rows = [[*row[:3], "x"] for row in ROWS]
    lines = [",".join(row) for row in [HEADER[:4], *rows]]
    lines[3] = lines[3].replace("MG-", '"MG-')
    lines[4 + between] = lines[4 + between].replace(",x", '",x')
    changes = {**CONTRACT, "columns": [{"name": name.lower()} for name in HEADER[:4]]}
    shop.put("orders.csv", "\n".join(lines) + "\n")
    (record,) = records = shop.land(**changes)
    if between == 1:
        assert record.rows_in_file == len(ROWS) - 2
        assert "cells of productid hold whole rows" in str(record.message)
        return
    assert [row["reason"] for row in shop.quarantine(records)] == ["malformed_quote"]
    rows[3 + between][2] += '"'
    landed = shop.rows(records, "date, qty, productid, type", **changes)
    assert [list(row) for row in landed] == [*rows[:2], *rows[3:]]


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("quote", ['"', ""])
def test_rows_with_their_number_in_front_as_r_writes_them_are_read(
    shop: Shop, start: int, quote: str
) -> None:
    """Its `write.table` gives the numbers no name, so that the header has a cell less."""
    rows = [[f"{quote}{n}{quote}", *cells([*row[:5], "fine"])] for n, row in enumerate(ROWS, start)]
    record, landed = land(shop, text([LINES[0], *rows]))
    assert landed == [[*row[:5], "fine"] for row in ROWS]
    assert record.message == "rows are numbered in front, which the header does not name"


def test_a_number_in_front_that_may_be_the_first_column_is_not_guessed(shop: Shop) -> None:
    columns = [{"name": "date", "type": "integer"}, *CONTRACT["columns"][1:]]
    rows = [[str(n), *cells([*row[:5], "fine"])] for n, row in enumerate(ROWS, 1)]
    assert land(shop, text([LINES[0], *rows]), columns=columns)[0].status == "refused"


def test_a_sentence_alone_in_its_row_is_no_record(shop: Shop) -> None:
    """The notes below a table, as a government's list of recipients has them."""
    notes = ["the total within this table should not be used to reflect the number of rows"]
    rows = [*LINES, notes + [""] * 5, cells(ROWS[0])]
    record, landed = land(shop, text(rows))
    assert (landed, record.rows_quarantined) == ([*ROWS, ROWS[0]], 1)


PEOPLE = [
    [
        f"C-{1000 + i}",
        ("Ann", "Bo", "Chris")[i % 3],
        f"{i:05d}",
        "ab"[i % 2],
        f"2026-01-{i + 1:02d}",
    ]
    for i in range(24)
]
PEOPLE_HEADER = ["customer", "name", "zip", "tier", "since"]
PEOPLE_CONTRACT = {**CONTRACT, "columns": [{"name": name} for name in PEOPLE_HEADER]}


def said_of_people(shop: Shop, rows: list[list[str]], end: str = "\r\n") -> str:
    """Land rows of texts without a key, which all land, and return the message."""
    content = text([PEOPLE_HEADER, *rows])
    shop.put("orders.csv", content.removesuffix("\r\n") + end)
    (record,) = shop.land(**PEOPLE_CONTRACT)
    assert (record.status, record.rows_loaded) == ("loaded", len(rows))
    return str(record.message or "")


@pytest.mark.parametrize("at", [1, 12, 23])
@pytest.mark.parametrize("moved", ["right", "left"])
def test_a_row_of_texts_whose_cells_have_moved_is_told(shop: Shop, at: int, moved: str) -> None:
    """No type objects to it, and it has as many cells as all others."""
    row = PEOPLE[at]
    shifted = [row[0], "", *row[1:-1]] if moved == "right" else [row[0], *row[2:], ""]
    assert said_of_people(shop, [*PEOPLE[:at], shifted, *PEOPLE[at + 1 :]]) == (
        f"row {at + 1} is unlike all others in several columns: shifted, or of another table?"
    )


def test_two_texts_that_changed_places_in_one_row_are_told(shop: Shop) -> None:
    rows = [[*row[:3], row[4], row[3], row[5]] if i == 4 else row for i, row in enumerate(ROWS * 3)]
    record, landed = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert landed == rows
    assert "row 5 is odd in two cells" in str(record.message)


def test_given_names_that_are_family_names_too_have_not_changed_places(shop: Shop) -> None:
    people = [
        ("Yang", "Li"),
        *[("Yang", "Chen")] * 3,
        *[("Li", "Wang")] * 6,
        *[("Min", "Yang")] * 6,
    ]
    people += [("Hua", "Li")] * 3 + [("Hua", "Wu")] * 30
    changes: dict[str, Any] = {"columns": [{"name": n} for n in ("order_id", "first", "last")]}
    changes |= {"watermark": None, "key": ["order_id"]}
    rows = [f"{number},{first},{last}" for number, (first, last) in enumerate(people)]
    shop.put("orders.csv", "\n".join(["order_id,first,last", *rows, ""]))
    assert shop.land(**changes)[0].message is None


def test_cells_that_a_report_leaves_out_where_they_repeat_are_told(shop: Shop) -> None:
    types = [TYPES[i // 5 % 3] if i % 5 == 0 else "" for i in range(120)]
    rows = [[*row[:3], kind, *row[4:]] for row, kind in zip(ROWS * 10, types, strict=True)]
    record, _ = land(shop, text([cells(row) for row in [HEADER, *rows]]))
    assert "type never repeats the cell above" in str(record.message)
    again = [[*row[:3], TYPES[0] if row[3] else "", *row[4:]] for row in rows]
    assert "never repeats" not in str(
        land(shop, text([cells(row) for row in [HEADER, *again]]))[0].message
    )


def test_cells_that_are_empty_wherever_another_column_says_so_are_not_left_out(shop: Shop) -> None:
    kinds = ["search", "store", "social", "organic"]
    campaigns = ["C1", "", "C2", ""]
    rows = [
        [f"{i // 4 % 28 + 1:02d}/01/2026", kinds[i % 4], campaigns[i % 4], f"{i / 10:.1f}"]
        for i in range(240)
    ]
    names = ["day", "kind", "campaign", "amount"]
    shop.put("orders.csv", text([cells(row) for row in [names, *rows]]))
    changes: dict[str, Any] = {"columns": [{"name": name} for name in names], "key": []}
    assert shop.land(watermark=None, **changes)[0].message is None


def test_larger_numbers_in_two_columns_are_not_odd(shop: Shop) -> None:
    rows = [[f"C{i:03d}", "EUR", "7.25", "51", "1"] for i in range(60)]
    rows[30] = ["C030", "EUR", "10.25", "531", "13"]
    names = ["campaign", "currency", "amount", "impressions", "clicks"]
    types = ["text", "text", "decimal", "integer", "integer"]
    columns = [{"name": n, "type": t} for n, t in zip(names, types, strict=True)]
    shop.put("orders.csv", text([cells(row) for row in [names, *rows]]))
    (record,) = shop.land(columns=columns, key=["campaign"], watermark=None)
    assert record.message is None


def test_rows_of_nothing_but_a_key_are_told_where_others_are_filled(shop: Shop) -> None:
    rows = [*ROWS, *([f"{day}/02/2026", *row[1:]] for day, row in enumerate(ROWS, 10))]
    headings = [*rows[:12], ["Region North", "", "", "", "", ""], *rows[12:]]
    content = text([cells(row) for row in [HEADER, *headings]])
    record, _ = land(shop, content, key=["date"], columns=[{"name": n.lower()} for n in HEADER])
    assert "row 13 is empty but for one cell" in str(record.message)


def test_the_rows_of_another_table_below_are_told(shop: Shop) -> None:
    other = [["product", "price", "currency", "stock", "note"]]
    other += [[f"P{i}", "12.50", "EUR", f"{i} pieces", "cheap"] for i in range(4)]
    assert said_of_people(shop, [*PEOPLE, *other]) == (
        "4 rows (first: 26) are unlike all others in several columns: shifted, or of another table?"
    )


def test_records_that_are_not_known_in_full_are_not_odd(shop: Shop) -> None:
    rare = [*PEOPLE[3][:2], "", "gold", ""]
    assert said_of_people(shop, [*PEOPLE[:3], rare, *PEOPLE[4:]]) == ""


@pytest.mark.parametrize(("cut", "is_told"), [(0, False), (1, True), (9, True)])
def test_a_file_that_ends_in_its_last_cell_is_told_where_others_are_longer(
    shop: Shop, cut: int, is_told: bool
) -> None:
    """Many programs write no line end behind the last row: that alone says nothing."""
    last = [*PEOPLE[-1][:-1], PEOPLE[-1][-1][: 10 - cut]]
    said = said_of_people(shop, [*PEOPLE[:-1], last], end="")
    assert said == is_told * (
        "no line end stands behind the last row, whose last cell looks cut off: is it whole?"
    )
    assert said_of_people(shop, PEOPLE, end="\r\n") == ""


@pytest.mark.parametrize(
    ("others", "last"), [(("Yes", "No"), "Ye"), (("12.50", "8.00"), "12.5"), (("9.90",), "1")]
)
def test_a_last_cell_that_others_begin_with_or_that_lacks_decimals_is_told(
    shop: Shop, others: tuple[str, ...], last: str
) -> None:
    rows = [[*row[:-1], others[i % len(others)]] for i, row in enumerate(PEOPLE)]
    rows[-1][-1] = last
    assert "looks cut off" in said_of_people(shop, rows, end="")
    assert "looks cut off" not in said_of_people(shop, rows)


def test_dates_that_stand_for_none_are_told(shop: Shop) -> None:
    columns = [{"name": name, "type": "date"} for name in ("since", "until", "born")]
    changes = {**CONTRACT, "columns": columns}
    shop.put(
        "orders.csv",
        "since,until,born\n2026-01-31,31.12.9999,01.01.1900\n2026-02-01,01.02.2026,03.04.1985\n",
    )
    (record,) = records = shop.land(**changes)
    assert shop.rows(records, "until, born", **changes)[0] == ("9999-12-31", "1900-01-01")
    said = "dates far from ours, which may stand for none, stay: "
    assert f"{said}until (9999-12-31), born (1900-01-01)" in str(record.message)
    shop.put("orders.csv", "since,until,born\n2026-01-31,2026-02-01,1900-07-14\n")
    (record,) = shop.land(**changes)
    assert record.message is None


def test_a_contract_says_which_dates_stand_for_none(shop: Shop) -> None:
    columns = [{"name": "since", "type": "date"}, {"name": "until", "type": "date"}]
    changes = {**CONTRACT, "columns": columns, "null_values": ["31.12.9999"]}
    shop.put("orders.csv", "since,until\n2026-01-31,31.12.9999\n2026-02-01,21.02.2026\n")
    (record,) = records = shop.land(**changes)
    assert [row for (row,) in shop.rows(records, "until", **changes)] == [None, "2026-02-21"]
    assert record.message is None


def test_a_blank_behind_every_cell_of_a_column_is_removed_though_its_name_has_none(
    shop: Shop,
) -> None:
    rows = [[cell + " " for cell in row] for row in ROWS]
    record, landed = land(shop, text([HEADER, *map(cells, rows)]))
    assert landed == ROWS
    assert "blanks around the cells of DATE, Qty" in str(record.message)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_nameless_columns_between_all_others_are_no_part_of_the_delimiter(
    shop: Shop, delimiter: str
) -> None:
    """`a,,b,,c,` was once read as delimited by two commas, and kept one in the last cell."""
    rows = [[cell.replace(",", "").replace('"', "") for cell in row] for row in [HEADER, *ROWS]]
    lines = [[cell for pair in row for cell in (pair, "")] for row in rows]
    record, landed = land(shop, text(lines, delimiter))
    assert landed == rows[1:], record


def test_names_behind_a_space_that_does_not_break_say_nothing_of_the_quote(shop: Shop) -> None:
    """Names that begin alike were once taken for a delimiter that was cut short."""
    header = [HEADER[0], *(f'"\u00a0{name}"' for name in HEADER[1:])]
    rows = [[cell.replace(",", "").replace('"', "") for cell in row] for row in ROWS]
    record, landed = land(shop, text([header, *rows]))
    assert (landed, record.quote) == (rows, '"')


@pytest.mark.parametrize("sign", ["$", "%", "^", "~", "|"])
def test_a_sign_around_all_cells_is_their_quote(shop: Shop, sign: str) -> None:
    content = text([[f"{sign}{c}{sign}" for c in row] for row in [HEADER, *ROWS]])
    record, landed = land(shop, content)
    assert landed == ROWS
    assert (record.quote, record.message) == (
        sign,
        f"cells stand in {sign}, which was taken for a quote",
    )


def test_a_column_whose_name_is_lost_is_told(shop: Shop) -> None:
    """It landed as an unknown column, and the one of the contract as NULL."""
    record, landed = land(shop, text([[*HEADER[:3], "", *HEADER[4:]], *LINES[1:]]))
    assert [row[3] for row in landed] == [""] * len(ROWS)
    assert record.message == "the header names nothing over column 4, and no column is type"


@pytest.mark.parametrize(("text", "is_told"), [("'{}", True), ("'t Hart {}", False)])
def test_apostrophes_before_some_texts_are_told(shop: Shop, text: str, is_told: bool) -> None:
    lines = [f"{n},1,{(text if n % 4 == 0 else 'note {}').format(f'abc{n}')}" for n in range(40)]
    shop.put("orders.csv", "\n".join(["order_id,amount,note", *lines, ""]))
    (record,) = shop.land()
    assert ("begin with an apostrophe" in str(record.message)) is is_told
