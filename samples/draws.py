"""Small tools for drawing columns: random streams, categories, instants, ranks.

Knows nothing about the company. An absent instant is NaT, an absent code or reference is -1.
"""

import zlib
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Instants = npt.NDArray[np.datetime64]

Rows = TypeVar("Rows", bound="DataclassInstance")  # a dataclass of columns

NEVER = np.datetime64("NaT", "s")
DAY_SECONDS = 86_400

# Share of the day's events per hour, UTC; American evenings fall after midnight.
HOUR_WEIGHTS = (5, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 6, 6)


def stream(seed: int, part: str) -> np.random.Generator:
    """Open the random stream of one part of the company.

    Every part has its own, so that a part added later leaves the draws of the others as they are.
    """
    return np.random.default_rng([seed, zlib.crc32(part.encode())])


def pick(rng: np.random.Generator, weights: Sequence[float] | Floats, size: int) -> Ints:
    """Draw codes 0 … len(weights) - 1 in proportion to the weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    codes: Ints = np.searchsorted(edges[:-1], rng.random(size) * edges[-1], side="right")
    return codes


def skewed(rng: np.random.Generator, counts: Ints, power: float = 1.6) -> Ints:
    """Draw one code below each count, the early ones more often, as names are distributed."""
    return np.asarray(counts * rng.random(counts.size) ** power, dtype=np.int64)


def time_of_day(rng: np.random.Generator, size: int) -> Ints:
    """Draw seconds since midnight by the hourly profile."""
    return pick(rng, HOUR_WEIGHTS, size) * 3600 + rng.integers(0, 3600, size)


def later(instants: Instants, days: npt.NDArray[np.floating[Any]] | float) -> Instants:
    """Move instants by a number of days, to the second."""
    seconds = np.asarray(np.asarray(days) * DAY_SECONDS, dtype=np.int64)
    return np.asarray(instants + seconds.astype("timedelta64[s]"))


def days_between(start: Instants, end: Instants | np.datetime64) -> Floats:
    """Measure days from start to end."""
    return np.asarray((end - start) / np.timedelta64(1, "D"), dtype=np.float64)


def only_if(condition: Bools, instants: Instants) -> Instants:
    """Keep instants where the condition holds; NaT elsewhere."""
    return np.where(condition, instants, NEVER)


def rank_within(groups: Ints) -> Ints:
    """Count up from 0 within every group, in row order."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]][: groups.size]
    starts = np.flatnonzero(is_first)
    ranks = np.empty_like(groups)
    ranks[order] = np.arange(groups.size) - np.repeat(starts, np.diff(np.r_[starts, groups.size]))
    return ranks


def stack(parts: Sequence[Rows]) -> Rows:
    """Put dataclasses of columns below each other."""
    columns = [field.name for field in fields(parts[0])]
    return replace(
        parts[0],
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns},
    )


def words(codes: Ints, vocabulary: Sequence[str]) -> pa.Array:
    """Turn codes into a dictionary column of words; a negative code becomes null."""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32), mask=codes < 0), pa.array(list(vocabulary), pa.string())
    )


def text(codes: Ints, vocabulary: Sequence[str]) -> pa.Array:
    """Turn codes into a plain text column of words; a negative code becomes null."""
    return words(codes, vocabulary).cast(pa.string())


def digits(numbers: Ints, width: int) -> pa.Array:
    """Write numbers with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def numbered(prefix: str, numbers: Ints, width: int = 7) -> pa.Array:
    """Make ids of a prefix and a number with leading zeros."""
    return pc.binary_join_element_wise(prefix, digits(numbers, width), "")


def references(numbers: Ints) -> pa.Array:
    """Turn numbers into a column where a negative number is null."""
    return pa.array(numbers, mask=numbers < 0)


def next_number(entries: Ints) -> Ints:
    """Turn entries into numbers from 1, as people count; an absent entry stays -1."""
    return np.where(entries < 0, -1, entries + 1)


def table(**columns: pa.Array | npt.NDArray[np.generic]) -> pa.Table:
    """Make a table in pieces, so that a reader can work on several at once.

    NaT becomes null.
    """
    whole = pa.table(columns)
    return pa.Table.from_batches(whole.to_batches(max_chunksize=122_880), whole.schema)
