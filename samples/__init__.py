"""A made-up company whose exports and truth are known.

`parameters` is what is planted, `company` what happened (from `people`, `purchases`, `marketing`,
`service`, `surveys`), `canonical` how one system exports it. The package knows nothing of the
warehouse that reads the exports.
"""

from samples.exports import SampleSummary, write_exports

__all__ = ["SampleSummary", "write_exports"]
