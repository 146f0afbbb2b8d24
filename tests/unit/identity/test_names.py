"""Names in one spelling: what differs only in writing must come out the same, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.identity.names import latin, name_forms, organisation_name, person_name


@pytest.mark.parametrize(
    ("first", "last", "full", "expected"),
    [
        ("Bob", "O'Neil", None, ("bob", "oneil")),
        (" JOSÉ ", "Muñoz-Díaz", None, ("jose", "munozdiaz")),
        ("Mr. Karl", "Groß", None, ("karl", "gross")),
        (None, None, "Dr. Jörg van der Berg Jr.", ("jorg", "vanderberg")),
        (None, None, "Smith, Anna Maria", ("anna", "smith")),
        (None, None, "Anna Maria Smith", ("anna", "smith")),
        (None, None, "Smith, Jr.", ("smith", None)),
        (None, None, "Madonna", ("madonna", None)),
        ("", " ", "Ana Diaz", ("ana", "diaz")),
        ("Ana", None, "Somebody Else", ("ana", None)),
        (None, None, "张伟", ("wei", "zhang")),
        ("伟", "张", None, ("wei", "zhang")),
        ("Wei", "Zhang", None, ("wei", "zhang")),
        (None, None, "欧阳小明", ("xiaoming", "ouyang")),
        ("Xiao-Ming", "Ouyang", None, ("xiaoming", "ouyang")),
        ("小明", "曾", None, ("xiaoming", "zeng")),  # read ceng in words
        ("Юрий", "Гагарин", None, ("iurii", "gagarin")),
        ("123", "...", None, (None, None)),
        (None, None, None, (None, None)),
        ("Test", "TEST", None, (None, None)),
        (None, None, "Guest customer", (None, None)),
        ("N/A", None, None, (None, None)),
        (None, None, "匿名", (None, None)),
        ("Christopher", "Guest", None, ("christopher", "guest")),
        (None, None, "Anna Senior", ("anna", "senior")),
    ],
)
def test_a_name_is_its_parts(
    first: str | None, last: str | None, full: str | None, expected: tuple[str | None, str | None]
) -> None:
    assert person_name(first, last, full)[:2] == expected


@pytest.mark.parametrize(
    ("first", "last", "full", "expected"),
    [
        ("John", "Smith Jr.", None, "2"),
        ("John Jr", "Smith", None, "2"),
        ("John", "Smith II", None, "2"),
        ("John", "Smith Senior", None, "1"),
        (None, None, "John Smith III", "3"),
        (None, None, "Smith, John, Sr.", "1"),
        (None, None, "John Smith Junior", "2"),
        (None, None, "John Senior", None),
        (None, None, "Smith Jr., John", "2"),
        ("John", "Smith", None, None),
        ("John", "Sriram", None, None),
    ],
)
def test_a_name_says_which_generation(
    first: str | None, last: str | None, full: str | None, expected: str | None
) -> None:
    found = person_name(first, last, full)
    assert found.generation == expected
    assert found.given == "john"


def test_nicknames_meet_their_formal_name() -> None:
    assert set(name_forms("bob")) & set(name_forms("robert"))
    assert set(name_forms("liz")) & set(name_forms("elizabeth"))
    assert set(name_forms("lupe")) & set(name_forms("guadalupe"))
    assert set(name_forms("pepe")) & set(name_forms("jose"))
    assert not set(name_forms("maria")) & set(name_forms("mario"))
    assert name_forms("zyx") == ["zyx"]
    assert name_forms(None) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("The Acme Co., Ltd.", "acme"),
        ("ACME", "acme"),
        ("Müller & Söhne GmbH", "muller and sohne"),
        ("S.A. Foo B.V.", "foo"),
        ("上海华为技术有限公司", "shanghaihuaweijishu"),
        ("上海华为技术", "shanghaihuaweijishu"),
        ("Company", "company"),
        ("Acme Limted", "acme"),
        ("Acme Limtied", "acme"),
        ("Acme Corporattion", "acme"),
        ("Acme Building Society", "acme building society"),
        ("Acme Limits", "acme limits"),
        ("Unknown", None),
        ("n/a", None),
        ("(not provided)", None),
        ("Self-Employed", None),
        ("Private Equity Partners", "private equity partners"),
        ("Acme Intl. Mfg. Inc", "acme international manufacturing"),
        ("Lowe's", "lowes"),
        ("I B M Corp", "ibm"),
        ("Acme B V", "acme"),
        ("Novo Nordisk A/S", "novo nordisk"),
        ("AC/DC Power", "ac dc power"),
        ("Deere & Co/DE", "deere"),
        ("AMERICAN TOWER CORP /MA/", "american tower"),
        ("Zebra Pte. Ltd.", "zebra"),
        ("Zebra S. de R.L. de C.V.", "zebra"),
        ("Müller Gesellschaft mit beschränkter Haftung", "muller"),
        ("Zebra Société par actions simplifiée", "zebra"),
        ("", None),
        (None, None),
    ],
)
def test_an_organisation_is_its_name_without_its_legal_form(
    name: str | None, expected: str | None
) -> None:
    assert organisation_name(name).name == expected


@given(st.text())
def test_any_text_becomes_latin_once_and_for_all(text: str) -> None:
    plain = latin(text)
    assert plain.isascii()
    assert plain == plain.lower()
    assert latin(plain) == plain


@given(st.text(), st.text(), st.text())
def test_any_name_becomes_letters(first: str, last: str, full: str) -> None:
    for part in person_name(first, last, full):
        assert part is None or (part.isascii() and part.isalpha() and part.islower())


def test_spellings_of_one_name_in_other_scripts_are_short_for_one_formal_name() -> None:
    assert set(name_forms("mhd")) & set(name_forms("mohamed")) == {"muhammad"}
