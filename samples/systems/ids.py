"""Make ids as the vendors' systems number their records.

Numbers count from 1 in order of creation; equal numbers give equal ids.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Ints, digits

_BASE_62 = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
_CHECK = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"))
_ALPHABET = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
_LARGE_PRIME = np.uint64(2_862_933_555_777_941_757)


def salesforce_ids(prefix: str, numbers: Ints) -> pa.Array:
    """Make 18-character Salesforce ids: key prefix, pod, counter in base 62, three of checksum.

    The checksum says which of five characters each are capitals, so that ids can be told apart
    without regard to case. A number below 1 gives null.
    """
    size = numbers.size
    letters = np.empty((size, 15), dtype="<U1")
    letters[:, :8] = np.array(list(f"{prefix}5g000"))
    rest = np.maximum(numbers, 0) + 14_776_336  # a counter that has begun: 62 ** 4
    for place in range(14, 7, -1):
        rest, digit = np.divmod(rest, 62)
        letters[:, place] = _BASE_62[digit]
    is_capital = (letters >= "A") & (letters <= "Z")
    bits = (is_capital.reshape(size, 3, 5) * (1 << np.arange(5))).sum(axis=2)
    whole = np.concatenate([letters, _CHECK[bits]], axis=1)
    return pa.array(np.ascontiguousarray(whole).view("<U18").ravel(), mask=numbers < 1)


def short_ids(ids: pa.Array) -> pa.Array:
    """Cut Salesforce ids to the 15 case-sensitive characters that reports show."""
    return pc.utf8_slice_codeunits(ids, 0, 15)


def spaced(start: int, step: int, numbers: Ints) -> pa.Array:
    """Make integer ids as text, from a start on in steps; a number below 1 gives null."""
    return pa.array(start + step * numbers, mask=numbers < 1).cast(pa.string())


def hubspot_ids(numbers: Ints) -> pa.Array:
    """Make HubSpot record ids."""
    return spaced(15_120_000_000, 353, numbers)


def zendesk_user_ids(numbers: Ints) -> pa.Array:
    """Make Zendesk user ids."""
    return spaced(361_940_000_000, 1_127, numbers)


def shopify_customer_ids(numbers: Ints) -> pa.Array:
    """Make Shopify customer ids."""
    return spaced(6_504_000_000_000, 32_768, numbers)


def random_looking_ids(prefix: str, numbers: Ints, length: int = 15) -> pa.Array:
    """Make ids such as Qualtrics' R_2ZyVwWqkmMOYDc6; a number below 1 gives null."""
    state = (np.maximum(numbers, 0).astype(np.uint64) + np.uint64(977)) * _LARGE_PRIME
    letters = np.empty((numbers.size, length), dtype="<U1")
    for place in range(length):
        state = state * _LARGE_PRIME + np.uint64(3_037_000_493)
        letters[:, place] = _ALPHABET[(state >> np.uint64(33)) % np.uint64(62)]
    ids = np.char.add(prefix, np.ascontiguousarray(letters).view(f"<U{length}").ravel())
    return pa.array(ids, mask=numbers < 1)


def product_skus(products: pa.Table) -> pa.Array:
    """Make the article numbers that shop, sales and products share: KIT-0001."""
    category = pc.utf8_upper(
        pc.utf8_slice_codeunits(products["category"].cast(pa.string()).combine_chunks(), 0, 3)
    )
    number = digits(products["product_number"].to_numpy(), 4)
    return pc.binary_join_element_wise(category, number, "-")
