"""How source systems hold and export the made-up company.

`landscape` decides which system knows whom and what happened where, `exporting` writes files; every
other module is one system: its records, its columns, its spelling of ids and times.
"""
