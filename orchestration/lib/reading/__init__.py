"""The reader: export files in, one Parquet file of text columns per export file out.

The way of a file: `sources` finds and unpacks it, `dialect` decides how its text is read, `layout`
matches its columns to the contract, `sorting` writes the rows that are right and sets the others
aside, `landing` runs this for a whole system and `views` shows the result to DuckDB. DuckDB reads
delimited text itself (the fast path); the first row that is not as the contract says sends the file
to `delimited`, which knows the line of every record (the careful path). Both give the same rows.

Belongs here: everything between an export file and the schema `raw`. Does not: types, names,
deduplication across files and meaning, which are staging's.
"""
