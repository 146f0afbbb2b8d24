"""Names of firms are taken apart where a department stands before them or a place behind."""

import pytest

from models.identity.firm_places import firm_and_place
from models.identity.names import organisation_name


@pytest.mark.parametrize(
    ("text", "name", "town"),
    [
        # Behind a legal form.
        ("Siemens AG, München", "siemens", "munchen"),
        ("Akzo Nobel N.V., Arnhem, NL", "akzo nobel", "arnhem"),
        ("Acme, Inc., Berlin", "acme", "berlin"),
        # Before a country, a state or a postal code.
        ("IBM Almaden Research Center, San Jose, CA 95120, USA",
         "ibm almaden research center", "san jose"),
        ("Microsoft, One Microsoft Way 1, Redmond, WA", "microsoft", "redmond"),
        # Universities, which have one country.
        ("Columbia University, New York", "columbia university", "new york"),
        ("Columbia University, USA", "columbia university", None),
        ("Univ. of California, Berkeley, CA", "university of california", "berkeley"),
        ("University of California at Davis", "university of california", "davis"),
        ("University of California Irvine", "university of california", "irvine"),
        ("University of Southern Maine", "university of southern maine", None),
        # Departments.
        ("Dept. of Physics, Duke University, Durham, NC 27708; e-mail: x@duke.example",
         "duke university", "durham"),
        ("Computer Science Division, Acme Research, Berlin, Germany", "acme research", "berlin"),
        ("Division of Sales, Acme Tools, Germany", "acme tools germany", None),
    ],
)  # fmt: skip
def test_a_name_stands_between_its_department_and_its_place(
    text: str, name: str, town: str | None
) -> None:
    assert organisation_name(text) == (name, town)


@pytest.mark.parametrize(
    "text",
    [
        "Acme",
        "Acme, Inc.",
        "Banca Jover, SA",
        "School Specialty, Inc",
        "Inc., Corning",
        "Motor, Ford",
        "Skadden, Arps, Slate, Meagher & Flom LLP",
        "Smith, Jones and Lee",
        "Acme, Paris",  # a law firm?
        # Sisters, each a firm of its own.
        "Acme Ltd, Germany",
        "Acme, Germany",
        ",",
        "",
    ],
)
def test_what_may_be_the_name_stays(text: str) -> None:
    assert firm_and_place(text) == (text, None)
