"""A made-up company whose exports and truth are known.

`parameters` is what is planted, `company` what happened (from `people`, `purchases`, `marketing`,
`service`, `surveys`), `registrations` how people differ between systems, `systems` what each system
holds and how it exports it, `faults` what dirt does to the files. The package knows nothing of the
warehouse that reads the exports.
"""

from samples.exports import SYSTEMS, SampleSummary, parse_systems, write_exports
from samples.faults import parse_dirt
from samples.parameters import Parameters

__all__ = [
    "SYSTEMS",
    "Parameters",
    "SampleSummary",
    "parse_dirt",
    "parse_systems",
    "write_exports",
]
