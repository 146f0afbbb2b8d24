"""Smooth functions of (x, time), computed at few times and interpolated to many.

What belongs here: the interpolation. What does not: any model. Whole days leave a thousand ages of
customers with few purchases, over which every prediction and every term of a likelihood is smooth:
it is computed at Chebyshev points of log(offset + time) instead.
"""

import math
from collections.abc import Callable

import numpy as np

from models.value.sufficient_statistics import Array, Grid

_ERROR = 1e-15  # of the interpolation; that of rounding is about as much


def along_time(function: Callable[[Array, Array], Array], pairs: Grid, offset: float) -> Array:
    """Give `function(x, time)`, shape (k, n), for n pairs, right to 13 digits of its range.

    The function must be analytic in time except at -offset and left of it, as powers and integrals
    of powers of (offset + time + u), u >= 0, are. As a function of log(offset + time) it is then
    analytic within pi of the real axis, and a polynomial through Chebyshev points errs like
    rho^-points, where rho belongs to the largest ellipse around the interval in that strip
    (Trefethen 2013, Approximation Theory and Approximation Practice, theorem 8.2). What has fewer
    times than points is computed as it is.
    """
    times = pairs.second
    count = _points_needed(offset, times) or len(pairs.of_first)
    is_dense = np.bincount(pairs.of_first, minlength=len(pairs.first)) > count
    if not is_dense.any():
        return function(pairs.first[pairs.of_first], times[pairs.of_second])
    dense = pairs.first[is_dense]
    few = np.flatnonzero(~is_dense[pairs.of_first])
    many = np.flatnonzero(is_dense[pairs.of_first])

    low, high = math.log(offset + times[0]), math.log(offset + times[-1])
    angles = (2 * np.arange(count) + 1) * (math.pi / (2 * count))
    nodes = np.exp((low + high) / 2 + (high - low) / 2 * np.cos(angles)) - offset
    nodes = np.clip(nodes, times[0], times[-1])  # rounding may leave the interval
    found = function(
        np.concatenate([np.repeat(dense, count), pairs.first[pairs.of_first[few]]]),
        np.concatenate([np.tile(nodes, len(dense)), times[pairs.of_second[few]]]),
    )
    at_nodes = found[:, : count * len(dense)].reshape(-1, count)
    # a sum of Chebyshev polynomials, cos(j arccos(position)); not a matrix product: its threads
    position = (2 * np.log(offset + times) - low - high) / (high - low)
    order = np.arange(count)
    waves = (2.0 - (order == 0)) / count * np.cos(angles[:, None] * order)
    basis = np.cos(order[:, None] * np.arccos(np.clip(position, -1.0, 1.0)))
    on_grid = np.einsum("ij,jt->it", np.einsum("ij,jk->ik", at_nodes, waves), basis)

    result = np.empty((len(found), len(pairs.of_first)))
    result[:, few] = found[:, count * len(dense) :]
    row = np.cumsum(is_dense) - 1
    result[:, many] = on_grid.reshape(len(found), len(dense), -1)[
        :, row[pairs.of_first[many]], pairs.of_second[many]
    ]
    return result


def _points_needed(offset: float, times: Array) -> int:
    """Give the number of points for sorted times; 0 where interpolation will not do."""
    if len(times) < 2 or offset + times[0] <= 0:
        return 0
    half = math.log((offset + times[-1]) / (offset + times[0])) / 2
    return math.ceil(-math.log(_ERROR) / math.asinh(math.pi / half)) + 1
