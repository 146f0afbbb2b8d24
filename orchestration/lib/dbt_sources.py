"""What dbt has to know of a contract: the raw tables of a system with key, watermark and zone.

Belongs here: the text of `_<system>__sources.yml`, which `make docs` keeps beside staging models.
Does not: writing it, what dbt makes of it.
"""

from orchestration.lib.contracts import ExportContract

NOTE = "Made from the export contract by `make docs`; change the contract instead."


def sources_yaml(contract: ExportContract) -> str:
    """Return the dbt sources of one system: its raw tables, with what the macros need to know."""
    lines = [
        f"# {NOTE}",
        "version: 2",
        "",
        "sources:",
        "  - name: raw",
        "    schema: raw",
        f"    description: Exports of {contract.system} as text, one row per row of a file.",
        "    tables:",
    ]
    for exported in contract.objects:
        lines += [
            f"      - name: {contract.system}__{exported.name}",
            f"        description: {_quoted(exported.description)}",
            "        config:",
            "          meta:",
            f"            key: [{', '.join(exported.key)}]",
            f"            watermark: {exported.watermark or 'null'}",
            f"            deleted_flag: {exported.deleted_flag or 'null'}",
        ]
        # For staging that reads times out of columns the contract does not list.
        if exported.timezone != "UTC":
            lines.append(f"            timezone: {exported.timezone}")
        if exported.date_order is not None:
            lines.append(f"            date_order: {exported.date_order}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
