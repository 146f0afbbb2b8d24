"""The file of targets: what it must look like, and how mistakes in it are told."""

from datetime import date
from pathlib import Path

import pytest

from orchestration.lib.company import CompanyError, load_company
from orchestration.lib.kpi_targets import KPIS

HEADER = "kpi,phase,period_start,period_end,target,direction,owner\n"


def company_with(folder: Path, targets: str, encoding: str = "utf-8") -> Path:
    (folder / "targets.csv").write_text(targets, encoding=encoding)
    company = folder / "company.yml"
    company.write_text("kpi_targets_file: targets.csv\n")
    return company


def problems(folder: Path, targets: str) -> list[str]:
    with pytest.raises(CompanyError) as raised:
        load_company(company_with(folder, targets))
    return [line.removeprefix(f"{folder}/targets.csv: ") for line in str(raised.value).split("\n")]


def test_targets_are_part_of_the_settings(tmp_path: Path) -> None:
    """A run is skipped when nothing changed: a changed target is a change."""
    line = "nps,2026-Q4,2026-10-01,2026-12-31,30,at_least,客户经理\n\n"
    path = company_with(tmp_path, HEADER + line, encoding="utf-8-sig")
    before = load_company(path)
    (target,) = before.kpi_targets
    assert (target.kpi, target.period_end, target.target) == ("nps", date(2026, 12, 31), 30)
    assert target.owner == "客户经理"
    company_with(tmp_path, HEADER + line.replace("30", "31"))
    assert load_company(path).model_dump_json() != before.model_dump_json()


def test_without_a_file_there_are_no_targets(tmp_path: Path) -> None:
    (tmp_path / "company.yml").write_text("systems: [canonical]\n")
    assert load_company(tmp_path / "company.yml").kpi_targets == ()


def test_every_mistake_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        HEADER
        + "revenue,Q1,2026-01-01,2026-03-31,1,at_least,Ada\n"
        + "nps,Q1,2026-01-01,2026-03-31,many,at_least,Ada\n"
        + "nps,Q2,2026-06-30,2026-04-01,1,at_least,Ada\n"
        + "nps,Q3,2026-07-01,2026-09-31,1,above,\n"
        + "nps,Q4,2026-10-01,2026-12-31,nan,at_least,Ada,more\n",
    )
    assert len(found) == 8
    assert found[0].startswith("line 2: kpi: 'revenue' is no KPI; known: net_revenue, ")
    assert all(kpi in found[0] for kpi in KPIS)
    assert found[1].startswith("line 3: target: 'many': ")
    assert found[2] == "line 4: period_end: period_end lies before period_start"
    assert [line[:20] for line in found[3:5]] == ["line 5: period_end: ", "line 5: direction: '"]
    assert found[5] == "line 5: owner: the cell is empty"
    assert found[6].startswith("line 6: target: 'nan': ")
    assert found[7].startswith("line 6: beyond the last column: ['more']: ")


def test_a_kpi_has_one_target_per_phase(tmp_path: Path) -> None:
    line = "nps,Q1,2026-01-01,2026-03-31,1,at_least,Ada\n"
    assert problems(tmp_path, HEADER + line + line) == [
        "line 3: phase: nps has a target for Q1 in line 2"
    ]


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "kpi,goal\nnps,3\n")
    assert found.startswith("line 1: the columns must be kpi, phase, ")
    assert found.endswith("found kpi, goal")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "company.yml").write_text("kpi_targets_file: targets.csv\n")
    with pytest.raises(CompanyError, match="it does not exist; put it there"):
        load_company(tmp_path / "company.yml")


def test_targets_are_not_written_into_company_yml(tmp_path: Path) -> None:
    (tmp_path / "company.yml").write_text("kpi_targets: []\n")
    with pytest.raises(CompanyError, match="name their file in kpi_targets_file"):
        load_company(tmp_path / "company.yml")
