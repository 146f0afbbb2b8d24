"""The sample as its files tell it and as it is published, for tests that recompute with pandas.

What `conftest.py` beside it makes fixtures of. The files are read with pandas, another way than the
product's.
"""

from pathlib import Path

import duckdb
import pandas as pd

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
