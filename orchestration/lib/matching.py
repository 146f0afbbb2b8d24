"""Who is one customer, in one build: records, rules and answers in, clusters out.

Belongs here: reading the intermediate tables and shaping what is written. Does not: the model and
the clusters (`models/identity`), the rules and their guards (dbt).
"""

from typing import TYPE_CHECKING

import duckdb

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from models.identity.matching import Matches

ANSWER_STRENGTH = 2.0  # A person's word comes before every rule and score, which are at most 1.

RECORDS = "trusted_records"  # temporary, for as long as the step takes
STATED = "stated_records"  # a view of them, without names that mailboxes suggest
_RECORDS = """
    with distrusted as (
        select record_number, bool_or(identifier_kind = 'email') as email,
               bool_or(identifier_kind = 'email' and distrust_reason = 'placeholder') as domain,
               bool_or(identifier_kind = 'phone') as phone,
               bool_or(identifier_kind = 'domain') as web_domain,
               bool_or(identifier_kind = 'national_id') as national_id
        from intermediate.int_identity__identifiers
        where distrust_reason is not null
        group by record_number
    ),
    -- A number that many write is no number.
    local_phones as (
        select phone_digits
        from intermediate.int_identity__records
        where phone_digits is not null
        group by phone_digits
        having count(*) <= {phone_limit}
    )
    select record_number, is_organisation, given_name, family_name, generation,
           name_forms, organisation_name, cast(birth_date as varchar) as birth_date,
           case when not coalesce(distrusted.email, false) then email_normalised end as email,
           case when not coalesce(distrusted.domain, false)
               then split_part(email_normalised, '@', 2) end as email_domain,
           case when not coalesce(distrusted.phone, false)
               then coalesce(phone_e164, local_phones.phone_digits) end as phone,
           case when not coalesce(distrusted.web_domain, false) then records.web_domain
           end as web_domain,
           street_in_short as street, city, postal_code,
           case when not coalesce(distrusted.national_id, false) then records.national_id
           end as national_id
    from intermediate.int_identity__records as records
    left join distrusted using (record_number)
    left join local_phones on records.phone_digits = local_phones.phone_digits
"""


def resolve_customers(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """Find the records of one customer: by identifier and answer, then by likeness (Splink)."""
    import numpy as np
    import pandas as pd

    from models.identity.clusters import JOINED, Links, cluster_records
    from models.identity.comparisons import TWO_PEOPLE
    from models.identity.firm_names import SURE
    from models.identity.names_alone import (
        ONLY_OF_NAME,
        count_bearers,
        find_alike_firms,
        find_only_bearers,
    )

    settings = company.identity.matching
    found = con.execute("select count(*) from intermediate.int_identity__records").fetchone()
    count = found[0] if found else 0
    apart, unique_ids = _kept_apart(con, count), _unique_ids(con, company, count)

    def clusters_of(
        pairs: "pd.DataFrame", two_people: "dict[str, tuple[np.ndarray, np.ndarray]]"
    ) -> "tuple[np.ndarray, np.ndarray]":
        links = Links(
            a=pairs["record_number_a"].to_numpy(np.int64) - 1,
            b=pairs["record_number_b"].to_numpy(np.int64) - 1,
            strength=pairs["strength"].to_numpy(np.float64),
            is_limited=pairs["is_limited"].to_numpy(np.bool_),
        )
        clusters = cluster_records(
            count,
            links,
            apart=apart,
            two_people=two_people,
            unique_ids=unique_ids,
            largest_by_likeness=settings.largest_customer,
        )
        return clusters.senior + 1, clusters.refused

    sure = _sure_links(con)
    senior, _ = clusters_of(sure, {})
    _write_records(con, company)
    matches = _likeness(con, senior, company)
    likeness = matches.pairs.assign(link_rule="likeness")
    two_people = {
        str(guard): (
            pairs["record_number_a"].to_numpy(np.int64) - 1,
            pairs["record_number_b"].to_numpy(np.int64) - 1,
        )
        for guard, pairs in likeness[likeness["guard"].isin(TWO_PEOPLE)].groupby("guard")
    }
    likely = likeness[
        (likeness["match_probability"] >= settings.match_threshold) & likeness["guard"].isna()
    ]
    links = pd.concat([sure, _links_by_likeness(likely)], ignore_index=True)
    senior, refused = clusters_of(links, two_people)
    names_only = likeness[likeness["guard"] == "names_only"]
    bearers = count_bearers(con, STATED, senior, names_only)
    tied = names_only.index[bearers == 1]
    likeness.loc[tied, "guard"] = None
    likeness.loc[tied, "link_rule"] = ONLY_OF_NAME
    likeness.loc[tied, "match_probability"] = company.identity.only_of_name.reliability
    # One of several who bear it, as likely as the others: a person is asked which.
    one_of_several = np.where(
        bearers > 1, company.identity.only_of_name.reliability / np.maximum(bearers, 1), 0.0
    )
    asked = (one_of_several >= settings.review_threshold) & (
        one_of_several < settings.match_threshold
    )
    likeness.loc[names_only.index[asked], "guard"] = None
    likeness.loc[names_only.index[asked], "match_probability"] = one_of_several[asked]
    if settings.enabled:
        likeness = _with_names_alone(likeness, find_alike_firms(con, STATED, senior), company)
    if matches.statuses["person"] == "trained":
        told = likeness.loc[likeness["link_rule"] == ONLY_OF_NAME]
        told_of = senior[told[["record_number_a", "record_number_b"]].to_numpy(np.int64) - 1]
        alone = find_only_bearers(con, STATED, senior)
        of_alone = senior[alone[["record_number_a", "record_number_b"]].to_numpy(np.int64) - 1]
        is_told = np.isin(of_alone, told_of).all(axis=1)
        likeness = _with_names_alone(likeness, alone.iloc[np.flatnonzero(~is_told)], company)
    by_name = likeness[likeness["link_rule"] == ONLY_OF_NAME]
    if not by_name.empty:
        # After all other links, which say who the customers are that may bear the name.
        # Spellings are held against the name, not against each other: there may be any number.
        last = _links_by_likeness(by_name).assign(
            strength=0.0, is_limited=~by_name["evidence"].isin(SURE).to_numpy()
        )
        links = pd.concat([links, last], ignore_index=True)
        senior, refused = clusters_of(links, two_people)
    vetoed = links.assign(guard=refused).loc[
        refused != JOINED, ["record_number_a", "record_number_b", "is_likeness", "guard"]
    ]
    return Statistics(
        {
            "clusters": pd.DataFrame(
                {"record_number": np.arange(1, count + 1), "senior_record_number": senior}
            ),
            "likeness": likeness,
            "vetoes": vetoed.drop_duplicates(ignore_index=True),
            "model": matches.parameters,
            "runs": pd.DataFrame(
                [(grain, status) for grain, status in matches.statuses.items()],
                columns=["grain", "status"],
            ).assign(seed=settings.seed),
            "previous": _previous_keys(con),
            "earlier_changes": _earlier_changes(con),
        },
        {
            "customers": int(np.count_nonzero(senior == np.arange(1, count + 1))),
            "pairs_by_likeness": len(likely),
            "pairs_by_only_name": len(by_name),
            "pairs_below_threshold": int(
                (matches.pairs["match_probability"] < settings.match_threshold).sum()
            ),
            "pairs_by_one_of_several_names": int(asked.sum()),
            **{f"model_{grain}": status for grain, status in matches.statuses.items()},
        },
    )


def _with_names_alone(
    likeness: "pd.DataFrame", found: "pd.DataFrame", company: Company
) -> "pd.DataFrame":
    """Put records that are nothing but a name in place of what likeness said of them.

    The only customer called so, or alike, is the one. Of several, or where only a person can tell,
    the chance is shared with the others and with nobody; it never joins.
    """
    import numpy as np
    import pandas as pd

    from models.identity.names_alone import ONLY_OF_NAME

    settings = company.identity.matching
    is_tied = found["is_sure"] & (found["count_alike"] == 1)
    chance = company.identity.only_of_name.reliability / (
        found["count_alike"] + np.where(found["is_sure"], 0, 1)
    )
    is_asked = (chance >= settings.review_threshold) & (chance < settings.match_threshold)
    rows = pd.DataFrame(
        {
            "record_number_a": found["record_number_a"],
            "record_number_b": found["record_number_b"],
            "match_probability": chance.round(6),
            "match_weight": np.log2(chance / (1 - chance)).round(6),
            "evidence": found["likeness"],
            "guard": None,
            "link_rule": np.where(is_tied, ONLY_OF_NAME, "likeness"),
        }
    )[is_tied | is_asked]
    pair = ["record_number_a", "record_number_b"]
    replaced = pd.MultiIndex.from_frame(likeness[pair]).isin(pd.MultiIndex.from_frame(rows[pair]))
    return pd.concat([likeness[~replaced], rows], ignore_index=True).sort_values(
        pair, ignore_index=True
    )


def _previous_keys(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    """Return every record's key in the version published last, which this build is a copy of.

    The keys themselves never depend on it: it is there to tell what changed.
    """
    columns = "source_system, source_object, source_record_id, customer_key"
    if _is_there(con, "marts", "customer_identities", "customer_key"):
        return con.execute(f"select {columns} from marts.customer_identities").df()
    import pandas as pd

    return pd.DataFrame(columns=columns.split(", "), dtype="str")


def _earlier_changes(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    """Return the log of keys that changed, which this build goes on with.

    No file tells it: a key is known to those who read the version that held it.
    """
    columns = "former_key, customer_key, change_kind, count_records, changed_on, current_key"
    if _is_there(con, "audit", "identity_changes", "current_key"):
        return con.execute(f"select {columns} from audit.identity_changes").df()
    import pandas as pd

    return pd.DataFrame(columns=columns.split(", "))


def _sure_links(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    """Return what identifiers that no guard refused, and people, say belongs together."""
    return con.execute(
        f"""
        select record_number_a, record_number_b, max(strength) as strength, false as is_likeness,
               false as is_limited
        from (
            select record_number_a, record_number_b, link_score as strength
            from intermediate.int_identity__rule_links where guard is null
            union all
            select record_number_a, record_number_b, {ANSWER_STRENGTH}
            from intermediate.int_identity__answers where answer = 'same'
        )
        group by record_number_a, record_number_b
        order by record_number_a, record_number_b
        """
    ).df()


def _kept_apart(
    con: duckdb.DuckDBPyConnection, count: int
) -> "dict[str, tuple[np.ndarray, np.ndarray]]":
    """Return, by reason, the pairs of records that must not meet: people's word, parent and child.

    A parent that systems or people call the same as its child is no parent: it was merged into it.
    """
    from models.identity.clusters import ANSWERED_DIFFERENT, PARENT_AND_CHILD, connected

    def pairs(query: str) -> "tuple[np.ndarray, np.ndarray]":
        found = con.execute(f"{query} order by a, b").df()
        return found["a"].to_numpy(), found["b"].to_numpy()

    one = connected(
        count,
        *pairs(
            """
            select record_number_a - 1 as a, record_number_b - 1 as b
            from intermediate.int_identity__rule_links
            where identifier_kind = 'external_id' and guard is null
            union
            select record_number_a - 1, record_number_b - 1
            from intermediate.int_identity__answers where answer = 'same'
            """
        ),
    )
    child, parent = pairs(
        "select record_number - 1 as a, parent_record_number - 1 as b "
        "from intermediate.int_identity__records "
        "where is_organisation and parent_record_number is not null"
    )
    are_two = one[child] != one[parent]
    return {
        ANSWERED_DIFFERENT: pairs(
            "select record_number_a - 1 as a, record_number_b - 1 as b "
            "from intermediate.int_identity__answers where answer = 'different'"
        ),
        PARENT_AND_CHILD: (child[are_two], parent[are_two]),
    }


def _unique_ids(
    con: duckdb.DuckDBPyConnection, company: Company, count: int
) -> "dict[str, np.ndarray]":
    """Return, per kind of which a customer has one only, the id of every record as a code."""
    import numpy as np

    kinds = [
        kind for kind in ("national_id", "loyalty_number") if getattr(company.identity, kind).unique
    ]
    codes = {}
    for kind in kinds:
        found = con.execute(
            """
            select record_number - 1 as position,
                   dense_rank() over (order by identifier_value) as code
            from intermediate.int_identity__identifiers
            where identifier_kind = ? and distrust_reason is null
            """,
            [kind],
        ).fetchnumpy()
        codes[kind] = np.full(count, -1, dtype=np.int64)
        codes[kind][found["position"]] = found["code"]
    return codes


def _links_by_likeness(pairs: "pd.DataFrame") -> "pd.DataFrame":
    return pairs[["record_number_a", "record_number_b"]].assign(
        strength=pairs["match_probability"], is_likeness=True, is_limited=True
    )


def _write_records(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Write what the records say that is to be trusted."""
    from models.identity.records import write_records

    write_records(con, _RECORDS.format(phone_limit=company.identity.phone.limit), RECORDS)
    con.execute(
        f"""
        create or replace temp view {STATED} as
        select * replace (
            case when not is_guest then given_name end as given_name,
            case when not is_guest then family_name end as family_name
        )
        from {RECORDS}
        """
    )


def _likeness(con: duckdb.DuckDBPyConnection, senior: "np.ndarray", company: Company) -> "Matches":
    """Score what the rules leave open; nothing where company.yml says so."""
    from models.identity.matching import Options, match_records, no_matches

    settings = company.identity.matching
    if not settings.enabled:
        return no_matches("switched_off")
    # Where homes of older versions kept what comparing gave.
    for table in ("contents", "patterns", "too_large"):
        con.execute(f"drop table if exists matching.{table}")
    return match_records(
        con,
        RECORDS,
        senior,
        Options(
            review_threshold=settings.review_threshold,
            minimum_records=settings.minimum_records,
            pairs_per_record=settings.pairs_per_record,
            seed=settings.seed,
        ),
    )


def _is_there(con: duckdb.DuckDBPyConnection, schema: str, table: str, column: str) -> bool:
    """Tell whether the last build left a table with a column; the first one is a copy of none."""
    query = (
        "select count(*) from duckdb_columns() "
        "where schema_name = ? and table_name = ? and column_name = ?"
    )
    return con.execute(query, [schema, table, column]).fetchone() != (0,)
