"""Organisations, their hierarchy, and households, from what customer records state.

Belongs here: walking the tree of parents, finding households, and saying who belongs to which. Does
not: reading what records state (dbt), which records are one organisation (`models/identity`).
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.identity.clusters import Links, cluster_records

if TYPE_CHECKING:
    import pandas as pd

COMPANY = "company"
HOUSEHOLD = "household"

# What ties a person to an organisation, the surest first.
_TIES = ("stated", "mail_domain", "company_name")
# What two members of a household share beside the family name, the surest first.
_SHARED_IN_HOUSEHOLD = (
    ("address", ["street", "postal_code"]),
    ("address", ["street", "city"]),
    ("mailbox", ["email"]),
    ("phone", ["phone"]),
)


@dataclass(frozen=True)
class Groups:
    """Tables of `group_customers`, in the order of their keys.

    `organisations`: one row per company or household (organisation_key, organisation_kind,
    parent_key, ultimate_parent_key, depth, is_circle_cut). `ancestors`: one row per organisation
    and organisation above it, itself included at distance 0. `members`: one row per customer and
    organisation (customer_key, organisation_key, organisation_kind, role, evidence, is_primary).
    """

    organisations: "pd.DataFrame"
    ancestors: "pd.DataFrame"
    members: "pd.DataFrame"


def group_customers(records: "pd.DataFrame", *, largest_household: int) -> Groups:
    """Group the customers behind `records` (int_accounts__records, one row per record).

    An organisation is a customer, and bears its key. A household is named by the member whose
    record was exported first, so that its key is as stable as theirs. More than `largest_household`
    people with one name at one address are a building, or the default of a form.
    """
    import pandas as pd

    records = records.sort_values("record_number", ignore_index=True)
    is_organisation = records["is_organisation"].to_numpy(dtype=np.bool_)
    firms, people = records[is_organisation], records[~is_organisation]
    companies, ancestors = _hierarchy(firms)
    housed = _households(people, largest_household)
    households = pd.DataFrame({"organisation_key": housed["organisation_key"].unique()}).astype(str)
    return Groups(
        pd.concat(
            [
                companies.assign(organisation_kind=COMPANY),
                households.assign(
                    parent_key=None,
                    ultimate_parent_key=households["organisation_key"],
                    depth=0,
                    is_circle_cut=False,
                    organisation_kind=HOUSEHOLD,
                ),
            ]
        ).sort_values(["organisation_kind", "organisation_key"], ignore_index=True),
        pd.concat(
            [
                ancestors,
                households.assign(ancestor_key=households["organisation_key"], distance=0),
            ]
        ).sort_values(["organisation_key", "distance"], ignore_index=True),
        pd.concat(
            [
                companies[["organisation_key"]].assign(
                    customer_key=companies["organisation_key"],
                    organisation_kind=COMPANY,
                    role="organisation",
                    evidence="record",
                    is_primary=True,
                ),
                _employees(people, firms),
                housed.assign(organisation_kind=HOUSEHOLD, role="member", is_primary=True),
            ]
        ).sort_values(["customer_key", "organisation_kind", "organisation_key"], ignore_index=True),
    )


def _hierarchy(firms: "pd.DataFrame") -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the organisations with their parents, and every organisation's ancestors.

    Of several parents stated, that of the most trusted system counts, then of the newest record.
    A circle of parents is cut at its most senior organisation, which becomes the top.
    """
    import pandas as pd

    stated = firms.dropna(subset="parent_customer_key")
    stated = stated[stated["customer_key"] != stated["parent_customer_key"]].sort_values(
        ["trust_rank", "changed_at", "record_number"], ascending=[True, False, True]
    )
    chosen = stated.drop_duplicates("customer_key")
    parents: dict[str, str] = dict(
        zip(chosen["customer_key"], chosen["parent_customer_key"], strict=True)
    )
    keys = list(dict.fromkeys(firms["customer_key"]))  # by seniority
    cut = set()
    for key in keys:
        above = parents.get(key)
        seen = {key}
        while above is not None and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above == key:
            cut.add(key)
            del parents[key]
    lineage = []
    rows = []
    for key in keys:
        path = [key]
        while (above := parents.get(path[-1])) is not None:
            path.append(above)
        lineage += [(key, ancestor, distance) for distance, ancestor in enumerate(path)]
        rows.append((key, parents.get(key), path[-1], len(path) - 1, key in cut))
    return (
        pd.DataFrame(
            rows,
            columns=[
                "organisation_key",
                "parent_key",
                "ultimate_parent_key",
                "depth",
                "is_circle_cut",
            ],
        ),
        pd.DataFrame(lineage, columns=["organisation_key", "ancestor_key", "distance"]),
    )


def _employees(people: "pd.DataFrame", firms: "pd.DataFrame") -> "pd.DataFrame":
    """Tie people to organisations: as stated, else by mail domain, else by the company's name.

    A domain or name that several organisations have tells nothing. Of several organisations of a
    person one is primary: by the surest tie, then the newest record.
    """
    import pandas as pd

    def only_one(column: str) -> "pd.Series[str]":
        known = firms.dropna(subset=column).drop_duplicates([column, "customer_key"])
        return known.drop_duplicates(column, keep=False).set_index(column)["customer_key"]

    found = pd.concat(
        [
            people.assign(evidence=rank, organisation_key=keys)
            for rank, keys in enumerate(
                (
                    people["organisation_customer_key"],
                    people["domain"].map(only_one("domain")),
                    people["organisation_name"].map(only_one("organisation_name")),
                )
            )
        ]
    ).dropna(subset="organisation_key")
    # What a record states makes guesses from its mailbox needless, wherever another record points.
    found = found[
        found["evidence"] == found.groupby("customer_key")["evidence"].transform("min")
    ].sort_values(["customer_key", "changed_at", "record_number"], ascending=[True, False, True])
    found = found.drop_duplicates(["customer_key", "organisation_key"])
    return pd.DataFrame(
        {
            "customer_key": found["customer_key"],
            "organisation_key": found["organisation_key"],
            "organisation_kind": COMPANY,
            "role": np.where(found["evidence"] == 0, "contact", "employee"),
            "evidence": np.asarray(_TIES, dtype=object)[found["evidence"].to_numpy(np.int64)],
            "is_primary": ~found.duplicated("customer_key"),
        }
    )


def _households(people: "pd.DataFrame", largest: int) -> "pd.DataFrame":
    """Return who lives together: customer_key, organisation_key of the household, evidence.

    One family name, and one address with a house number, or one mailbox or phone. Colleagues share
    phones too: who works for an organisation counts by address alone.
    """
    import pandas as pd

    keys = people["customer_key"].drop_duplicates().reset_index(drop=True)  # by seniority
    number = pd.Series(keys.index, index=keys)
    at_work = set(people.loc[people["organisation_customer_key"].notna(), "customer_key"])
    sides: list[npt.NDArray[np.int64]] = []
    evidence: dict[str, str] = {}
    for name, columns in _SHARED_IN_HOUSEHOLD:
        known = people.dropna(subset=["family_name", *columns])
        if name == "address":
            known = known[known["street"].str.contains("[0-9]")]
        else:
            known = known[~known["customer_key"].isin(at_work)]
        known = known.drop_duplicates(["customer_key", "family_name", *columns])
        group = known.groupby(["family_name", *columns], sort=False)["customer_key"]
        size = group.transform("size")
        known = known.assign(first=group.transform("first"))[(size > 1) & (size <= largest)]
        sides.append(
            np.stack(
                [
                    number.loc[known[column]].to_numpy(np.int64)
                    for column in ("first", "customer_key")
                ]
            )
        )
        for key in known["customer_key"]:
            evidence.setdefault(key, name)
    a, b = np.concatenate(sides, axis=1)
    clusters = cluster_records(
        keys.size,
        Links(a, b, np.ones(a.size), np.ones(a.size, dtype=np.bool_)),
        apart={},
        two_people={},
        unique_ids={},
        largest_by_likeness=largest,
    )
    senior = pd.Series(clusters.senior)
    is_member = senior.groupby(senior).transform("size") > 1
    found = keys[is_member.to_numpy()]
    return pd.DataFrame(
        {
            "customer_key": found.to_numpy(),
            "organisation_key": [
                household_key(key) for key in keys.to_numpy()[senior[is_member].to_numpy()]
            ],
            "evidence": [evidence[key] for key in found],
        }
    )


def household_key(senior_customer_key: str) -> str:
    """Return the key of the household that is named by this customer, whose own key it is not."""
    return hashlib.md5(f"household|{senior_customer_key}".encode()).hexdigest()
