"""Open answers: words and negations, the library behind them, training, topics, accuracy."""

import numpy as np
import pytest

from models.satisfaction.feedback_text import (
    LIBRARY,
    TRAINED,
    WORDS,
    Reading,
    english_library,
    language_of,
    name_of,
    polarity_by_words,
    read_feedback,
    topics_of,
)

SHIPPED = {
    "good": 1, "great": 1, "disappoint*": -1, "on time": 1, "late": -1,
    "满意": 1, "好": 1, "慢": -1, "不满意": -1,
}  # fmt: skip
TOPICS = {
    "price": "price",
    "deliver*": "convenience",
    "物流": "convenience",
    "on time": "convenience",
}


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("A good day", 1),
        ("GOOD, really", 1),
        ("not good", -1),
        ("It wasn't very good", -1),
        ("It wasn\u2019t very good", -1),
        ("no, I liked the colour and it is good", 1),  # too far behind the negation
        ("disappointing", -1),
        ("good but late", 0),
        ("delivered on time", 1),
        ("goodness", 0),  # a whole word or a beginning, never a part
        ("很满意", 1),
        ("不满意", -1),
        ("不是很好", -1),
        ("送货慢", -1),
        ("", 0),
    ],
)
def test_words_and_negations(text: str, polarity: float) -> None:
    assert polarity_by_words(text, SHIPPED) == polarity


def test_languages_by_their_letters() -> None:
    assert [language_of(text) for text in ("fine", "质量很好 ok", "100 %", "ok")] == [
        "latin",
        "zh",
        "latin",
        "latin",
    ]


def test_topics_by_keyword_in_order() -> None:
    assert topics_of("Price fine, delivery late", TOPICS) == ("convenience", "price")
    assert topics_of("物流太慢", TOPICS) == ("convenience",)
    assert topics_of("priceless", TOPICS) == ()


def test_names_of_scores() -> None:
    assert [name_of(score) for score in (-1, -0.1, 0, 0.19, 0.2)] == [
        *("negative", "neutral", "neutral", "neutral", "positive"),
    ]


def read(texts: list[str], labels: list[float], **options: object) -> Reading:
    return read_feedback(texts, np.array(labels), SHIPPED, TOPICS, seed=1, **options)  # type: ignore[arg-type]


def test_accuracy_counts_neutral_as_wrong_and_leaves_out_what_has_no_label() -> None:
    found = read(["good", "late", "hm", "good"], [1, -1, 1, np.nan])
    (words,) = found.accuracy
    assert (words.method, words.count_answers, words.count_right) == (WORDS, 3, 2)
    assert words.baseline == pytest.approx(2 / 3)
    assert found.scores.tolist() == [1, -1, 0, 1]


def test_the_library_answers_where_no_word_does_and_only_in_latin_script() -> None:
    asked = []

    def library(text: str) -> float:
        asked.append(text)
        return -0.9

    found = read(["good", "it smells", "送货"], [1, -1, 1], library=library)
    assert asked == ["it smells"]
    assert found.methods == [LIBRARY, LIBRARY, WORDS]
    assert found.scores.tolist() == [1, -0.9, 0]
    used = {(one.language, one.method) for one in found.accuracy if one.is_used}
    assert used == {("latin", LIBRARY), ("zh", WORDS)}


def test_the_library_is_left_where_it_does_not_help() -> None:
    found = read(["good", "oi"], [1, 1], library=lambda _: -0.9)
    assert found.methods == [WORDS, WORDS]


def test_the_english_library_knows_english() -> None:
    library = english_library()
    assert library("The camera is a joy, wonderful pictures.") > 0.5
    assert library("A terrible waste of money.") < -0.5
    assert library("O produto chegou.") == 0


def scored_texts(count: int, seed: int) -> tuple[list[str], list[float]]:
    """Remarks in words that no list has, each with the side it stands for."""
    rng = np.random.default_rng(seed)
    sides = {1.0: ("sturdy", "tidy", "cosy"), -1.0: ("wobbly", "sticky", "murky")}
    labels = rng.choice([1.0, -1.0], count)
    texts = [
        f"{rng.choice(sides[label])} thing number {number} {rng.choice(sides[label])}"
        for number, label in enumerate(labels)
    ]
    return texts, labels.tolist()


def test_a_model_is_trained_on_the_companys_own_answers() -> None:
    texts, labels = scored_texts(260, 3)
    found = read(texts, labels)
    assert set(found.methods) == {TRAINED}
    accuracy = {one.method: one.count_right / one.count_answers for one in found.accuracy}
    assert accuracy[TRAINED] > 0.95
    assert accuracy[WORDS] == 0
    again = read(texts, labels)
    assert found.scores.tolist() == again.scores.tolist()


def test_what_cannot_be_learned_is_not_claimed() -> None:
    """Labels at random, every text three times: a model tested on copies would look right."""
    texts, _ = scored_texts(210, 4)
    labels = np.random.default_rng(5).choice([1.0, -1.0], 210).tolist()
    found = read(texts * 3, labels * 3)
    (trained,) = (one for one in found.accuracy if one.method == TRAINED)
    assert trained.count_right / trained.count_answers < 0.6


def test_too_few_texts_train_nothing() -> None:
    texts, labels = scored_texts(150, 6)
    found = read(texts * 2, labels * 2)  # copies are no more examples
    assert {one.method for one in found.accuracy} == {WORDS}
