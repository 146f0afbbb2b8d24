"""A town and a postal code that stand behind the street, in one text, are told apart from it."""

import pytest

from models.identity.addresses import Address, address_parts


@pytest.mark.parametrize(
    ("text", "street", "city", "postal_code"),
    [
        ("123 Main Street, Las Vegas NV 89132", "123 Main Street", "Las Vegas", "89132"),
        ("9304 W. 15th St La Blanca, FL 60527", "9304 W. 15th St", "La Blanca", "60527"),
        ("5112 145th St Anytown WA 00000", "5112 145th St", "Anytown", "00000"),
        ("5112 145th St Anytown WA 0oo00", "5112 145th St", "Anytown", "0oo00"),
        ("445 Overpass Rd San Ramon", "445 Overpass Rd", "San Ramon", None),
        ("6371 E Foothill Dr, 95915", "6371 E Foothill Dr", None, "95915"),
        ("1 Harbour Loop, Cupertino, CA 95014, USA", "1 Harbour Loop", "Cupertino", "95014"),
        ("Hauptstr. 5, 80331 München", "Hauptstr. 5", "München", "80331"),
        ("48 Elm Crescent, Scarborough qld 5211", "48 Elm Crescent", "Scarborough", "5211"),
        ("18 Danver Place, Loughborough, Leicestershire, LE11 1UU, United Kingdom",
         "18 Danver Place", "Loughborough", "LE11 1UU"),
        ("133 New Bridge Road, Chinatown Point, Singapore 059413",
         "133 New Bridge Road, Chinatown Point", "Singapore", "059413"),
        # The building or the flat first.
        ("Skyline Court, 705 Sheppard Ave", "705 Sheppard Ave, Skyline Court", None, None),
        ("Suite 900, 1450 N City Rd", "1450 N City Rd, Suite 900", None, None),
        # Nothing but a street, whatever it is called after.
        ("100 Main St, Suite B", "100 Main St, Suite B", None, None),
        ("12 Main St, Building C", "12 Main St, Building C", None, None),
        ("500 Park Avenue South", "500 Park Avenue South", None, None),
        ("5 Rue de Paris", "5 Rue de Paris", None, None),
        ("12 Via Roma", "12 Via Roma", None, None),
        ("1 St Helena St", "1 St Helena St", None, None),
        ("PO Box 12987", "PO Box 12987", None, None),
        ("Elm Cottage", "Elm Cottage", None, None),
    ],
)  # fmt: skip
def test_an_address_in_one_text_is_taken_apart(
    text: str, street: str, city: str | None, postal_code: str | None
) -> None:
    assert address_parts(text) == Address(street, city, postal_code)


def test_what_a_column_states_is_left_out_of_the_street_or_contradicts_it() -> None:
    text = "8 Elm Street, Salem, OR 97301"
    assert address_parts(text, "SALEM", "97301") == Address("8 Elm Street", "SALEM", "97301")
    assert address_parts(text, "Salem", None) == Address("8 Elm Street", "Salem", "97301")
    assert address_parts(text, "Portland", None) == Address(text, "Portland", None)


@pytest.mark.parametrize("text", [None, "", " , ", "12345", ", 12345", "CA 95014"])
def test_a_text_without_a_street_stays_as_it_is(text: str | None) -> None:
    assert address_parts(text).street in (text, "12345")
