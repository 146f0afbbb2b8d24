"""The sample as its files tell it and as it is published, for tests that recompute with pandas.

What `conftest.py` beside it makes fixtures of. The files are read with pandas, another way than the
product's.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import t as student

from tests.conftest import AS_OF

TODAY = pd.Timestamp(AS_OF)
END = TODAY + pd.Timedelta(days=1)  # what happened before it counts
Z = 1.959963984540054


def table(marts: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Get a published table."""
    return marts.execute(f"from marts.{name}").df()


def read(folder: Path, name: str, *times: str) -> pd.DataFrame:
    """Read an exported object; ids stay text, the named columns become times."""
    (file,) = (folder / "canonical").glob(f"{name}_2*.csv")
    texts = dict.fromkeys(("order_id", "customer_id", "tier"), str)
    return pd.read_csv(file, dtype=texts, parse_dates=list(times))


def student_95(degrees: float) -> float:
    """Return Student's quantile by four terms of its expansion (Abramowitz & Stegun, 26.7.5)."""
    if not degrees > 0:
        return float("nan")
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
    )
    return float(Z + sum(term / degrees**power for power, term in enumerate(terms, start=1)))


def leaning_interval(value: float, error: float, leaning: float, quantile: float) -> list[float]:
    """Invert Hall's transformation by root finding (decision 0050)."""

    def transformed(x: float) -> float:
        return x + leaning * x**2 / 3 + leaning**2 * x**3 / 27 + leaning / 6

    return [
        value - error * float(brentq(lambda x, q=q: transformed(x) - q, -1e6, 1e6, xtol=1e-12))
        for q in (quantile, -quantile)
    ]


def skewed_interval(
    mean: float, error: float, skewness: float, degrees: float, whole: float | None = None
) -> list[float]:
    """Return the interval of a mean of this skewness; `whole` is that of both groups compared."""
    whole = skewness if whole is None else whole
    quantile = Z * (1 + 1.2104 / degrees) * (1 + whole**2)
    return leaning_interval(mean, error, 0.7 * skewness, quantile)


def skewed_interval_of(values: "pd.Series[float]") -> list[float]:
    """Return the interval of the mean of these values; NaN of fewer than 30 or of equal ones."""
    n = len(values)
    deviation = float(values.std())
    if n < 30 or not deviation > 0:
        return [float("nan")] * 2
    mean = float(values.mean())
    leans = (((values - mean) / deviation) ** 3).mean()
    floor = min(float(values.min()), 0.0)
    bounds = skewed_interval(mean, deviation / np.sqrt(n), leans / np.sqrt(n), n - 1)
    return [max(floor, bound) for bound in bounds]


def matched_by_tables(rows: pd.DataFrame) -> dict[str, float]:
    """Compare `value` within `stratum`, deviations summed by `customer` (decision 0046).

    Strata need a unit with `is_compared` and two other customers.
    """
    likes = rows[~rows["is_compared"]].groupby("stratum")["customer"].nunique()
    usable = likes.index[likes > 1].intersection(rows.loc[rows["is_compared"], "stratum"])
    rows = rows[rows["stratum"].isin(usable)]
    ours, others = rows[rows["is_compared"]], rows[~rows["is_compared"]]
    share = ours.groupby("stratum").size() / len(ours)
    of_others = others.groupby("stratum")["value"].mean()
    effect = ours["value"].mean() - (share * of_others).sum()
    deviation = rows["value"] - rows["stratum"].map(of_others)
    stretch = share / others.groupby("stratum").size() * np.sqrt(likes / (likes - 1))
    errors = pd.concat(
        [
            (deviation[ours.index] - effect) / len(ours),
            -deviation[others.index] * others["stratum"].map(stretch),
        ]
    )
    squares = errors.groupby([rows["stratum"], rows["is_compared"], rows["customer"]]).sum() ** 2
    cells = squares.groupby(level=[0, 1]).agg(["sum", "size"])
    spread = (cells["sum"] ** 2 / (cells["size"] - 1).clip(lower=1)).sum()
    by_customer = errors.groupby(rows["customer"]).sum()
    error = np.sqrt((by_customer**2).sum())
    low = high = float("nan")
    if min(part["customer"].nunique() for part in (ours, others)) >= 10 and error > 0:
        quantile = student.ppf(0.975, cells["sum"].sum() ** 2 / spread)
        skewness = (by_customer**3).sum() / error**3
        quantile *= 1 + skewness**2
        low, high = leaning_interval(effect, error, 0.7 * skewness, quantile)
    return {
        "count_compared": len(ours),
        "count_reference": len(others),
        "mean_compared": ours["value"].mean(),
        "mean_reference": (share * of_others).sum() if len(ours) else float("nan"),
        "effect": effect if len(ours) else float("nan"),
        "low": low,
        "high": high,
    }
