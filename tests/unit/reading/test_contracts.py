from pathlib import Path

import pytest
import yaml

from orchestration.lib.contracts import ContractError, load_contract, load_contracts

RAW_DEFS = Path(__file__).parents[3] / "orchestration" / "defs" / "raw"

GOOD = {
    "type": "x.Y",
    "attributes": {
        "system": "shop",
        "objects": [
            {
                "name": "orders",
                "files": ["orders*"],
                "mode": "full",
                "key": ["order_id"],
                "columns": [{"name": "order_id"}, {"name": "paid_at", "type": "timestamp"}],
            }
        ],
    },
}


def load(tmp_path: Path, edit: str = "", **changes: object) -> None:
    content = yaml.safe_load(yaml.safe_dump(GOOD))
    content["attributes"]["objects"][0].update(changes)
    path = tmp_path / "shop" / "defs.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(edit or yaml.safe_dump(content, sort_keys=False))
    load_contract(path)


def test_the_contracts_of_the_project_load() -> None:
    contracts = load_contracts(RAW_DEFS)
    assert {"canonical", "olist"} <= set(contracts)
    assert len(contracts["olist"].objects) == 11
    assert (
        contracts["canonical"]
        .object("orders")
        .must_be_filled(contracts["canonical"].object("orders").column("order_id"))
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "sometimes"}, r"defs.yaml:\d+: attributes.objects.orders.mode: .*'full'"),
        ({"vendor": 1}, r"orders.vendor: an object has no such key: leave it out"),
        ({"time_zone": "UTC"}, r"orders.time_zone: an object has no such key: is it timezone\?"),
        (
            {"columns": [{"name": "paid_at", "type": "timestamp", "date_order": "dmy"}], "key": []},
            r"paid_at.date_order: a column has no such key: it is declared for the object",
        ),
        ({"key": ["id"]}, "key names id, which is not among the columns"),
        ({"watermark": "order_id"}, "watermark order_id must be a date or a timestamp"),
        ({"encoding": "klingon"}, "orders.encoding: unknown encoding 'klingon'"),
        ({"columns": [{"name": "A b"}]}, r"orders.columns.A b.name: "),
        ({"columns": [{"name": "source_metadata"}]}, "choose another name"),
        (
            {"columns": [{"name": "order_id", "aliases": ["Id"]}, {"name": "id"}]},
            "used twice: 'Id' of column order_id and 'id' of column id are the same.*: leave out",
        ),
        (
            {"columns": [{"name": "order_id", "format": "%d.%m.%Y"}]},
            "format is for date and timestamp",
        ),
    ],
)
def test_a_faulty_contract_is_refused_with_file_line_and_key(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        load(tmp_path, **changes)


def test_one_mistake_is_one_line(tmp_path: Path) -> None:
    """Pydantic leaves out an object with a mistake, and said that there was none."""
    with pytest.raises(ContractError) as caught:
        load(tmp_path, colour=1)
    assert len(str(caught.value).splitlines()) == 1


def test_the_line_is_that_of_the_faulty_key(tmp_path: Path) -> None:
    text = yaml.safe_dump(GOOD, sort_keys=False).replace("mode: full", "mode: weekly")
    line = text.splitlines().index("    mode: weekly") + 1
    with pytest.raises(ContractError, match=rf"defs\.yaml:{line}: "):
        load(tmp_path, edit=text)


def test_broken_yaml_and_a_foreign_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        load(tmp_path, edit="a: [")
    with pytest.raises(ContractError, match="expected `type:` and `attributes:`"):
        load(tmp_path, edit="a: 1")
    with pytest.raises(ContractError, match="give both the same name"):
        load(tmp_path, edit=yaml.safe_dump(GOOD).replace("system: shop", "system: other"))


def test_the_hash_ignores_wording_and_sees_what_decides() -> None:
    orders = load_contracts(RAW_DEFS)["canonical"].object("orders")
    assert orders.contract_hash() == orders.model_copy(update={"description": "x"}).contract_hash()
    assert orders.contract_hash() != orders.model_copy(update={"key": ()}).contract_hash()
