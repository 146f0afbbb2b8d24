"""Who is one customer: labelled sets, keys that stay, answers of people, the gate on all of it.

Most tests run the identity steps alone (`tests.identity_steps`) on the customers of the published
sample; one publishes with answers and sees that everything above follows.
"""

import csv
import importlib.util
import itertools
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from expectations.suites import load_suite
from expectations.validate import validate
from orchestration.lib.company import Company, load_company
from tests.identity_steps import (
    build_rules,
    keys,
    replace_records,
    resolve,
    write_answers,
    write_records,
)
from tests.running import PROJECT_ROOT, crm_warehouse, published
from tests.vendor_records import vendor_records

EXAMPLE = PROJECT_ROOT / "docs/examples/identity_truth"
COMPANY = Company(systems=("canonical",))


def pairs_within(groups: "pd.Series[str]") -> int:
    return sum(size * (size - 1) // 2 for size in Counter(groups).values())


def f1(found: "pd.Series[str]", true: "pd.Series[str]") -> float:
    """Return the pairwise F1 of two groupings of the same records."""
    both = found + " " + true.reindex(found.index)
    return 2 * pairs_within(both) / (pairs_within(found) + pairs_within(true))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "least"), [("febrl1", 0.99), ("febrl2", 0.98), ("fake_1000", 0.9)]
)
def test_labelled_sets_are_resolved_by_one_plain_configuration(
    name: str, least: float, shared_data: Path, tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("example", EXAMPLE / "map_to_canonical.py")
    assert spec and spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    source = shared_data / "identity_truth" / f"{name}.csv"
    example.write_canonical(source, tmp_path)
    (mapped,) = (tmp_path / "canonical").glob("customers_*.csv")
    customers = pd.read_csv(mapped, dtype=str).assign(
        source_system="canonical", first_exported_at="2024-01-01"
    )
    company = load_company(EXAMPLE / "company.yml")
    database = tmp_path / "warehouse.duckdb"
    write_records(database, customers, company)
    build_rules(database)
    resolve(database, company)

    with source.open(newline="") as file:
        labels = list(csv.DictReader(file, skipinitialspace=True))
    true = pd.Series(
        {
            "canonical:" + (row.get("rec_id") or row["unique_id"]).strip(): (
                row["cluster"] if "cluster" in row else row["rec_id"].split("-")[1]
            )
            for row in labels
        }
    )
    found = keys(database)
    assert set(found.index) == set(true.index)
    assert f1(found, true) >= least


FIRMS = [
    {"customer_id": "firm-a", "company_name": "Zest Dental Care, Inc.", "website": "zest.example"},
    {"customer_id": "firm-b", "company_name": "ZEST DENTAL CARE", "website": "www.zest.example/en"},
    {
        "customer_id": "firm-child",
        "company_name": "Zest Dental Care LLC",
        "website": "zest.example",
        "parent_organisation_id": "firm-a",
    },
    # One of the two is nothing but a name, misprinted.
    {"customer_id": "firm-name", "company_name": "Kernwood Lodging", "phone": "212 555 0187"},
    {"customer_id": "firm-misread", "company_name": "KERNWOOD LODGIGN LTD."},
]


@pytest.fixture(scope="module")
def customers(published_home: Path) -> pd.DataFrame:
    """The sample's customer records, three firms of one name and website, two of one name.

    Every seventh is exported a year after the others.
    """
    with duckdb.connect(str(published_home / "warehouse.duckdb"), read_only=True) as con:
        rows = con.execute(
            "select * from intermediate.int_customers__customers_unioned order by customer_id"
        ).df()
    firms = pd.DataFrame(FIRMS).assign(source_system="canonical", customer_type="organisation")
    rows = pd.concat([rows, firms], ignore_index=True)
    rows["first_exported_at"] = np.where(np.arange(len(rows)) % 7 == 3, "2026-01-01", "2025-01-01")
    rows.loc[rows["customer_id"].str.startswith("firm-"), "first_exported_at"] = "2025-01-01"
    return rows


@pytest.fixture(scope="module")
def resolved(customers: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All customers resolved, without answers; copy the database to change it."""
    database = tmp_path_factory.mktemp("identity") / "warehouse.duckdb"
    write_records(database, customers, COMPANY)
    build_rules(database)
    assert resolve(database, COMPANY)["model_person"] == "trained"
    return database


def state(database: Path) -> list[pd.DataFrame]:
    with duckdb.connect(str(database), read_only=True) as con:
        return [
            con.execute(f"select * from intermediate.{table} order by all").df()
            for table in ("int_identity__customer_records", "int_identity__links")
        ]


def test_new_records_leave_old_keys_alone_and_order_says_nothing(
    customers: pd.DataFrame, resolved: Path, tmp_path: Path
) -> None:
    old = customers[customers["first_exported_at"] < "2026"]
    grown = 1 - len(old) / len(customers)
    assert grown > 0.13
    database = tmp_path / "warehouse.duckdb"
    write_records(database, old.sample(frac=1, random_state=3), COMPANY)
    build_rules(database)
    resolve(database, COMPANY)
    before, after = keys(database), keys(resolved)
    assert (after.reindex(before.index) == before).mean() >= 0.99

    database.unlink()
    write_records(database, customers.sample(frac=1, random_state=4), COMPANY)
    build_rules(database)
    resolve(database, COMPANY)
    for again, once in zip(state(database), state(resolved), strict=True):
        pd.testing.assert_frame_equal(again, once, check_exact=True)


def record_pairs(database: Path, outcome: str, condition: str = "true") -> list[tuple[str, str]]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(
            "select one.source_record_id, other.source_record_id "
            "from intermediate.int_identity__links as links "
            "inner join intermediate.int_identity__records as one "
            "on links.record_number_a = one.record_number "
            "inner join intermediate.int_identity__records as other "
            f"on links.record_number_b = other.record_number where outcome = ? and {condition} "
            "order by all",
            [outcome],
        ).fetchall()


def answer(pair: tuple[str, str], said: str) -> dict[str, str]:
    return {
        "source_system_a": "canonical",
        "record_id_a": pair[1],  # either way round
        "source_system_b": "canonical",
        "record_id_b": pair[0],
        "answer": said,
    }


def test_people_have_the_last_word_and_may_take_it_back(resolved: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(resolved, database)
    joined = record_pairs(database, "joined", "link_rule = 'email'")[0]
    apart = record_pairs(
        database, "refused", "link_rule = 'phone_and_name' and guard = 'names_differ'"
    )[0]
    firm = ("firm-a", "firm-b")
    (by_name,) = record_pairs(
        database, "joined", "link_rule = 'only_of_name' and one.is_organisation"
    )
    assert set(by_name) == {"firm-name", "firm-misread"}
    before = keys(database)
    for one, other in (joined, firm, by_name):
        assert before[f"canonical:{one}"] == before[f"canonical:{other}"]
    assert before["canonical:firm-child"] != before["canonical:firm-a"], "parent and child are two"

    answers = [(joined, "different"), (apart, "same"), (firm, "different")]
    answers.append((by_name, "different"))
    write_answers(database, [answer(pair, said) for pair, said in answers])
    build_rules(database)
    resolve(database, COMPANY)
    answered = keys(database)
    for one, other in (joined, firm, by_name):
        assert answered[f"canonical:{one}"] != answered[f"canonical:{other}"]
    assert answered[f"canonical:{apart[0]}"] == answered[f"canonical:{apart[1]}"]

    write_answers(database, [answer(joined, "withdrawn")])
    build_rules(database)
    resolve(database, COMPANY)
    for again, once in zip(state(database), state(resolved), strict=True):
        pd.testing.assert_frame_equal(again, once, check_exact=True)


def test_answers_on_kept_tables_say_what_they_say_in_a_new_start(
    customers: pd.DataFrame, tmp_path: Path
) -> None:
    """A day brings records and answers, the next one more records, and takes the answers back."""
    kept, new = tmp_path / "kept/warehouse.duckdb", tmp_path / "new/warehouse.duckdb"
    for database in (kept, new):
        database.parent.mkdir()
    days = [customers.iloc[:-8], customers.iloc[:-4], customers]
    write_records(kept, days[0], COMPANY)
    build_rules(kept)
    resolve(kept, COMPANY)
    joined = record_pairs(kept, "joined", "link_rule = 'email'")[0]
    apart = record_pairs(
        kept, "refused", "link_rule = 'phone_and_name' and guard = 'names_differ'"
    )[0]
    for day, said in ((days[1], ("different", "same")), (days[2], ("withdrawn", "withdrawn"))):
        replace_records(kept, day)
        new.unlink(missing_ok=True)
        write_records(new, day, COMPANY)
        for database in (kept, new):
            pairs = zip((joined, apart), said, strict=True)
            write_answers(database, [answer(pair, word) for pair, word in pairs])
            build_rules(database)
            resolve(database, COMPANY)
        for again, once in zip(state(kept), state(new), strict=True):
            pd.testing.assert_frame_equal(again, once, check_exact=True)
    write_answers(new, [])
    build_rules(new)
    resolve(new, COMPANY)
    for again, once in zip(state(kept), state(new), strict=True):
        pd.testing.assert_frame_equal(again, once, check_exact=True)


def test_a_home_of_an_older_version_compares_anew(resolved: Path, tmp_path: Path) -> None:
    """It kept pairs in `matching`, and not where pairs are kept now."""
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(resolved, database)
    with duckdb.connect(str(database)) as con:
        con.execute("drop schema kept_person cascade")
        con.execute(
            "create table matching.contents as "
            "select 1 as record_number, 1 as cluster, 1::ubigint as content"
        )
        con.execute(
            "create table matching.patterns as "
            "select 1 as record_number_a, 2 as record_number_b, 0 as pattern, true as is_candidate"
        )
        con.execute(
            "create table matching.too_large (grain varchar, reason varchar, value ubigint)"
        )
    resolve(database, COMPANY)
    for again, once in zip(state(database), state(resolved), strict=True):
        pd.testing.assert_frame_equal(again, once, check_exact=True)
    with duckdb.connect(str(database)) as con:
        names = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'matching'"
        ).fetchall()
        count = con.execute("select count(*) from kept_person.candidates").fetchone()
    assert ("patterns",) not in names, "nobody reads the former tables"
    assert count and count[0] > 1000


# What fingers type where a form insists, under which nobody may meet.
MADE_UP = [
    {"email": email, "phone": phone, "first_name": name, "last_name": name}
    for email in ("test@test.com", "n/a", "x@x.com", "noemail@shop.example", None)
    for phone in ("0000000000", "(000) 000-0000", "123-456-7890", None)
    for name in ("Test", None, "")
    # One of them says more than the others: nobody who bears the same no-name is he for that.
] + [{"phone": "212 555 0161", "email": None, "first_name": "Test", "last_name": "Test"}]


def test_records_of_the_vendors_are_told_apart(tmp_path: Path) -> None:
    """The bars of identity on what the vendors know, placeholders and families included."""
    real = vendor_records(customers=600, seed=4, as_of=date(2026, 11, 1))
    made_up = pd.DataFrame(MADE_UP * 2).assign(
        source_system="form",
        customer_id=[f"form-{number}" for number in range(2 * len(MADE_UP))],
        customer_type="person",
        owner=[f"F{number}" for number in range(2 * len(MADE_UP))],
        first_exported_at=pd.Timestamp("2024-01-01"),
    )
    records = pd.concat([real, made_up], ignore_index=True)
    database = tmp_path / "warehouse.duckdb"
    write_records(database, records, COMPANY)
    build_rules(database)
    resolve(database, COMPANY)
    found = keys(database)
    owner = records.set_index(records["source_system"] + ":" + records["customer_id"])["owner"]
    owner = owner.reindex(found.index)

    of_form = found[found.index.str.startswith("form:")]
    assert found.isin(of_form).sum() == of_form.nunique() == len(of_form), "nobody meets by these"
    for kind, precision, recall in (("P", 0.98, 0.96), ("O", 0.98, 0.95)):
        mine = owner.str.startswith(kind)
        both = pairs_within(found[mine] + " " + owner[mine])
        assert both / pairs_within(found[mine]) >= precision
        assert both / pairs_within(owner[mine]) >= recall
    assert found.value_counts().max() <= 25
    with duckdb.connect(str(database), read_only=True) as con:
        ids = con.execute(
            "select count(distinct identifier_value) from intermediate.int_identity__identifiers "
            "inner join intermediate.int_identity__customer_records using (record_number) "
            "where identifier_kind in ('national_id', 'loyalty_number') "
            "and distrust_reason is null "
            "group by customer_key, identifier_kind having count(distinct identifier_value) > 1"
        ).fetchall()
    assert ids == []


SPOIL = {
    "no_crowd_is_one_customer": (
        "int_identity__customer_records",
        "update intermediate.int_identity__customer_records set customer_key = "
        "(select min(customer_key) from intermediate.int_identity__customer_records) "
        "where record_number <= 40",
    ),
    "customers_of_many_records_are_rare": (
        "int_identity__customer_records",
        "update intermediate.int_identity__customer_records "
        "set customer_key = md5(cast(record_number // 12 as varchar))",
    ),
    "every_system_is_linked_to_the_others": (
        "int_identity__customer_records",
        "update intermediate.int_identity__customer_records "
        "set source_system = 'other', link_rule = 'single_record' where record_number % 4 = 0",
    ),
    "few_records_change_their_customer": (
        "int_identity__key_changes",
        "insert into intermediate.int_identity__key_changes "
        "select 'a', 'b', 'split', count(*) // 4 from matching.previous",
    ),
    "hardly_a_record_changes_its_customer": (
        "int_identity__key_changes",
        "insert into intermediate.int_identity__key_changes "
        "select 'a', 'b', 'split', count(*) // 50 from matching.previous",
    ),
    "people_confirm_what_was_joined": (
        "int_identity__links",
        "update intermediate.int_identity__links set answer = 'different' where outcome = 'joined'",
    ),
}


def test_each_check_of_the_gate_can_fail(resolved: Path, tmp_path: Path) -> None:
    """Sizes of customers, links per system, keys that change, precision on the answers."""

    def failed(database: Path, table: str) -> set[str]:
        suite = load_suite(PROJECT_ROOT / f"expectations/identity/{table}.yml")
        (result,) = validate(database, [suite])
        return {check.name for check in result.checks if not check.passed}

    sound = tmp_path / "sound.duckdb"
    shutil.copy(resolved, sound)
    with duckdb.connect(str(sound)) as con:
        con.execute(
            "insert into matching.previous select source_system, source_object, source_record_id, "
            "customer_key from intermediate.int_identity__customer_records"
        )
        con.execute(
            "create table intermediate.int_identity__key_changes "
            "(former_key varchar, customer_key varchar, change_kind varchar, count_records bigint)"
        )
    for table in {table for table, _ in SPOIL.values()}:
        assert not failed(sound, table) & set(SPOIL)
    for number, (name, (table, spoil)) in enumerate(SPOIL.items()):
        database = tmp_path / f"spoilt_{number}.duckdb"
        shutil.copy(sound, database)
        with duckdb.connect(str(database)) as con:
            con.execute(spoil)
        assert name in failed(database, table)


def test_a_crowd_is_told_by_its_first_record_and_what_joins_it(
    resolved: Path, tmp_path: Path
) -> None:
    table, spoil = SPOIL["no_crowd_is_one_customer"]
    database = tmp_path / "crowd.duckdb"
    shutil.copy(resolved, database)
    with duckdb.connect(str(database)) as con:
        con.execute(spoil)
    suite = load_suite(PROJECT_ROOT / f"expectations/identity/{table}.yml")
    personal = {f"intermediate.{table}": {"customer_name"}}
    (result,) = validate(database, [suite], masked_columns=personal)
    (crowd,) = (c for c in result.checks if c.name == "no_crowd_is_one_customer")
    (sample,) = crowd.samples
    with duckdb.connect(str(database), read_only=True) as con:
        first = con.execute(
            "select source_system, source_record_id, link_rule "
            f"from intermediate.{table} where record_number <= 40 order by record_number"
        ).fetchall()
    assert (sample["source_system"], sample["source_record_id"]) == first[0][:2]
    assert sample["link_rule"] in {rule for *_, rule in first}


def test_an_answer_changes_everything_that_is_published(
    published_home: Path, sample_exports: Path, tmp_path: Path
) -> None:
    """A wrong merge is undone by one line; a line without an answer says nothing."""
    with published(published_home) as con:
        pair, customer = con.execute(
            "select [source_record_id_a, source_record_id_b], customer_key_a "
            "from marts.identity_links "
            "inner join marts.fct_orders on customer_key = customer_key_a "
            "where outcome = 'joined' and link_rule = 'email' order by all limit 1"
        ).fetchone() or ((), "")
        orders = {
            key: set(ids)
            for key, ids in con.execute(
                "select customer_key, list(order_id) from marts.fct_orders group by customer_key"
            ).fetchall()
        }
        count = con.execute("select count(*) from marts.dim_customers").fetchone()
    listed = crm_warehouse("review", "--home", published_home, "--csv", tmp_path / "review.csv")
    assert listed.exit_code == 0, listed.stderr
    header = (tmp_path / "review.csv").read_text("utf-8-sig").splitlines()[0]

    home, landing = tmp_path / "home", tmp_path / "landing"
    shutil.copytree(published_home, home, symlinks=True)
    shutil.copytree(sample_exports, landing)
    rows = [answer((pair[0], pair[1]), said) for said in ("different",)]
    rows.append(answer(("C0000001", "C0000002"), ""))
    rows.append(answer(("C0000001", "nobody"), "same"))
    columns = header.split(",")
    assert set(rows[0]) <= set(columns)
    with (landing / "canonical/identity_answers_2026-11-01.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    run = crm_warehouse("run", "--home", home, "--landing", landing)
    assert run.exit_code == 0, run.stderr
    for text in (run.stdout, crm_warehouse("status", "--home", home).stdout):
        told = [line.strip() for line in text.splitlines() if "identity_answers" in line]
        assert told[-1:] == [
            "identity_answers_2026-11-01.csv, line 4: source_system_a 'canonical', "
            "record_id_a 'nobody'"
        ]

    with published(home) as con:
        assert con.execute("select count(*) from marts.dim_customers").fetchone() == (
            count[0] + 1 if count else 0,
        )
        now = dict(
            con.execute(
                "select source_record_id, customer_key from marts.customer_identities "
                "where source_record_id in (?, ?)",
                list(pair),
            ).fetchall()
        )
        assert len(set(now.values())) == 2
        assert customer in now.values()
        divided = {
            order
            for key in now.values()
            for (order,) in con.execute(
                "select order_id from marts.fct_orders where customer_key = ?", [key]
            ).fetchall()
        }
        assert divided == orders[customer]
        told = crm_warehouse("explain", "customer", f"canonical:{pair[0]}", "--home", home)
    assert "answered_different" in told.stdout
    assert all(key in told.stdout for key in itertools.chain(now.values()))

    with (landing / "canonical/identity_answers_2026-11-02.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        withdrawn = answer((pair[0], pair[1]), "withdrawn")
        writer.writerow(withdrawn | {"answered_at": "2026-11-02"})
    run = crm_warehouse("run", "--home", home, "--landing", landing)
    assert run.exit_code == 0, run.stderr
    for table in ("customer_identities", "identity_links", "identity_guards"):
        query = f"select * from marts.{table} order by all"
        with published(home) as con, published(published_home) as never_answered:
            assert con.execute(query).fetchall() == never_answered.execute(query).fetchall(), table
