"""What SQL computes of the value models is what Python says, whatever the parameters.

All but the spend per purchase reaches SQL as a lookup; `test_published_numbers` and
`test_real_data` hold the published scores of whole companies to Python's, to 1e-9 too.
"""

import itertools

import duckdb
import jinja2
import numpy as np
import pytest

from models.value.fitting import Fit
from models.value.gamma_gamma import NAMES, SpendFit, expected_mean_spend
from models.value.status import Status
from models.value.tables import _spend_model
from orchestration.lib.project import PROJECT_ROOT

MACRO = PROJECT_ROOT / "dbt_project/macros/expected_spend.sql"
FREQUENCIES = (0, 1, 2, 40, 2000)
MEANS = (-5.0, 0.0, 0.01, 35.46, 1e8)


@pytest.mark.parametrize("is_usable", [True, False])
@pytest.mark.parametrize(
    "parameters",
    [
        (6.249, 3.745, 15.448),  # CDNOW
        (4.0, 3.5, 60.0),
        (0.05, 1.01, 1e-3),  # a mean that hardly exists
        (300.0, 250.0, 1e6),  # everybody spends the same
        (1e-3, 1.0001, 1e9),
        (0.5, 0.9, 20.0),  # q below 1: of one-time buyers the mean would be negative
    ],
)
def test_expected_spend_in_sql(parameters: tuple[float, ...], is_usable: bool) -> None:
    fit = Fit(
        model="gamma_gamma",
        parameters=dict(zip(NAMES, parameters, strict=True)),
        standard_errors={},
        covariance=np.zeros((0, 0)),
        log_likelihood=0.0,
        n=0.0,
        status=Status.OK if is_usable else Status.SPEND_UNIDENTIFIED,
    )
    model = SpendFit(fit, observed_mean=35.5, correlation=0.0, excluded=0)
    pairs = [*itertools.product(FREQUENCIES, MEANS)]
    expected = expected_mean_spend(model, *zip(*pairs, strict=True))
    macro = jinja2.Environment().from_string(MACRO.read_text(encoding="utf-8"))
    sql = macro.make_module().expected_spend("x", "m", "spend_model")  # type: ignore[attr-defined]
    with duckdb.connect() as con:
        con.register("spend_model", _spend_model(model))
        con.execute("create table given (row_number bigint, x bigint, m double)")
        con.executemany(
            "insert into given values (?, ?, ?)", [(i, *p) for i, p in enumerate(pairs)]
        )
        found = con.execute(f"select {sql} from given, spend_model order by row_number").fetchall()
    np.testing.assert_allclose([value for (value,) in found], expected, rtol=1e-9)
    assert np.isfinite(expected).all()
