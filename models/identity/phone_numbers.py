"""Phone numbers in one spelling.

Belongs here: parsing of phone numbers. Does not: deciding who shares one (dbt, identity).
"""

import phonenumbers


def to_e164(phone: str | None, region: str | None) -> str | None:
    """Return the number in E.164 form, or None when it is none.

    A number without country code is read as one of `region` (ISO 3166-1 alpha-2). Only numbers that
    are valid in their numbering plan pass, so that placeholders such as 000-000-0000 link nobody.
    Extensions are dropped: they are desks of one line.

    Source: ITU-T E.164, through Google's libphonenumber metadata.
    """
    if phone is None or region is None:
        return None
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    number.extension = None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
