"""Encodings: what is certain, what is guessed and says so, what is set aside."""

# ruff: noqa: RUF001  (the letters of other alphabets are what is tested)

import json

import pytest

from tests.unit.reading.conftest import Shop

NAMES = {
    "de": ["Jürgen Müller", "Zoë Groß", "Björn Schäfer, Köln"],
    "pt": ["João Conceição", "Não gostei, é ruim", "São Paulo à noite"],
    "es": ["Jesús Torres", "José García"],
    "pl": ["Łukasz Wójcik", "Żaneta Gęś", "Paweł Świątek, Kraków"],
    "cs": ["Jiří Dvořák, Plzeň", "žádný", "velmi dobré, děkuji", "šťastný"],
    "western": ["François", "Łukasz Żak", "Jörg Núñez", "São Paulo", "Øystein Dvořák"],
    "ru": ["Иван Петров", "Ольга Смирнова", "Москва"],
    "el": ["Γιώργος Παπαδόπουλος", "Μαρία Νικολάου"],
    "tr": ["Ayşe Yılmaz, İstanbul", "Çağrı Şahin", "Güneş Öztürk"],
    "ar": ["محمد علي", "فاطمة حسن"],
    "zh": ["张伟", "王芳，上海", "欧阳娜娜"],
    "zh-tw": ["陳怡君", "林志明，高雄"],
    "ja": ["佐藤一郎", "鈴木花子、おおさか", "タナカ"],
    "ko": ["김철수", "이영희, 부산"],
    "lt": ["Jānis Bērziņš", "Jūratė Žukauskienė, Šiauliai"],
}


def table(names: list[str]) -> str:
    rows = "".join(f'{i},{i}.50,"{name}"\n' for i, name in enumerate(names, 1))
    return f"order_id,amount,note\n{rows}9,1,plain\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
@pytest.mark.parametrize("language", ["de", "zh"])
def test_unicode_is_recognised_with_certainty(shop: Shop, encoding: str, language: str) -> None:
    shop.put("orders.csv", table(NAMES[language]).encode(encoding))
    (record,) = records = shop.land()
    assert [note for _, _, note in shop.rows(records)][:-1] == NAMES[language]
    assert record.message is None
    assert json.loads(record.decisions)["encoding"]["confidence"] == "certain"


@pytest.mark.parametrize(
    ("encoding", "language"),
    [
        ("cp1252", "de"),
        ("cp1252", "pt"),
        ("cp1250", "pl"),
        ("iso8859-2", "pl"),
        ("iso8859-2", "cs"),
        ("cp1250", "cs"),
        ("iso8859-5", "ru"),
        ("iso8859-9", "tr"),
        ("gb18030", "western"),
        ("cp1251", "ru"),
        ("koi8-r", "ru"),
        ("cp866", "ru"),
        ("cp1253", "el"),
        ("cp1254", "tr"),
        ("cp1256", "ar"),
        ("cp1257", "lt"),
        ("gb18030", "zh"),
        ("iso2022_jp", "ja"),
        ("gbk", "zh"),
        ("gb18030", "es"),
        ("big5", "zh-tw"),
        ("cp932", "ja"),
        ("euc-jp", "ja"),
        ("cp949", "ko"),
    ],
)
def test_a_code_page_is_guessed_from_its_language_and_reported_as_a_guess(
    shop: Shop, encoding: str, language: str
) -> None:
    shop.put("orders.csv", table(NAMES[language]).encode(encoding))
    (record,) = records = shop.land()
    assert [note for _, _, note in shop.rows(records)][:-1] == NAMES[language], record.encoding
    assert "declare `encoding:`" in str(record.message)
    assert json.loads(record.decisions)["encoding"]["confidence"] == "likely"
    assert shop.land() == records  # the next run repeats it


def test_what_is_declared_is_not_guessed(shop: Shop) -> None:
    shop.put("orders.csv", table(NAMES["pl"]).encode("cp1250"))
    (record,) = records = shop.land(encoding="cp1250")
    assert shop.rows(records)[0][2] == "Łukasz Wójcik"
    assert record.message is None


def test_rows_with_damaged_bytes_are_set_aside_and_the_others_flow(shop: Shop) -> None:
    content = table(NAMES["zh"]).encode().replace("王".encode(), b"\xff\xfe")
    shop.put("orders.csv", content)
    (record,) = records = shop.land()
    assert [note for _, _, note in shop.rows(records)] == ["张伟", "欧阳娜娜", "plain"]
    (found,) = shop.quarantine(records)
    assert (found["reason"], found["row_number"], found["line_number"]) == ("undecodable", 2, 3)
    assert "<FF><FE>" in found["raw_row"]
    assert "damaged rows" in str(record.message)


def test_rows_of_two_encodings_that_no_code_page_explains_are_told_apart(shop: Shop) -> None:
    names = ["Małgorzata Müller", "Lucía Torres", "Miguel García", "Łukasz Wójcik"] * 6
    rows = [f"{at},1,{name}\n" for at, name in enumerate(names)]
    head, tail = "".join(["order_id,amount,note\n", *rows[:12]]), "".join(rows[12:])
    shop.put("orders.csv", head.encode() + tail.encode("cp1252", "ignore"))
    (record,) = records = shop.land()
    landed = [note for _, _, note in shop.rows(records)]
    assert landed[:12] == names[:12]
    assert record.rows_loaded + record.rows_quarantined == len(names)
    assert "rows are in different encodings" in str(record.message)


def test_one_odd_byte_in_a_plain_file_is_not_taken_for_a_code_page(shop: Shop) -> None:
    shop.put("orders.csv", b"order_id,amount,note\n1,1,a\x81b\n2,2,c\n")
    (record,) = records = shop.land()
    assert (record.rows_loaded, record.rows_quarantined) == (1, 1)
    assert shop.quarantine(records)[0]["reason"] == "undecodable"


def test_zero_bytes_set_their_row_aside(shop: Shop) -> None:
    shop.put("orders.csv", b"order_id,amount,note\n1,1,a\0b\n2,2,c\n")
    records = shop.land()
    assert shop.rows(records) == [("2", "2", "c")]
    (found,) = shop.quarantine(records)
    assert found["raw_row"] == "1,1,a<00>b\n"
    assert found["message"] == "zero bytes (NUL) in the row: it was damaged on its way"


def test_zero_bytes_in_the_header_are_left_out(shop: Shop) -> None:
    """A name with one, in no contract, once ended the run with an error of the engine."""
    shop.put("orders.csv", b"\0\0order_id,amount,no\0te,else\0where\n1,1,a,x\n2,2,c,y\n")
    (record,) = records = shop.land()
    assert shop.rows(records, "order_id, note, source_metadata->>'elsewhere'") == [
        ("1", "a", "x"),
        ("2", "c", "y"),
    ]
    assert record.message == "zero bytes (NUL) in the header were left out"


def test_a_zero_byte_in_a_few_lines_is_not_taken_for_utf_16(shop: Shop) -> None:
    shop.put("orders.csv", b"order_id,amount\nx\0y,2\nz,3\n")
    (record,) = shop.land(columns=[{"name": "order_id"}, {"name": "amount"}], watermark=None)
    assert (record.encoding, record.rows_loaded, record.rows_quarantined) == ("utf-8", 1, 1)


def test_a_sign_beside_a_number_is_no_letter(shop: Shop) -> None:
    """The euro of windows-1252 is a Cyrillic letter in cp866, which stands alone in no text."""
    texts = ["1.054 €", "€ 20", "3€"]
    shop.put("orders.csv", table(texts).encode("cp1252"))
    (record,) = records = shop.land()
    assert [note for _, _, note in shop.rows(records)][:-1] == texts
    assert record.encoding == "cp1252"


def test_letters_of_utf_8_in_a_code_page_are_told(shop: Shop) -> None:
    """Two files in one: the row in UTF-8 lands as `Ã‡elik`, which nobody had said."""
    lines = [f"{i},{i},{name}\n" for i, name in enumerate(NAMES["de"], 1)]
    content = b"order_id,amount,note\n" + "".join(lines).encode("cp1252")
    shop.put("orders.csv", content + "9,9,Çelik\n".encode())
    (record,) = shop.land()
    assert "1 sequences are letters in UTF-8: rows may be in different" in str(record.message)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("gb18030", ["上午", "下午"]),
        ("big5", ["上午", "下午"]),
        ("cp932", ["午前", "午後"]),
        ("euc-jp", ["午前", "午後"]),
        ("cp949", ["오전", "오후"]),
    ],
)
def test_the_halves_of_a_day_tell_a_code_page_where_nothing_else_does(
    shop: Shop, encoding: str, words: list[str]
) -> None:
    """The only Chinese of a table stood before its hours, and was read as Japanese."""
    notes = [f"2024/3/{i} {words[i % 2]} {i}:30" for i in range(1, 12)]
    lines = [f"{i},{i}.5,{note}\n" for i, note in enumerate(notes, 1)]
    shop.put("orders.csv", ("order_id,amount,note\n" + "".join(lines)).encode(encoding))
    (record,) = records = shop.land()
    assert [note for _, _, note in shop.rows(records)] == notes, record.encoding


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_letters_that_were_spoilt_before_the_export_are_told(shop: Shop, mark: str) -> None:
    """UTF-8 that a program read as windows-1252 and saved as UTF-8 is right in every byte."""
    spoilt = "order_id,amount,note\n1,2.50,caf\u00c3\u00a9\n2,3.00,it\u00e2\u20ac\u2122s\n"
    shop.put("orders_1.csv", (mark + spoilt).encode())
    shop.put("orders_2.csv", f"{mark}order_id,amount,note\n3,2.50,caf\ufffd\n".encode())
    shop.put("orders_3.csv", f"{mark}order_id,amount,note\n4,2.50,Âge, S\u00c3O\n".encode())
    first, second, third = shop.land()
    assert str(first.message).startswith("2 letters look like UTF-8 that was read as windows-1252")
    assert str(second.message).startswith("1 replacement characters (U+FFFD)")
    assert "letters" not in str(third.message)
