"""Customers with the same history are one row with a weight.

The likelihood of every purchase model here depends on (x, T) and (x, t_x) only through one term
each, so a million customers observed in whole days are some hundred thousand rows over some ten
thousand pairs. What belongs here: counting and coding. What does not: any model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

# A table of codes beats sorting while it stays about as small as the data.
_TABLE_CELLS_PER_ROW = 4
_TABLE_CELLS_AT_LEAST = 1 << 16

_COARSE_TIMES = 24


@dataclass(frozen=True)
class Grid:
    """Hold pairs of numbers: the distinct values of either, sorted, and the codes of each pair."""

    first: Array
    of_first: Index
    second: Array
    of_second: Index


@dataclass(frozen=True)
class Histories:
    """Hold the distinct histories of a sample.

    `weight[i]` customers have the history made of pair `alive_pair[i]` of (x, T) and pair
    `silent_pair[i]` of (x, t_x).
    """

    frequency: Array
    """Distinct x, with `frequency_weight` customers each."""
    frequency_weight: Array
    alive_frequency: Array
    alive_age: Array
    silent_frequency: Array
    silent_recency: Array
    alive_pair: Index
    silent_pair: Index
    weight: Array

    @property
    def alive_weight(self) -> Array:
        """Count the customers of each (x, T)."""
        counts: Array = np.bincount(
            self.alive_pair, weights=self.weight, minlength=len(self.alive_age)
        ).astype(np.float64)
        return counts

    @cached_property
    def alive(self) -> Grid:
        """Give the pairs (x, T)."""
        return grid(self.alive_frequency, self.alive_age)

    @cached_property
    def silent(self) -> Grid:
        """Give the pairs (x, t_x)."""
        return grid(self.silent_frequency, self.silent_recency)

    @cached_property
    def coarse(self) -> "Histories":
        """Round every time to 24ths of the oldest age: few histories, about the same likelihood."""
        step = float(self.alive_age.max(initial=0.0)) / _COARSE_TIMES
        if step <= 0:
            return self
        steps = collapse(
            self.alive_frequency[self.alive_pair],
            np.rint(self.silent_recency / step)[self.silent_pair],
            np.rint(self.alive_age / step)[self.alive_pair],
            self.weight,
        )
        return rescale(steps, step)

    @property
    def customers(self) -> float:
        """Count the customers."""
        return float(self.weight.sum())

    @property
    def repeaters(self) -> float:
        """Count the customers with at least one repeat purchase."""
        return float(self.frequency_weight[self.frequency > 0].sum())

    @property
    def purchases(self) -> float:
        """Count the repeat purchases."""
        return float((self.frequency * self.frequency_weight).sum())


def valid_histories(
    frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Tell which rows are histories at all.

    x is a whole number >= 0, 0 <= t_x <= T, and a customer without repeat purchase has t_x = 0.
    NaN and infinity are not valid.
    """
    x, t, T = (np.asarray(column, dtype=np.float64) for column in (frequency, recency, age))
    numbers: npt.NDArray[np.bool_] = (
        (x >= 0) & (x == np.floor(x)) & (t >= 0) & (t <= T) & np.isfinite(T) & np.isfinite(x)
    )
    valid: npt.NDArray[np.bool_] = numbers & ((x > 0) | (t == 0))
    return valid


def encode(values: Array) -> tuple[Array, Index]:
    """Give the distinct values, sorted, and the code of each row.

    Whole numbers of a small range (days, counts) are coded by a table instead of a sort.
    """
    if (
        values.size
        and values.min() >= 0
        and values.max() < max(_TABLE_CELLS_AT_LEAST, _TABLE_CELLS_PER_ROW * values.size)
    ):
        whole = values.astype(np.intp)
        if np.array_equal(whole, values):
            distinct, codes = _encode_codes(whole, int(whole.max()) + 1)
            return distinct.astype(np.float64), codes
    distinct_values, inverse = np.unique(values, return_inverse=True)
    return distinct_values, inverse.astype(np.intp, copy=False)


def grid(first: Array, second: Array) -> Grid:
    """Code both columns of pairs."""
    return Grid(*encode(first), *encode(second))


def distinct_pairs(first: Array, second: Array) -> tuple[Array, Array, Index]:
    """Give the distinct pairs of two columns and the pair of each row."""
    first_values, first_codes = encode(first)
    second_values, second_codes = encode(second)
    width = len(second_values)
    cells, pair = _encode_codes(first_codes * width + second_codes, len(first_values) * width)
    return first_values[cells // width], second_values[cells % width], pair


def rescale(histories: Histories, factor: float) -> Histories:
    """Measure time in another unit: every time is multiplied by `factor`."""
    return replace(
        histories,
        alive_age=histories.alive_age * factor,
        silent_recency=histories.silent_recency * factor,
    )


def collapse(
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Histories:
    """Collapse valid histories to their distinct ones; `weights` multiplies customers."""
    x, t, T = (np.asarray(column, dtype=np.float64) for column in (frequency, recency, age))
    given = None if weights is None else np.asarray(weights, dtype=np.float64)

    (x_values, x_code), (t_values, t_code), (T_values, T_code) = encode(x), encode(t), encode(T)
    recencies, ages = len(t_values), len(T_values)
    key = (x_code * ages + T_code) * recencies + t_code
    rows, row = _encode_codes(key, len(x_values) * ages * recencies)
    weight = np.bincount(row, weights=given, minlength=len(rows)).astype(np.float64)
    alive, recency_code = np.divmod(rows, recencies)
    frequency_code = alive // ages
    alive_cells, alive_pair = _encode_codes(alive, len(x_values) * ages)
    silent_cells, silent_pair = _encode_codes(
        frequency_code * recencies + recency_code, len(x_values) * recencies
    )
    return Histories(
        frequency=x_values,
        frequency_weight=np.bincount(
            frequency_code, weights=weight, minlength=len(x_values)
        ).astype(np.float64),
        alive_frequency=x_values[alive_cells // ages],
        alive_age=T_values[alive_cells % ages],
        silent_frequency=x_values[silent_cells // recencies],
        silent_recency=t_values[silent_cells % recencies],
        alive_pair=alive_pair,
        silent_pair=silent_pair,
        weight=weight,
    )


def distinct_rows(columns: Sequence[npt.NDArray[np.integer]]) -> tuple[list[Index], Index]:
    """Give the distinct rows of columns of whole numbers >= 0, sorted, and how often each occurs.

    A row is one number of mixed radix, which sorts faster than anything that compares columns.
    Raises OverflowError where that takes more than 63 bits: days and counts of purchases do not.
    """
    sizes = [int(column.max(initial=0)) + 1 for column in columns]
    if math.prod(sizes) >= 1 << 63:
        raise OverflowError(
            f"columns of {', '.join(f'{size:,}' for size in sizes)} values are too many to be told "
            "apart by one number: look for dates far out of range"
        )
    key = np.zeros(len(columns[0]), dtype=np.intp)
    for column, size in zip(columns, sizes, strict=True):
        key *= size
        key += column
    rows, counts = np.unique(key, return_counts=True)
    found: list[Index] = []
    for size in reversed(sizes):
        found.append(rows % size)
        rows = rows // size
    return found[::-1], counts


def _encode_codes(codes: Index, cells: int) -> tuple[Index, Index]:
    """Renumber whole-number codes densely: the occupied cells and the number of each row."""
    if cells > max(_TABLE_CELLS_AT_LEAST, _TABLE_CELLS_PER_ROW * codes.size):
        occupied, inverse = np.unique(codes, return_inverse=True)
        return occupied, inverse.astype(np.intp, copy=False)
    table = np.zeros(cells, dtype=np.intp)
    table[codes] = 1
    occupied = np.flatnonzero(table)
    table[occupied] = np.arange(len(occupied))
    return occupied, table[codes]
