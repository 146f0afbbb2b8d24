"""`crm-warehouse inspect`: what it says of files, that it is what landing does, and the draft.

The files are those of `tests/data` and some that no contract knows.
"""

import gzip
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib import project
from orchestration.lib.contracts import load_contract
from orchestration.lib.reading.landing import land_system
from tests.integration.deliveries import fingerprint
from tests.running import TEST_DATA, crm_warehouse

UNKNOWN = """Report of 2026-11-01

Ticket No;Customer E-Mail;First Name;Amount;Changed At;Is Deleted;Zip
T-1;ana@example.org;Ana;1.234,50;31.10.2026 10:00;0;01067
T-2;ben@example.org;Ben;99,00;01.11.2026 11:30;1;80331
T-3;;Ana;5,00;30.10.2026 09:15;0;04109
"""


def inspect(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    run = crm_warehouse("inspect", *arguments, "--json")
    assert run.exit_code in (0, 2), run.stderr
    return run.exit_code, json.loads(run.stdout)


def only_file(*arguments: str | Path) -> dict[str, Any]:
    (file,) = inspect(*arguments)[1]["files"]
    return dict(file)


def test_a_file_alone_takes_the_order_of_days_and_months_from_those_beside_it(
    tmp_path: Path,
) -> None:
    """It was once read as months first, which is usual, although it lands as its neighbours."""
    folder = tmp_path / "landing" / "hubspot"
    folder.mkdir(parents=True)
    for day, written in (("01", "15/03/2026 14:30"), ("02", "04/03/2026 09:00")):
        text = f"Record ID,Email,Create Date\n1{day},a{day}@example.org,{written}\n"
        (folder / f"hubspot-crm-exports-contacts-2026-11-{day}.csv").write_text(text)
    file = only_file(folder / "hubspot-crm-exports-contacts-2026-11-02.csv")
    assert file["verdict"] == "lands"
    assert file["decisions"]["date_order"]["value"] == "dmy"
    assert "as in the other files of contacts" in file["message"]
    _, told = inspect(folder)
    assert [f["message"] for f in told["files"]] == [None, file["message"]]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (
            "Contact ID,Full Name,Email Address,Phone Number,Company",
            ["customer_id", "full_name", "email", "phone", "company_name"],
        ),
        (
            "unique_id,first_name,surname,dob,gender,postcode",
            ["customer_id", "first_name", "last_name", "birth_date", "gender", "postal_code"],
        ),
    ],
)
def test_a_list_of_people_as_it_comes_is_our_template(
    header: str, columns: list[str], tmp_path: Path
) -> None:
    """A newcomer's first file was refused: its key was called Contact ID."""
    path = tmp_path / "customers_2026-11-01.csv"
    path.write_text(f"{header}\n" + ",".join(["1977-02-01"] * len(columns)) + "\n")
    file = only_file(path, "--system", "canonical")
    assert file["verdict"] == "lands"
    assert file["columns"] == dict(zip(columns, header.split(","), strict=True))


@pytest.mark.parametrize("system", ["hubspot", "shopify", "zendesk", "qualtrics"])
def test_what_inspect_says_is_what_landing_does(system: str, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    shutil.copytree(TEST_DATA / system, landing / system)
    before = fingerprint(landing)

    _, told = inspect(landing / system)

    assert fingerprint(landing) == before
    records = land_system(
        project.contracts()[system], landing, tmp_path / "raw", frozenset(), lambda _: None
    )
    landed = {r.file_name: r for r in records}
    assert {file["record"]["file_name"] for file in told["files"]} == set(landed)
    for file in told["files"]:
        record = landed[file["record"]["file_name"]]
        assert (file["system"], file["object"]) == (system, record.object)
        for name in ("rows_in_file", "rows_loaded", "rows_quarantined", "encoding", "delimiter"):
            assert file["record"][name] == getattr(record, name), (record.file_name, name)
        assert sum(file["reasons"].values()) == record.rows_quarantined
        assert tuple(file["columns_missing"]) == record.columns_missing
        headers = json.loads(record.decisions).get("headers", {})
        assert file["columns"] == headers
        whole = record.status == "loaded" and not record.rows_quarantined
        assert (file["verdict"] == "lands") == whole


def test_outside_of_a_landing_folder_columns_tell_the_system(tmp_path: Path) -> None:
    """`orders` is a name of several systems, `customers_export.csv` of one."""
    source = TEST_DATA / "shopify/2026-10-01"
    shutil.copy(source / "customers_export.csv", tmp_path)
    shutil.copy(source / "orders_export_1.csv", tmp_path / "from_the_shop.csv")

    code, told = inspect(tmp_path)

    by_name, by_columns = told["files"]
    assert code == 2
    assert (by_name["system"], by_name["object"]) == ("shopify", "customers")
    assert by_name["verdict"] == "lands"
    assert (by_columns["system"], by_columns["object"]) == ("shopify", "orders")
    assert by_columns["verdict"] == "unrecognised"
    assert "rename the file, or add a pattern to orders" in by_columns["remedy"]


def test_packed_files_and_members_of_archives_are_looked_into(tmp_path: Path) -> None:
    content = (TEST_DATA / "shopify/2026-10-01/customers_export.csv").read_bytes()
    (tmp_path / "customers_export.csv.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "week.zip", "w") as archive:
        archive.writestr("customers_export.csv", content)

    code, told = inspect(tmp_path, "--system", "shopify")

    assert code == 0
    packed, member = told["files"]
    assert packed["record"]["rows_loaded"] == member["record"]["rows_loaded"] > 0
    assert member["record"]["file_name"] == "week.zip/customers_export.csv"
    assert "the same content as customers_export.csv.gz" in member["message"]


def test_bad_rows_are_counted_and_shown_with_line_and_column_and_masked(tmp_path: Path) -> None:
    path = tmp_path / "canonical" / "customers_2026-11-01.csv"
    path.parent.mkdir()
    lines = ["customer_id,email,birth_date,updated_at"]
    lines += [f"{n},p{n}@example.org,1980-01-02,2026-10-01 00:00:00" for n in range(20)]
    lines[3] = "2,x@example.org,not-a-day,2026-10-01 00:00:00"
    lines[5] = "4,x@example.org,1980-01-02,tomorrow"
    lines[6] = "5,x@example.org,1980-01-02"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    run = crm_warehouse("inspect", path)
    file = only_file(path)

    assert run.exit_code == 2
    assert file["verdict"] == "quarantine"
    assert file["reasons"] == {"bad_type": 2, "wrong_cell_count": 1}
    rows = [(r["line_number"], r["column_name"], r["value"]) for r in file["first_rows"]]
    assert rows == [(4, "birth_date", "n***"), (6, "updated_at", "tomorrow"), (7, None, None)]
    assert "17 rows of 20 land" in run.stdout
    assert "line 4  bad_type  birth_date is not a date" in run.stdout
    assert "x@example.org" not in run.stdout
    assert "not-a-day" not in run.stdout


@pytest.mark.parametrize(
    ("name", "content", "message", "remedy"),
    [
        ("orders_2026-11-01.csv", "", "the file is empty", "export it again"),
        (
            "orders_2026-11-01.csv",
            "order_number,customer_id,ordered_at,net_revenue\n1,1,2026-01-01,2\n",
            "required column order_id is missing",
            "",
        ),
        ("orders_2026-11-01.csv.gz", "no gzip", "cannot be unpacked", "copy it to landing again"),
    ],
)
def test_a_file_that_would_be_refused_says_why_and_what_to_do(
    name: str, content: str, message: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "canonical" / name
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")

    file = only_file(path)

    assert file["verdict"] == "refused"
    assert message in file["message"]
    assert remedy in file["remedy"]


def test_orders_of_a_connector_are_sent_to_the_file_that_has_their_lines(tmp_path: Path) -> None:
    """What to do was to export again with a column that such tables never have."""
    path = tmp_path / "orders.csv"
    path.write_text("id,name,email,total_price,created_at\n1,#1001,a@example.org,9,2026-01-01\n")
    file = only_file(path, "--system", "shopify")
    assert "required column lineitem_quantity is missing" in file["message"]
    assert "Orders > Export" in file["remedy"]


def test_users_of_zendesk_may_come_as_csv_with_the_names_of_the_api(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text(
        "id,url,name,email,created_at,updated_at,organization_id,role,active,tags\n"
        "9,https://x,Eve,e@example.org,2025-01-10T08:00:00Z,2026-10-21T08:00:00Z,,end-user,True,[]\n"
    )
    file = only_file(path, "--system", "zendesk")
    assert (file["verdict"], file["object"], file["columns_new"]) == ("lands", "users", ["url"])


def test_an_unknown_layout_gets_a_contract_that_lands_it(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    folder = landing / "desk"
    folder.mkdir(parents=True)
    (folder / "requests_2026-11-01.csv").write_bytes(UNKNOWN.encode("cp1252"))
    second = UNKNOWN.replace("T-", "U-").replace("1.234,50", "7,00")
    (folder / "requests_2026-11-02.csv").write_bytes(second.encode("cp1252"))

    path = tmp_path / "desk" / "defs.yaml"
    code, told = inspect(folder, "--system", "desk", "--draft", path)

    assert code == 0  # a script went no further, though the draft was there
    assert {file["verdict"] for file in told["files"]} == {"unrecognised"}
    assert path.read_text(encoding="utf-8") == told["draft"]
    assert "  objects:\n    - name: requests\n" in told["draft"]  # as yamllint wants it
    again = crm_warehouse("inspect", folder, "--draft", path)
    assert (again.exit_code, path.read_text(encoding="utf-8")) == (1, told["draft"])
    contract = load_contract(path)
    (drafted,) = contract.objects
    assert (drafted.name, drafted.files) == ("requests", ("requests*.csv",))
    assert drafted.key == ("ticket_no",)
    assert (drafted.watermark, drafted.deleted_flag) == ("changed_at", "is_deleted")
    assert {c.name: c.type for c in drafted.columns} == {
        "ticket_no": "identifier",
        "customer_e_mail": "text",
        "first_name": "text",
        "amount": "decimal",
        "changed_at": "timestamp",
        "is_deleted": "boolean",
        "zip": "identifier",
    }
    assert {c.name: c.pii for c in drafted.columns if c.pii} == {
        "customer_e_mail": "direct",
        "first_name": "direct",
        "zip": "quasi",
    }
    records = land_system(contract, landing, tmp_path / "raw", frozenset(), lambda _: None)
    assert [(r.status, r.rows_loaded, r.rows_quarantined) for r in records] == [
        ("loaded", 3, 0),
        ("loaded", 3, 0),
    ]


def test_a_key_of_two_columns_is_found_and_none_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "positions.csv").write_text(
        "Invoice Number,Line,Text\nA,1,x\nA,2,x\nB,1,x\n", encoding="utf-8"
    )
    (tmp_path / "remarks.csv").write_text("Author,Remark\nx,y\nx,z\nw,y\n", encoding="utf-8")

    _, told = inspect(tmp_path, "--system", "books")

    path = tmp_path / "books" / "defs.yaml"
    path.parent.mkdir()
    path.write_text(told["draft"], encoding="utf-8")
    contract = load_contract(path)
    assert {o.name: o.key for o in contract.objects} == {
        "positions": ("invoice_number", "line"),
        "remarks": (),
    }


@pytest.mark.parametrize(
    ("first", "second", "mode"),
    [
        ((0, 200), (1, 230), "full"),  # one was deleted
        ((0, 30), (1, 31), "delta"),  # a month, day by day
        ((0, 200), (200, 230), "delta"),
        ((0, 5), (0, 5), "delta"),  # may be chance
    ],
)
def test_files_that_repeat_all_keys_are_drafted_as_full_exports(
    tmp_path: Path, first: tuple[int, int], second: tuple[int, int], mode: str
) -> None:
    """Every draft said delta: in a register of members who leaves by absence stayed for ever."""
    for day, numbers in (("01", first), ("02", second)):
        rows = "".join(f"M{n},Ann {n}\n" for n in range(*numbers))
        (tmp_path / f"members_2026-11-{day}.csv").write_text(f"Member ID,Nickname\n{rows}")
    _, told = inspect(tmp_path, "--system", "club")
    path = tmp_path / "club" / "defs.yaml"
    path.parent.mkdir()
    path.write_text(told["draft"], encoding="utf-8")
    assert [o.mode for o in load_contract(path).objects] == [mode]
    asked = told["draft"].partition(f"      mode: {mode}")[0].splitlines()[-2:]
    assert "all records" in " ".join(asked)


def test_what_is_no_table_gets_no_contract(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear all\n\nthe exports are late.\n", encoding="utf-8")
    (tmp_path / "LICENSE").write_text("All rights reserved\n", encoding="utf-8")

    code, told = inspect(tmp_path)

    assert code == 2
    assert told["draft"] is None
    assert [f["verdict"] for f in told["files"]] == ["unrecognised", "unrecognised"]


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    run = crm_warehouse("inspect", tmp_path)

    assert run.exit_code == 1
    assert f"there is no export file in {tmp_path}" in run.stderr


def test_real_samples_of_salesforce_are_all_answered(shared_data: Path) -> None:
    """Accounts with other columns, byte order marks, empty templates, maps and licences."""
    folder = shared_data / "salesforce_samples/dataloader/samples"

    code, told = inspect(folder, "--system", "salesforce")

    files = {Path(f["path"]).name: f for f in told["files"]}
    assert code == 2
    assert set(files) == {p.name for p in folder.rglob("*") if p.is_file()}
    account = files["accountData.csv"]
    # revenues such as 8.48E10 are numbers
    assert (account["object"], account["verdict"]) == ("accounts", "lands")
    assert account["record"]["rows_in_file"] == 423
    assert "TICKERSYMBOL" in account["columns_new"]
    assert files["opportunityData.csv"]["verdict"] == "lands"
    assert files["process-conf.xml"]["verdict"] == "unrecognised"
