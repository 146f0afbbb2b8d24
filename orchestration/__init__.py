"""What runs, when and in which order: Dagster definitions, the command line and their pure code."""

import gc

# Dagster, dbt and Great Expectations make some million objects, and they stay. Python's default,
# a look after every 700 new ones, found next to nothing among them for 2.3 of 12 CPU s of a small
# run, see `lib/pipeline.py` as well. What survives a look is looked at again after a hundred of
# them, not ten: 0.5 of the 1.1 CPU s that were left.
gc.set_threshold(50_000, 100)
