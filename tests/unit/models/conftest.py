"""Fixtures of the value model tests: CDNOW as shipped with lifetimes, and made-up customers."""

from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.unit.models.value_model_data import Array, MadeUp, Window, simulate, split_window


@pytest.fixture(scope="session")
def cdnow_folder() -> Path:
    spec = find_spec("lifetimes")  # finds without importing: its datasets module no longer imports
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "datasets"


@pytest.fixture(scope="session")
def cdnow_summary(cdnow_folder: Path) -> tuple[Array, Array, Array, Array]:
    """x, t_x, T in weeks and mean spend of repeat purchases of the 1/10 sample, as published."""
    rows = np.genfromtxt(
        cdnow_folder / "cdnow_customers_summary_with_transactions.csv",
        delimiter=",",
        skip_header=1,
    )
    return rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4]


@pytest.fixture(scope="session")
def cdnow_rows(cdnow_folder: Path) -> tuple[Array, Array, Array]:
    """Customer, day as a number, and dollars of every row of the full data set."""
    rows = np.genfromtxt(cdnow_folder / "CDNOW_master.txt", skip_header=1)
    days = np.array(
        [date(d // 10000, d // 100 % 100, d % 100).toordinal() for d in rows[:, 1].astype(int)]
    )
    return rows[:, 0].astype(int), days, rows[:, 3]


@pytest.fixture(scope="session")
def cdnow_window(cdnow_rows: tuple[Array, Array, Array]) -> Callable[[date, date], Window]:
    customers, days, dollars = cdnow_rows

    def window(calibrated_to: date, observed_to: date) -> Window:
        return split_window(
            customers,
            days,
            dollars,
            calibrated_to.toordinal(),
            observed_to.toordinal(),
        )

    return window


@pytest.fixture(scope="session")
def made_up() -> Callable[[int, int], MadeUp]:
    return simulate
