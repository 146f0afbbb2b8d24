"""What a person reads at the end of a run.

Belongs here: turning manifests and outcomes into text. Does not: computing any number.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestration.lib.home import Home
from orchestration.lib.pipeline import Outcome

_FILES_SHOWN = 20  # of those that did not land whole
_WARNINGS_SHOWN = 5  # of one gate
_LATER_SHOWN = 3  # files of one system


def published_summary(release: Mapping[str, Any], home: Home) -> str:
    """Return tables, headline numbers, gates and where the files are."""
    current = home.published / "current"
    tables = release["tables"]
    width = max(len(table["name"]) for table in tables)
    lines = [
        f"Published version {release['version']}, as of {release['as_of']}",
        "",
        "Tables (schema marts)",
        *(f"  {table['name']:<{width}}  {table['row_count']:>12,} rows" for table in tables),
        "",
        "Headline numbers",
        *(f"  {name:<26}{text}" for name, text in _headline(release["headline"])),
        "",
        "Files",
        *(f"  {text}" for text in _files(release["input_files"])),
        "",
        "Gates",
        *(f"  {text}" for text in _gates(release["gates"])),
        "",
        "Where to look next",
        f"  BI tools      {current / 'customer_marts.duckdb'} (open read-only)",
        f"  Parquet       {current}/*.parquet",
        f"  Manifest      {current / 'manifest.json'}",
        "  Lineage       crm-warehouse ui",
    ]
    return "\n".join(lines)


def _headline(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    currency = numbers["currency_code"] or ""
    lines = [
        ("Customers", _customers(numbers)),
        ("Sales", f"{numbers['sales']:,}"),
        ("Net revenue", f"{Decimal(numbers['net_revenue']):,.2f} {currency}"),
    ]
    if numbers["top_20_share_of_margin"] is not None:
        share = 100 * float(numbers["top_20_share_of_margin"])
        lines.append(("Best 20 % of buyers bring", f"{share:.1f} % of the margin"))
    if numbers["nps"]:
        nps = numbers["nps"]
        lines.append(
            (
                "NPS",
                f"{nps['value']:+.1f} ({nps['low']:+.1f} to {nps['high']:+.1f}), "
                f"{nps['responses']:,} customers answered",
            )
        )
    if numbers["csat"]:
        csat = numbers["csat"]
        lines.append(
            (
                "CSAT",
                f"{100 * csat['value']:.1f} % ({100 * csat['low']:.1f} to "
                f"{100 * csat['high']:.1f}), {csat['responses']:,} customers answered",
            )
        )
    if numbers["predicted_value_365d"] is not None:
        lines.append(
            (
                "Predicted value, 365 days",
                f"{Decimal(numbers['predicted_value_365d']):,.2f} {currency} margin "
                f"({numbers['value_model']})",
            )
        )
    return lines


def _customers(numbers: Mapping[str, Any]) -> str:
    """Say how many customers there are, and of what kind where they are not all people."""
    # versions that an earlier release of this project published do not tell
    organisations = numbers.get("organisations", 0)
    people = numbers["customers"] - organisations
    kinds = f" ({people:,} people, {organisations:,} organisations)" if organisations else ""
    return f"{numbers['customers']:,}{kinds}, {numbers['buyers']:,} of them bought"


def _files(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """List what became of the files of each system, and every file that did not land whole."""
    lines = []
    for system in sorted({file["system"] for file in files}):
        mine = [file for file in files if file["system"] == system]
        loaded = [file for file in mine if file["status"] == "loaded"]
        text = f"{len(loaded)} of {len(mine)} files loaded, "
        text += f"{sum(file['rows_loaded'] for file in loaded):,} rows"
        lines.append(f"{system:<14}{text}{_aside(loaded)}")
        # versions that an earlier release of this project published do not tell
        later = [file["file_name"] for file in loaded if file.get("is_later")]
        if later:
            names = ", ".join(later[:_LATER_SHOWN]) + (", …" if len(later) > _LATER_SHOWN else "")
            lines.append(f"  without effect, exported after the as-of day ({len(later)}): {names}")
    partly = [file for file in files if file["status"] != "loaded" or file["rows_quarantined"]]
    for file in partly[:_FILES_SHOWN]:
        is_loaded = file["status"] == "loaded"
        outcome = f"{file['rows_loaded']:,} rows{_aside([file])}" if is_loaded else file["status"]
        lines.append(f"  {file['system']}/{file['file_name']}: {outcome}")
    if len(partly) > _FILES_SHOWN:
        lines.append(f"  … and {len(partly) - _FILES_SHOWN} more")
    if partly:
        lines.append("  rows and reasons: crm-warehouse quarantine")
    return lines


def _aside(files: Sequence[Mapping[str, Any]]) -> str:
    """Say how many rows are in quarantine, and how many of them a later file has brought."""
    quarantined = sum(file["rows_quarantined"] for file in files)
    # versions that an earlier release of this project published do not count them
    released = sum(file.get("rows_released", 0) for file in files)
    if not quarantined:
        return ""
    return f", {quarantined:,} in quarantine" + (f", {released:,} released" if released else "")


def _gates(gates: list[Mapping[str, Any]]) -> list[str]:
    order = ("raw", "staging", "identity", "models", "marts")
    lines = []
    for gate in sorted(gates, key=lambda gate: (order.index(gate["layer"]), gate["scope"])):
        name = gate["layer"] + ("" if gate["scope"] == "all" else f" {gate['scope']}")
        warned = f", {gate['warnings']} warnings" if gate["warnings"] else ""
        lines.append(f"{name:<20}passed, {gate['checks']} checks{warned}")
        # versions that an earlier release of this project published do not say of what
        told = gate.get("warned", [])
        lines += ["  " + message.replace("\n", "\n  ") for message in told[:_WARNINGS_SHOWN]]
        if len(told) > _WARNINGS_SHOWN:
            lines.append(f"  … and {len(told) - _WARNINGS_SHOWN} more: audit.validation_results")
    return lines


def stopped_summary(outcome: Outcome, home: Home, current: str | None) -> str:
    """Return which gate stopped the run, why, and what to do."""
    lines = []
    for gate in outcome.gates:
        where = gate.layer + ("" if gate.scope == "all" else f" of {gate.scope}")
        lines.append(f"Stopped by the gate behind {where}. Nothing was published.")
        for failure in gate.failures:
            lines += ["", *(f"  {line}" for line in failure.splitlines())]
        lines.append("")
    lines += [
        f"Readers keep version {current}." if current else "There is no published version yet.",
        f"Look closer: crm-warehouse ui, run {outcome.run_id[:8]}; receipts in "
        f"{home.builds / outcome.run_id}",
    ]
    return "\n".join(lines)


def error_summary(outcome: Outcome, current: str | None) -> str:
    """Return what broke."""
    return "\n".join(
        [
            "The run failed. Nothing was published.",
            *(f"  {line}" for error in outcome.errors for line in error.splitlines()),
            f"Readers keep version {current}." if current else "There is no published version yet.",
        ]
    )


def status_text(release: Mapping[str, Any] | None, published: Path, age_days: float | None) -> str:
    """Return version, as-of day, age, gates, quarantine and reconciliation of what readers see."""
    if release is None:
        return f"Nothing is published in {published}. Start with: crm-warehouse run"
    files = [file for file in release["input_files"] if file["status"] == "loaded"]
    other = [file for file in release["input_files"] if file["status"] != "loaded"]
    reconciliation = release["reconciliation"]
    lines = [
        f"Version          {release['version']}",
        f"As of            {release['as_of']}",
        f"Built            {release['built_at']} ({age_days:.1f} days ago)",
        f"Systems          {', '.join(release['systems'])}",
        f"Files            {len(files)} loaded, {len(other)} not",
        f"Rows             {sum(file['rows_loaded'] for file in files):,} loaded"
        f"{_aside(files) or ', 0 in quarantine'}",
        f"Reconciliation   {reconciliation['steps']} totals, "
        f"{reconciliation['differences']} differences",
        "Gates",
        *(f"  {line}" for line in _gates(release["gates"])),
    ]
    return "\n".join(lines)
