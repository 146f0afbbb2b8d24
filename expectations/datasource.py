"""DuckDB as a datasource of Great Expectations, by push-down, and the one expectation of our own.

Belongs here: everything that subclasses Great Expectations. Does not: suites, messages, samples.
Importing this module imports great_expectations (2.7-3.7 CPU s): import it inside functions.

Great Expectations has no DuckDB support of its own. Its generic SQL engine works with three
repairs, each explained where it stands: one persistent connection, rollback after an exception,
and a dialect module that makes it choose the right regular expression function.
"""

import builtins
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import great_expectations as gx
import sqlalchemy as sa
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.datasource.fluent.sql_datasource import QueryAsset
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.metric_provider import metric_partial
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.vocabulary import relation


def _dialect_module() -> ModuleType:
    """Make the module in which Great Expectations looks up types and regular expressions.

    It recognises dialects by marker names. Dremio's marker selects REGEXP_MATCHES, which searches
    on DuckDB as the other engines do; PostgreSQL's, the usual advice, selects an operator that
    DuckDB reads as a match of the full value.
    """
    module = ModuleType("duckdb_dialect")
    vars(module).update({k: v for k, v in vars(sa.types).items() if not k.startswith("_")})
    vars(module)["DremioDialect"] = True
    return module


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):  # type: ignore[misc]
    """Great Expectations' SQL engine on one persistent DuckDB connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dialect_module = _dialect_module()

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        """Give the one connection.

        The base class closes its connection before it reads the result, and DuckDB drops a
        pending result with its connection. Without the rollback one failed statement fails all
        later ones ("current transaction is aborted").
        """
        if self._connection is None:  # type: ignore[has-type]
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except Exception:
            self._connection.rollback()
            raise

    def close(self) -> None:
        """Close the connection, so that the next process or step can write the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        super().close()


class DuckDBDatasource(SQLDatasource):  # type: ignore[misc]
    """A DuckDB file whose tables Great Expectations validates in place."""

    type: Literal["duckdb"] = "duckdb"

    @property
    def execution_engine_type(self) -> builtins.type[DuckDBExecutionEngine]:
        """Tell which engine runs the metrics."""
        return DuckDBExecutionEngine

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        """Give one execution engine on the engine that also tests the assets.

        The base class makes a second SQLAlchemy engine and compares its whole configuration,
        all assets included, on every call.
        """
        if self._execution_engine is None:  # type: ignore[has-type]
            self._execution_engine = DuckDBExecutionEngine(
                engine=self.get_engine(), create_temp_table=False
            )
        return self._execution_engine

    def batch(self, table: str, where: str | None = None) -> Batch:
        """Give the rows of `schema.table`, or those that `where` selects, to validate.

        The asset is hung into the datasource by hand: add_query_asset and add_batch_definition
        write the whole configuration of the context each, to nowhere, at 8 CPU ms a time.
        """
        query = f"SELECT * FROM {relation(table, where)}"
        asset = QueryAsset(name=f"{table} {len(self.assets)}", query=query)
        asset._datasource = self
        self.assets.append(asset)
        return asset.get_batch(asset.build_batch_request())

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run a query outside of any expectation and return its rows."""
        with self.get_execution_engine().get_connection() as connection:
            return [dict(row) for row in connection.exec_driver_sql(sql).mappings()]


@contextmanager
def open_datasource(database: Path) -> Iterator[DuckDBDatasource]:
    """Open a DuckDB file read-only in an ephemeral context and close it at the end.

    Read-only, because a gate must not change what it judges. DuckDB refuses this while the same
    process holds the file open for writing: close that connection first.
    """
    # Dagster turns every library's INFO lines on; those of the context are not for the log. The
    # second logger has a level of its own.
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False}
    datasource = context.data_sources.add_duckdb(
        name="build",
        connection_string=f"duckdb:///{database}",
        kwargs={"connect_args": {"read_only": True}},
    )
    try:
        yield datasource
    finally:
        datasource.get_execution_engine().close()
        datasource.get_engine().dispose()


class RowRuleCounts(TableMetricProvider):  # type: ignore[misc]
    """Failing and judged rows of a row rule, as one aggregate of the table's bundled statement."""

    metric_name = "table.row_rule_counts"
    value_keys = ("counts",)

    @metric_partial(  # type: ignore[untyped-decorator]
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,  # noqa: N805 - Great Expectations turns the function into a class method
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[sa.ColumnClause[Any], dict[str, Any], dict[str, Any]]:
        return sa.literal_column(metric_value_kwargs["counts"]), metric_domain_kwargs, {}


class ExpectRowsToFollowRule(BatchExpectation):  # type: ignore[misc]
    """Expect that at least the share `mostly` of the judged rows is good.

    `counts` is the aggregate of vocabulary.RowRule. Great Expectations' own row expectations cost
    11 CPU ms each before any data is read, and a second scan; this one costs 1.5 ms and none
    (a table of 1,000 rows, five rules, mean of 20 runs).
    """

    counts: str
    mostly: float = 1.0

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.row_rule_counts",)
    success_keys: ClassVar[tuple[str, ...]] = ("counts", "mostly")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    _configuration: ExpectationConfiguration | None = PrivateAttr(None)

    @property
    def configuration(self) -> ExpectationConfiguration:
        """What the rule says. Asked for 26 times per rule, which looks at every field each time."""
        if self._configuration is None:
            self._configuration = super().configuration
        return self._configuration

    def _validate(
        self,
        metrics: Mapping[str, Any],
        runtime_configuration: Mapping[str, Any] | None = None,
        execution_engine: object = None,
    ) -> dict[str, Any]:
        failing, judged = metrics["table.row_rule_counts"]
        is_tolerable = bool(judged) and (judged - failing) / judged >= self.mostly
        return {
            "success": failing == 0 or is_tolerable,
            "result": {"unexpected_count": failing, "element_count": judged},
        }
