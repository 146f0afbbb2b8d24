"""Open answers: words and negations, the libraries behind them, training, topics, accuracy."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from models.satisfaction.feedback_text import (
    TRAINED,
    WORDS,
    Library,
    Reading,
    chinese_library,
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


def read(texts: list[str], labels: list[float], **libraries: Library) -> Reading:
    return read_feedback(
        texts,
        np.array(labels),
        SHIPPED,
        TOPICS,
        libraries={language: lambda known=known: known for language, known in libraries.items()},
        seed=1,
    )


def test_accuracy_counts_neutral_as_wrong_and_leaves_out_what_has_no_label() -> None:
    found = read(["good", "late", "hm", "good"], [1, -1, 1, np.nan])
    (words,) = found.accuracy
    assert (words.method, words.count_answers, words.count_right) == (WORDS, 3, 2)
    assert words.baseline == pytest.approx(2 / 3)
    assert found.scores.tolist() == [1, -1, 0, 1]


def test_the_library_answers_where_no_word_does_and_only_in_its_language() -> None:
    asked = []

    def polarity(text: str) -> float:
        asked.append(text)
        return -0.9

    found = read(["good", "it smells", "送货"], [1, -1, 1], latin=Library("nose", polarity))
    assert asked == ["it smells"]
    assert found.methods == ["word_list_and_nose", "word_list_and_nose", WORDS]
    assert found.scores.tolist() == [1, -0.9, 0]
    used = {(one.language, one.method) for one in found.accuracy if one.is_used}
    assert used == {("latin", "word_list_and_nose"), ("zh", WORDS)}


def test_the_library_is_left_where_it_harms_and_used_where_it_does_not() -> None:
    harming = read(["good", "oi"], [1, 1], latin=Library("nose", lambda _: -0.9))
    assert harming.methods == [WORDS, WORDS]  # as often right, but wrong instead of neutral
    equal = read(["good", "oi"], [1, 1], latin=Library("nose", lambda _: 0.0))
    assert equal.methods == ["word_list_and_nose", "word_list_and_nose"]


def test_the_library_is_believed_where_no_score_tells() -> None:
    found = read(["good", "it smells"], [np.nan, np.nan], latin=Library("nose", lambda _: -0.9))
    assert set(found.methods) == {"word_list_and_nose"}
    assert {(one.count_answers, one.is_used) for one in found.accuracy} == {(0, True), (0, False)}


def test_words_and_topics_are_looked_for_in_the_librarys_spelling() -> None:
    library = Library("shop", lambda _: 0.0, lambda text: text.replace("滿", "满"))
    assert read(["很滿意"], [1]).scores.tolist() == [0]
    assert read(["很滿意"], [1], zh=library).scores.tolist() == [1]


def test_only_the_library_of_a_language_that_occurs_is_loaded() -> None:
    def broken() -> Library:
        raise AssertionError("loaded")

    found = read_feedback(
        ["good"], np.array([1.0]), SHIPPED, TOPICS, libraries={"zh": broken}, seed=1
    )
    assert found.methods == [WORDS]


def test_the_english_library_knows_english() -> None:
    library = english_library()
    assert library.polarity("The camera is a joy, wonderful pictures.") > 0.5
    assert library.polarity("A terrible waste of money.") < -0.5
    assert library.polarity("O produto chegou.") == 0


def test_the_chinese_library_knows_chinese_in_both_scripts() -> None:
    library = chinese_library()
    assert library is not None
    assert library.polarity("赏心悦目") > 0.5
    assert library.polarity("粗制滥造") < -0.5
    assert library.polarity("今天星期二") == 0
    assert library.spelled("品質粗製濫造") == "品质粗制滥造"
    found = read(["品質粗製濫造", "賞心悅目", "物流"], [-1, 1, np.nan], zh=library)
    assert [name_of(score) for score in found.scores] == ["negative", "positive", "neutral"]


def test_whatever_a_library_leans_to_is_told() -> None:
    """One careful sentence among seven that say nothing leans by less than is neutral here."""
    library = chinese_library()
    assert library is not None
    careful = (
        1.3  # the weight of 仔细 in JioNLP's dictionary; its score is the logistic of the mean
    )
    found = library.polarity("仔细。" + "今天星期二。" * 7)
    assert found == pytest.approx(0.2 + 0.8 * np.tanh(careful / 8 / 2))
    assert name_of(found) == "positive"


def test_the_chinese_library_neither_prints_nor_listens_nor_asks_the_network() -> None:
    """JioNLP greets on standard output, where `--json` is read by machines."""
    code = (
        "import logging, socket\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from models.satisfaction.feedback_text import chinese_library\n"
        "library = chinese_library()\n"
        "assert library.polarity('赏心悦目') > 0\n"
        "assert logging.getLogger().handlers == []\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_warnings_are_heard_again_after_the_library_is_loaded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chinese_library()
    logging.getLogger().warning("late")
    assert [record.message for record in caplog.records] == ["late"]


def test_without_the_chinese_extra_the_list_reads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jionlp", None)
    assert chinese_library() is None
    found = read_feedback(
        ["送货慢"], np.array([-1.0]), SHIPPED, TOPICS, libraries={"zh": chinese_library}, seed=1
    )
    assert (found.methods, found.scores.tolist()) == ([WORDS], [-1])


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
