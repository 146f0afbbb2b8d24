"""Write the exports of the made-up company with the truth beside them.

What `crm-warehouse sample` does: simulate, write every system, write the truth, and move all of it
into place at the end.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from samples.company import Company, found_company
from samples.faults import make_dirty
from samples.parameters import AS_WRITTEN, Parameters
from samples.systems.canonical import canonical_system
from samples.systems.delighted import delighted_system
from samples.systems.exporting import System, opened, write_system
from samples.systems.hubspot import hubspot_system
from samples.systems.landscape import Landscape, draw_landscape
from samples.systems.loyalty import loyalty_system
from samples.systems.marketing import marketing_system
from samples.systems.qualtrics import qualtrics_system
from samples.systems.salesforce import salesforce_system
from samples.systems.shopify import shopify_system
from samples.systems.zendesk import zendesk_system

VENDORS: dict[str, Callable[[Landscape], System]] = {
    "salesforce": salesforce_system,
    "hubspot": hubspot_system,
    "zendesk": zendesk_system,
    "shopify": shopify_system,
    "qualtrics": qualtrics_system,
    "delighted": delighted_system,
    "loyalty": loyalty_system,
    "marketing": marketing_system,
}
SYSTEMS = ("canonical", *VENDORS)


def parse_systems(names: str) -> tuple[str, ...]:
    """Read a choice of systems: canonical, vendors, all or names with commas between."""
    groups = {"vendors": tuple(VENDORS), "all": SYSTEMS}
    return groups.get(names) or tuple(name.strip() for name in names.split(","))


@dataclass(frozen=True)
class SampleSummary:
    """What was written where."""

    out: Path
    seed: int
    as_of: date
    customers: int  # real customers
    records: int  # customer records they have
    rows: dict[str, int]  # by object, deltas included
    files: int
    size_bytes: int


def write_exports(
    out: Path,
    *,
    customers: int,
    seed: int,
    as_of: date,
    days_of_deltas: int = 0,
    systems: Collection[str] = ("canonical",),
    parameters: Parameters | None = None,
    dirt: Mapping[str, float] | None = None,
    report: Callable[[str], None],
) -> SampleSummary:
    """Write exports of a company with `customers` real customers to out/<system>/.

    The full history is exported on as_of - days_of_deltas, then new and changed rows day by day
    to as_of; an export holds what was known when its day began. The truth goes to out/truth/.
    Equal arguments give equal bytes. Files appear in `out` all at once at the end; existing
    exports are not touched: FileExistsError says what is in the way.

    `canonical` holds everything that happened, and so do the other systems together, each its part.
    `dirt` spoils the files at these rates by kind (`faults.REALISTIC`) and truth/faults.json counts
    what was planted; `parameters` plants other effects, for example none.
    """
    if customers < 1:
        raise ValueError(f"customers is {customers}; a company has at least one")
    if seed < 0:
        raise ValueError(f"seed is {seed}; choose 0 or more")
    if days_of_deltas < 0:
        raise ValueError(f"days_of_deltas is {days_of_deltas}; choose 0 or more")
    if unknown := sorted({*systems} - {*SYSTEMS}):
        raise ValueError(f"systems: {unknown[0]} is not one of {', '.join(SYSTEMS)}")
    written = [name for name in SYSTEMS if name in systems]
    for name in (*written, "truth"):
        if (out / name).exists():
            raise FileExistsError(
                f"{out / name} is there already; remove it or choose another folder, "
                "so that two made-up companies do not mix"
            )

    report(f"simulating {customers:,} customers up to {as_of}")
    parameters = parameters or Parameters()
    company = found_company(customers, seed, np.datetime64(as_of, "D"), parameters)

    partial = out / ".sample.partial"
    shutil.rmtree(partial, ignore_errors=True)  # what an interrupted run of ours left behind
    rows: dict[str, int] = {}
    identities: list[pa.Table] = []
    orders: list[pa.Table] = []
    for system in _systems(written, company, seed):
        name = system.name
        counted = write_system(
            partial / name, system, as_of - timedelta(days=days_of_deltas), as_of, report
        )
        rows |= counted if len(written) == 1 else {f"{name}/{o}": n for o, n in counted.items()}
        for parts, part in ((identities, system.identities), (orders, system.orders)):
            parts.append(part.add_column(0, "source_system", pa.repeat(name, part.num_rows)))
    truth = partial / "truth"
    truth.mkdir()
    who_is_who = pa.concat_tables(identities)
    _write_truth(truth, company, as_of, who_is_who, pa.concat_tables(orders))
    planted = {
        "sample": {
            "customers": customers,
            "seed": seed,
            "as_of": as_of.isoformat(),
            "days_of_deltas": days_of_deltas,
        },
        **asdict(parameters),
        # Under the name that is looked up: what the written purchases follow, effects included.
        # It was measured with the parameters as they are; with others it is not known.
        "purchase_process": asdict(
            AS_WRITTEN if parameters == Parameters() else parameters.purchase_process
        ),
        "purchase_process_before_effects": asdict(parameters.purchase_process),
        "realised": company.realised,
        "closed_days": company.closed_days,
    }
    (truth / "parameters.json").write_text(json.dumps(planted, indent=2) + "\n", encoding="utf-8")

    if dirt:
        make_dirty(partial, dirt, seed)
    files = sorted(path for path in partial.rglob("*") if path.is_file())
    size_bytes = sum(path.stat().st_size for path in files)
    for name in (*written, "truth"):
        (partial / name).rename(out / name)
    partial.rmdir()
    return SampleSummary(
        out=out,
        seed=seed,
        as_of=as_of,
        customers=customers,
        records=who_is_who.num_rows,
        rows=rows,
        files=len(files),
        size_bytes=size_bytes,
    )


def _systems(names: Sequence[str], company: Company, seed: int) -> Iterator[System]:
    """Make the systems one by one, so that the memory of one is free before the next."""
    if "canonical" in names:
        yield canonical_system(company, seed)
    vendors = [name for name in names if name in VENDORS]
    if vendors:
        landscape = draw_landscape(company, seed)
        for name in vendors:
            yield VENDORS[name](landscape)


def _write_truth(
    folder: Path, company: Company, as_of: date, who_is_who: pa.Table, orders: pa.Table
) -> None:
    """Write who every record is, and what the vendors' orders are under the company's own ids."""
    with opened({"identities": who_is_who, "records": orders, **company.tables}) as con:
        con.execute(
            f"""
            copy (from identities select * exclude (known_at) where known_at < ?)
            to '{folder / "identities.csv"}' (format csv, header)
            """,
            [as_of],
        )
        for name, content in company.truths.items():
            con.register(f"{name}_truth", content)
            con.execute(f"copy {name}_truth to '{folder / name}.csv' (format csv, header)")
        if orders.num_rows:
            con.execute(
                f"""
                copy (
                    select
                        source_system,
                        source_object,
                        source_record_id,
                        identifier('O', order_number) as order_id,
                        ordered_at,
                        money(net_revenue) as net_revenue,
                        cancelled_at is not null as is_cancelled
                    from records join orders using (order_number)
                    order by order_number
                ) to '{folder / "orders.csv"}' (format csv, header)
                """
            )
