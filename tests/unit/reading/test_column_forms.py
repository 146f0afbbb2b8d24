"""What the cells of a column look like, and what their names, others or other files contradict."""

from typing import Any

import pytest

from tests.unit.reading.conftest import Shop, only

COLUMNS: dict[str, Any] = {
    "columns": [
        {"name": "order_id", "type": "identifier"},
        {"name": "email"},
        {"name": "status"},
        {"name": "amount", "type": "decimal"},
        {"name": "is_gift", "type": "boolean"},
        {"name": "created_at", "type": "timestamp"},
        {"name": "updated_at", "type": "timestamp"},
    ],
    "watermark": None,
}
HEADER = [column["name"] for column in COLUMNS["columns"]]


def row(number: int, **changes: str) -> list[str]:
    """Return an order as a system writes it."""
    cells = {
        "order_id": f"A{number:05d}",
        "email": f"ann{number}@example.com",
        "status": ("paid", "open", "sent")[number % 3],
        "amount": f"{number}.50",
        "is_gift": "false",
        "created_at": f"2026-01-{number % 20 + 1:02d} 10:00:00",
        "updated_at": f"2026-01-{number % 20 + 1:02d} 11:00:00",
    }
    return [*{**cells, **changes}.values()]


def said(shop: Shop, header: list[str], rows: list[list[str]], **changes: Any) -> str:
    """Land one file, all rows of it, and return what was said of it."""
    shop.put("orders.csv", "\n".join([",".join(cells) for cells in [header, *rows]]) + "\n")
    record = only(shop.land(**{**COLUMNS, **changes}))
    assert (record.status, record.rows_loaded) == ("loaded", len(rows))
    return str(record.message or "")


def test_nothing_is_said_of_what_is_usual(shop: Shop) -> None:
    assert said(shop, HEADER, [row(n) for n in range(60)]) == ""


@pytest.mark.parametrize("affix", ["#{}", "ID-{}", "https://shop.example/orders/{}", "{};"])
def test_identifiers_with_something_around_them_are_told(shop: Shop, affix: str) -> None:
    rows = [row(n, order_id=(affix if n % 5 == 0 else "{}").format(f"A{n:05d}")) for n in range(60)]
    assert "some cells of order_id hold what others have with" in said(shop, HEADER, rows)


@pytest.mark.parametrize("text", ["A{:05d}-1", "A/{}", "POST {}"])
def test_identifiers_of_several_kinds_are_none_of_that(shop: Shop, text: str) -> None:
    rows = [row(n, order_id=text.format(n)) if n % 20 == 0 else row(n) for n in range(60)]
    assert said(shop, HEADER, rows) == ""


def test_headers_over_the_wrong_texts_are_told(shop: Shop) -> None:
    swapped = [HEADER[0], HEADER[2], HEADER[1], *HEADER[3:]]
    assert said(shop, swapped, [row(n) for n in range(60)]) == (
        "the cells of email look like those of status, and the other way round: are the headers "
        "in their places?"
    )


def test_words_below_an_identifier_are_told_beside_codes_below_a_text(shop: Shop) -> None:
    columns = [*COLUMNS["columns"], {"name": "batch_id"}]
    rows = [[*row(n, status=f"B{n:07d}"), ("paid", "open")[n % 2]] for n in range(60)]
    assert said(shop, [*HEADER, "batch_id"], rows, columns=columns).startswith(
        "the cells of batch_id look like those of status"
    )


def test_records_that_changed_before_they_were_created_are_told(shop: Shop) -> None:
    swapped = [*HEADER[:-2], HEADER[-1], HEADER[-2]]
    assert said(shop, swapped, [row(n) for n in range(60)]).startswith(
        "the cells of created_at look like those of updated_at"
    )


def test_a_file_of_nothing_but_deleted_records_is_told(shop: Shop) -> None:
    rows = [row(n, is_gift="true") for n in range(60)]
    assert said(shop, HEADER, rows, deleted_flag="is_gift").startswith(
        "is_gift says that nearly all records are deleted"
    )


@pytest.mark.parametrize(
    ("name", "changed", "signs"),
    [
        ("order_id", lambda cell: f"#{cell}", "signs"),
        ("order_id", str.lower, "small letters, capital letters"),
        ("status", str.upper, "small letters, capital letters"),
        ("amount", lambda cell: cell.replace(".", ""), "decimals"),
        ("is_gift", lambda _: "true", "yes"),
    ],
)
def test_a_column_that_is_written_otherwise_than_in_all_other_files_is_told(
    shop: Shop, name: str, changed: Any, signs: str
) -> None:
    """In whichever order the files come: the others say nothing of themselves."""
    at = HEADER.index(name)
    for file in range(3):
        rows = [row(n) for n in range(100 * file, 100 * file + 40)]
        if file == 1:
            rows = [[*r[:at], changed(r[at]), *r[at + 1 :]] for r in rows]
        lines = [",".join(cells) for cells in [HEADER, *rows]]
        shop.put(f"orders_2026-01-0{file + 1}.csv", "\n".join(lines) + "\n")
    records = shop.land(**COLUMNS)
    assert [record.message for record in records] == [
        None,
        f"{name} is unlike in all other files of orders ({signs}): is it the same column, written "
        "in the same way?",
        None,
    ]


def test_texts_that_were_cut_at_one_length_are_told(shop: Shop) -> None:
    emails = [f"{n:03d}{'maximilianehansjoachim'[: n % 19 + 2]}@mail.example" for n in range(60)]
    assert said(shop, HEADER, [row(n, email=emails[n]) for n in range(60)]) == ""
    cut = [row(n, email=emails[n][:27]) for n in range(60)]
    assert "cells of email may be cut off: many are 27 letters long" in said(shop, HEADER, cut)


def test_texts_that_a_program_wrote_are_as_long_as_each_other(shop: Shop) -> None:
    kinds = [
        "Return",
        "Question about what it costs and does",
        *(f"Question {'x' * n}" for n in range(1, 12, 2)),
    ]
    rows = [row(n, status=f"{kinds[n % 8]}: order #{1000 + n}") for n in range(80)]
    assert said(shop, HEADER, rows) == ""


def test_compounds_of_words_are_not_one_identifier_written_in_two_ways(shop: Shop) -> None:
    words = [f"livro{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60)]
    rows = [row(n, order_id="casa_" * (n % 5 == 0) + word) for n, word in enumerate(words)]
    assert said(shop, HEADER, rows) == ""
