"""What the command line prints and how it ends."""

import json
import re
from pathlib import Path

import pytest

from orchestration.lib.publication import current_version
from tests.integration.deliveries import copy_of, fingerprint
from tests.running import crm_warehouse


def test_status_and_versions_speak_json(published_home: Path) -> None:
    status = crm_warehouse("status", "--home", published_home, "--json")
    versions = crm_warehouse("versions", "--home", published_home, "--json")

    told, (only,) = json.loads(status.stdout), json.loads(versions.stdout)
    assert (status.exit_code, versions.exit_code) == (0, 0)
    assert told["version"] == only["version"] == current_version(published_home / "published")
    assert only["is_current"] is True
    assert told["as_of"] == "2026-11-01"
    assert told["age_days"] >= 0
    assert {gate["failed"] for gate in told["gates"]} == {0}


def test_status_tells_version_day_gates_quarantine_and_reconciliation(published_home: Path) -> None:
    status = crm_warehouse("status", "--home", published_home)

    assert status.exit_code == 0
    version = str(current_version(published_home / "published"))
    for words in (
        rf"Version +{re.escape(version)}",
        r"As of +2026-11-01",
        r"Rows +[\d,]+ loaded, 0 in quarantine",
        r"Reconciliation +\d+ totals, 0 differences",
        r"raw canonical +passed",
        r"marts +passed",
    ):
        assert re.search(words, status.stdout), f"{words!r} is not in:\n{status.stdout}"


def test_nothing_published_is_no_error(tmp_path: Path) -> None:
    status = crm_warehouse("status", "--home", tmp_path)
    as_json = crm_warehouse("status", "--home", tmp_path, "--json")
    versions = crm_warehouse("versions", "--home", tmp_path)

    assert (status.exit_code, as_json.exit_code, versions.exit_code) == (0, 0, 0)
    assert "Start with: crm-warehouse run" in status.stdout
    assert json.loads(as_json.stdout) is None
    assert "Nothing is published" in versions.stdout


def test_a_rollback_to_a_version_that_is_not_there_changes_nothing(
    published_home: Path, tmp_path: Path
) -> None:
    home = copy_of(published_home, tmp_path / "home")
    before = fingerprint(home)

    run = crm_warehouse("rollback", "20200101T000000-none", "--home", home)

    assert run.exit_code == 1
    assert "Version 20200101T000000-none does not exist" in run.stderr
    assert str(current_version(home / "published")) in run.stderr
    assert fingerprint(home) == before


def test_an_unknown_system_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    run = crm_warehouse("run", "--home", tmp_path / "home", "--systems", "canonical,salesfarce")

    assert run.exit_code == 1
    assert "no export contract for salesfarce" in run.stderr
    assert "known systems: canonical, delighted, hubspot, loyalty, marketing, olist" in run.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("margin_rate: 3\n", "margin_rate: Input should be less than or equal to 1"),
        ("margn_rate: 0.3\n", "margn_rate: Extra inputs are not permitted"),
        ("identity:\n  email: {limit: 1}\n", "identity.email.limit: Input should be greater"),
        ("repeated_order_systems: [erp]\n", "repeated_order_systems: there is no system erp"),
        (
            "quarantine_ceilings: {hubspot.tickts: 0.1}\n",
            "quarantine_ceilings: there is no object hubspot.tickts; nearest is hubspot.tickets",
        ),
        ("- canonical\n", "expected `setting: value` lines"),
        ("systems: [canonical\n", "is not YAML"),
    ],
)
def test_a_bad_setting_is_named_with_its_file(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = tmp_path / "company.yml"
    company.write_text(text, encoding="utf-8")
    monkeypatch.setenv("CRM_WAREHOUSE_COMPANY", str(company))

    run = crm_warehouse("run", "--home", tmp_path / "home")

    assert run.exit_code == 1
    assert f"{company}: {says}" in run.stderr


def test_samples_of_two_companies_do_not_mix(tmp_path: Path) -> None:
    first = crm_warehouse("sample", "--out", tmp_path, "--customers", "5")
    before = fingerprint(tmp_path)
    second = crm_warehouse("sample", "--out", tmp_path, "--customers", "6")

    assert first.exit_code == 0, first.stderr
    assert second.exit_code == 1
    assert f"{tmp_path / 'canonical'} is there already; remove it or choose another" in (
        second.stderr
    )
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--as-of", "1st of May"), "Invalid value for '--as-of'"),
        (("run", "--hom", "x"), "No such option: --hom"),
        (("publish",), "No such command 'publish'"),
        (("sample",), "Missing option '--out'"),
        (("sample", "--out", "x", "--seed", "-1"), "seed is -1; choose 0 or more"),
    ],
)
def test_a_wrong_argument_is_an_error_and_not_a_gate(arguments: tuple[str, ...], says: str) -> None:
    """Typer's own exit code for these is 2, which means that a gate stopped the run."""
    run = crm_warehouse(*arguments)

    assert run.exit_code == 1
    assert says in run.stderr


def test_exports_of_systems_that_are_not_read_are_told(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    for name in ("hubspot/contacts.csv", "hubspot/deals.csv", "abacus/x.csv", "loose.csv", ".ok/y"):
        (landing / name).parent.mkdir(parents=True, exist_ok=True)
        (landing / name).write_text("a\n1\n")

    run = crm_warehouse("run", "--home", tmp_path / "home", "--landing", landing)

    assert run.exit_code == 1
    assert "not read: hubspot (2 files): add it to `systems` in company.yml" in run.stderr
    assert "not read: abacus (1 file): no system of this name is described" in run.stderr
    assert "not read: loose.csv (1 file)" in run.stderr
    assert ".ok" not in run.stderr
    message = run.stderr.splitlines()[-1]
    assert message.startswith("crm-warehouse: there is no export file of canonical in ")
    assert message.endswith("To read what is there: --systems hubspot")


def test_beside_the_folder_of_the_only_system_nothing_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "hubspot").mkdir()
    (tmp_path / "letters.csv").write_text("a\n1\n")

    run = crm_warehouse(
        "run",
        "--home",
        tmp_path / "home",
        "--landing",
        tmp_path / "hubspot",
        "--systems",
        "hubspot",
    )

    assert run.exit_code == 1
    assert "letters" not in run.stderr
