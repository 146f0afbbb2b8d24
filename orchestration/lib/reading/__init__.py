"""The reader: export files in, one Parquet file of text columns per export file out.

The way of a file: `sources` finds and unpacks it, `encoding` and `dialect` decide how its text is
written, `layout` matches its columns to the contract, `shapes` and `decisions` say how the values
of each are to be read and `values` reads them, `siblings` asks the other files of an object,
`sorting` writes all rows and marks those that are set aside, `landing` runs this for a whole system
and `views` shows the result to DuckDB. DuckDB reads delimited text itself; stretches of a text that
it must not read, or stops at, are parsed by `delimited` and written anew by `plain`. Both give the
same rows.

Belongs here: everything between an export file and the schema `raw`. Does not: types, names,
deduplication across files and meaning, which are staging's.
"""
