"""Statistics: what drives satisfaction, and what open answers say (`models/satisfaction`)."""

import dagster as dg
import duckdb
import numpy as np

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step

SEED = 20_260_102  # bootstrap and folds: a fixed seed gives equal marts for equal inputs


def satisfaction_drivers(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per analysis, outcome and driver: weights, effects and intervals."""
    from models.satisfaction.drivers import weigh_all_drivers

    # The order matters: the bootstrap draws in it.
    questionnaires = con.execute(
        "from intermediate.int_surveys__questionnaires order by source_system, response_id"
    ).df()
    drivers = weigh_all_drivers(questionnaires, generator=np.random.default_rng(SEED))
    return Statistics({"satisfaction_drivers": drivers}, {"questionnaires": len(questionnaires)})


def feedback_texts(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per open answer: language, polarity, topics; and how right the polarity is."""
    import pandas as pd

    from models.satisfaction.feedback_text import (
        chinese_library,
        english_library,
        name_of,
        read_feedback,
    )

    answers = con.execute(
        """
        select source_system, response_id, trim(comment) as comment, case
            when overall_0_100 >= 85 then 1.0
            when overall_0_100 <= 40 then -1.0
        end as label -- only of clear scores: what lies between is praised and blamed in one text
        from intermediate.int_surveys__questionnaires
        where trim(comment) != ''
        order by source_system, response_id
        """
    ).df()
    reading = read_feedback(
        answers["comment"].tolist(),
        answers["label"].to_numpy(dtype=float),
        dict(con.execute("select word, polarity from settings.feedback_words").fetchall()),
        dict(con.execute("select keyword, topic from settings.feedback_topics").fetchall()),
        libraries={"latin": english_library, "zh": chinese_library},
        seed=SEED,
    )
    texts = pd.DataFrame(
        {
            "source_system": answers["source_system"],
            "response_id": answers["response_id"],
            "comment_language": reading.languages,
            "polarity_score": reading.scores,
            "polarity": [name_of(score) for score in reading.scores],
            "polarity_method": reading.methods,
            "topics": ["; ".join(topics) or None for topics in reading.topics],
        }
    )
    accuracy = pd.DataFrame(
        [vars(found) for found in reading.accuracy],
        columns=["language", "method", "count_answers", "count_right", "baseline", "is_used"],
    )
    return Statistics({"feedback_texts": texts, "feedback_text_accuracy": accuracy})


@dg.definitions
def satisfaction() -> dg.Definitions:
    """Weigh the drivers and read the open answers."""
    reads = ["int_surveys__questionnaires"]
    return dg.Definitions.merge(
        statistics_step(
            satisfaction_drivers,
            tables=["satisfaction_drivers"],
            reads=reads,
            kinds={"python", "numpy"},
        ),
        statistics_step(
            feedback_texts,
            tables=["feedback_texts", "feedback_text_accuracy"],
            reads=reads,
            kinds={"python", "scikitlearn"},
        ),
    )
