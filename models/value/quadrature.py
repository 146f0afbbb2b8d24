"""Quadrature rules for the expectations that have no elementary form.

Only nodes and weights; integrands belong to the models.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal

Array = npt.NDArray[np.float64]


def beta_nodes(a: float, b: npt.ArrayLike, count: int = 40) -> tuple[Array, Array]:
    """Give Gauss-Jacobi nodes and weights for expectations under Beta(a, b).

    Returns two arrays of shape (len(b), count), nodes in [0, 1], weights summing to 1.
    """
    rules = [_gauss_jacobi(a, each, count) for each in np.atleast_1d(b).tolist()]
    nodes = np.array([nodes for nodes, _ in rules]).reshape(-1, count)
    return nodes, np.array([weights for _, weights in rules]).reshape(-1, count)


@lru_cache(maxsize=1 << 13)  # one model asks for the same rules at every horizon; 1 kB each
def _gauss_jacobi(a: float, b: float, count: int) -> tuple[Array, Array]:
    """Give the rule for one Beta(a, b).

    Golub & Welsch (1969): nodes are the eigenvalues of the Jacobi matrix, weights the squared first
    components of its eigenvectors. The matrix is built from the canonical moments of the Beta
    distribution, which are ratios of positive numbers, so that nothing cancels or overflows
    (`scipy.special.roots_jacobi` does for b in the thousands) and a + b <= 1 needs no special case.
    """
    m = np.arange(1, count + 1, dtype=np.float64)
    odd = (a + m - 1) / (a + b + 2 * m - 2)
    odd_rest = (b + m - 1) / (a + b + 2 * m - 2)
    even = m / (a + b + 2 * m - 1)
    even_rest = (a + b + m - 1) / (a + b + 2 * m - 1)
    up = odd.copy()
    up[1:] *= even_rest[:-1]
    down = odd_rest * even
    diagonal = up.copy()
    diagonal[1:] += down[:-1]
    # not numpy's eigh: its threads cost four times the work on a matrix of this size
    nodes, vectors = eigh_tridiagonal(diagonal, np.sqrt(up * down)[:-1], lapack_driver="stev")
    return np.clip(nodes, 0.0, 1.0), vectors[0] ** 2


def wide_beta_nodes(a: float, b: npt.ArrayLike, count: int = 192) -> tuple[Array, Array]:
    """Give double-exponential nodes and weights for expectations under Beta(a, b).

    For integrands that change over many orders of magnitude of p, where Gauss-Jacobi nodes do not
    reach: the trapezoid rule in q with logit p = centre + 2 sinh q. Needs five times the nodes.

    Returns two arrays of shape (len(b), count); nodes may underflow to 0, weights sum to 1.
    """
    shape_b = np.atleast_1d(np.asarray(b, dtype=np.float64))[:, None]
    first = -np.arcsinh(20.0 / min(a, 1.0))  # p^a = exp(-40) there
    last = np.arcsinh(20.0 / shape_b + 2.0)
    q = first + (last - first) * np.linspace(0.0, 1.0, count)
    logit = np.log((a + 1) / (shape_b + 1)) + 2.0 * np.sinh(q)
    log_weights = -a * np.logaddexp(0, -logit) - shape_b * np.logaddexp(0, logit)
    log_weights += np.log(np.cosh(q))
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return np.exp(-np.logaddexp(0, -logit)), weights / weights.sum(axis=1, keepdims=True)


def half_line_nodes(count: int) -> tuple[Array, Array]:
    """Give double-exponential nodes and log-weights for integrals of decaying f over (0, inf).

    w = exp(q - exp(-q) / 10) with the trapezoid rule in q, after Takahasi & Mori (1974); nodes from
    1e-21 to 42. Scale w so that f decays like exp(-w); anything sharper near zero is still
    resolved, because the nodes are logarithmic there. Log-weights, because the integrands of the
    models are built as logarithms.
    """
    q, step = np.linspace(-5.91, 3.74, count, retstep=True)
    log_nodes = q - np.exp(-q) / 10
    return np.exp(log_nodes), np.log(step) + log_nodes + np.log1p(np.exp(-q) / 10)
