"""What open answers say: topics and polarity, in any language that words or examples are given for.

Belongs here: three ways to polarity (a list of words; the list and, where it knows no word of a
text, a library of the language; a model trained on the company's own scored answers), how right
each is, topics by keyword. Does not: the lists themselves (they are seeds that a company edits),
reading or writing tables.

The libraries work without a network: for English VADER (Hutto & Gilbert 2014), for Chinese the
lexicon and rules of JioNLP, which also turns traditional characters into simplified ones.

The answers of a company label themselves: most come with a score. So all ways are tested on
answers whose score is known, the trained model on texts that it has not seen (scikit-learn, TF-IDF
of character n-grams, which need no word boundaries and so serve Chinese as well, and logistic
regression), and the best is used, language by language.

How right each way was on reviews that others had labelled: docs/decisions/0066.
"""

import fcntl
import importlib.util
import io
import logging
import math
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")

WORDS, TRAINED = "word_list", "trained"  # and word_list_and_<library>
LEAST_EXAMPLES = 200  # different labelled texts; fewer teach the model next to nothing
MOST_EXAMPLES = 20_000  # more cost time and add little
NEUTRAL = 0.2  # a polarity score nearer to 0 than this is neutral
_NEUTRAL_TO_VADER = 0.05  # its authors' own bound
_FOLDS = 5
_REACH = 3  # words after a negation that it turns round
_REACH_HAN = 3  # characters behind a negation that it turns round: 不是很好

_HAN = re.compile("[\u3400-\u9fff]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NEGATIONS = frozenset(
    """
    not no never nobody nothing neither nor without hardly cannot don't doesn't didn't isn't wasn't
    aren't weren't won't wouldn't can't couldn't haven't hasn't não nunca nem sem
    """.split()  # noqa: SIM905  # a list of forty quoted words is harder to read
)
_NEGATIONS_HAN = ("不", "没", "沒", "无", "無", "未", "别")


@dataclass(frozen=True)
class Library:
    """What reads a text of one language in which no listed word occurs.

    `polarity` is from -1 to 1, and 0 for what the library calls neutral; `spelled` brings a text to
    the spelling that the library and the lists of words know.
    """

    name: str
    polarity: Callable[[str], float]
    spelled: Callable[[str], str] = str


@dataclass(frozen=True)
class Accuracy:
    """How often a method told favourable from unfavourable answers, on those with a clear score.

    An answer called neutral counts as wrong. `baseline` is what always saying the commoner one
    would get.
    """

    language: str
    method: str
    count_answers: int
    count_right: int
    baseline: float
    is_used: bool


@dataclass(frozen=True)
class Reading:
    """What n answers say: language, polarity score from -1 to 1, method, topics in order."""

    languages: list[str]
    scores: Floats
    methods: list[str]
    topics: list[tuple[str, ...]]
    accuracy: list[Accuracy]


def read_feedback(
    texts: Sequence[str],
    labels: Floats,
    words: Mapping[str, int],
    topics: Mapping[str, str],
    *,
    libraries: Mapping[str, Callable[[], Library | None]],
    seed: int,
) -> Reading:
    """Read n open answers.

    `labels` is 1 for a favourable score, -1 for an unfavourable one, NaN where there is none or it
    lies between. `words` maps a word or phrase to 1 or -1, `topics` one to its topic; a word in
    Latin script counts as a whole word, with `*` at its end as the beginning of one. `libraries`
    loads the library of a language; only those of languages that occur are loaded.

    Used is what is right most often; of equals what is wrong less often; of these the library, the
    better reader where more is known (0066).
    """
    languages = _of_each(texts, language_of)
    of_language = np.array(languages, dtype=object)
    spelled = list(texts)
    behind = {
        language: library
        for language, load in libraries.items()
        if language in languages and (library := load()) is not None
    }
    for language, library in behind.items():
        own = np.flatnonzero(of_language == language)
        for place, text in zip(own, _of_each(_of(texts, own), library.spelled), strict=True):
            spelled[place] = text
    scored: dict[str, Floats] = {}
    scored[WORDS] = np.array(
        _of_each(spelled, lambda text: polarity_by_words(text, words)), dtype=float
    )
    by_library = {language: f"{WORDS}_and_{library.name}" for language, library in behind.items()}
    for language, library in behind.items():
        asked = (scored[WORDS] == 0) & (of_language == language)
        both = scored[WORDS].copy()
        both[asked] = _of_each(_of(spelled, np.flatnonzero(asked)), library.polarity)
        scored[by_library[language]] = both
    # What each method says of texts that it did not learn from.
    tested = dict(scored)
    trained, unseen = _by_training(spelled, labels, seed)
    if trained is not None and unseen is not None:
        scored[TRAINED], tested[TRAINED] = trained, unseen
    scores, methods = np.zeros(len(texts)), np.full(len(texts), WORDS, dtype=object)
    accuracy: list[Accuracy] = []
    for language in sorted(set(languages)):
        is_own = of_language == language
        judged = is_own & ~np.isnan(labels)
        counted = {
            method: _right_and_wrong(tested[method][judged], labels[judged])
            # The first of equals is used.
            for method in dict.fromkeys((by_library.get(language, WORDS), WORDS, TRAINED))
            if method in scored
        }
        used = max(counted, key=lambda method: (counted[method][0], -counted[method][1]))
        scores[is_own], methods[is_own] = scored[used][is_own], used
        count, favourable = int(judged.sum()), int((labels[judged] > 0).sum())
        accuracy += [
            Accuracy(
                language,
                method,
                count,
                right,
                max(favourable, count - favourable) / count if count else float("nan"),
                method == used,
            )
            for method, (right, _) in sorted(counted.items())
        ]
    found = _of_each(spelled, lambda text: topics_of(text, topics))
    return Reading(languages, scores, methods.tolist(), found, accuracy)


def english_library() -> Library:
    """Return VADER."""
    from vader import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()

    def polarity(text: str) -> float:
        score = float(analyser.polarity_scores(text)["compound"])
        return _told(score) if abs(score) >= _NEUTRAL_TO_VADER else 0.0

    return Library("vader", polarity)


def chinese_library() -> Library | None:
    """Return JioNLP, or None where the extra `chinese` is not installed.

    It leans by sums of weighted words; whatever leans at all is told (0066).
    """
    found = importlib.util.find_spec("jionlp")
    if found is None or not found.submodule_search_locations:
        return None
    with _alone_in(found.submodule_search_locations[0]), _silent():
        try:
            jionlp = importlib.import_module("jionlp")
        except PermissionError as error:
            error.add_note(
                "JioNLP unpacks its dictionaries beside its code when it is first imported: "
                "import it once as a user who may write there."
            )
            raise
        lexicon = jionlp.sentiment.LexiconSentiment()
    return Library("jionlp", lambda text: _told(2 * lexicon(text) - 1), jionlp.tra2sim)


def language_of(text: str) -> str:
    """Return `zh` for text that is mostly Chinese characters, `latin` for the rest."""
    letters = [character for character in text if character.isalpha()]
    han = sum(bool(_HAN.match(character)) for character in letters)
    return "zh" if letters and han * 3 >= len(letters) else "latin"


def polarity_by_words(text: str, words: Mapping[str, int]) -> float:
    """Return the mean polarity (-1 to 1) of the words found, 0 when there is none.

    A negation turns the next three words round; in Chinese what stands close behind it.
    """
    folded = _folded(text)
    found: list[int] = []
    since_negation = _REACH + 1
    for token in _WORD.findall(folded):
        if _HAN.search(token):
            found += _han_polarities(token, words)
            continue
        if token in _NEGATIONS:
            since_negation = 0
            continue
        since_negation += 1
        polarity = _polarity(token, words)
        if polarity:
            found.append(-polarity if since_negation <= _REACH else polarity)
    found += [polarity for phrase, polarity in words.items() if " " in phrase and phrase in folded]
    return float(np.mean(found)) if found else 0.0


def topics_of(text: str, topics: Mapping[str, str]) -> tuple[str, ...]:
    """Return the topics whose keywords occur, sorted."""
    folded = _folded(text)
    tokens = _WORD.findall(folded)
    found = {
        topic
        for keyword, topic in topics.items()
        if _is_sought_anywhere(keyword) and keyword in folded
    }
    for token in tokens:
        beginnings = (f"{token[:length]}*" for length in range(1, len(token) + 1))
        found.update(topics[keyword] for keyword in (token, *beginnings) if keyword in topics)
    return tuple(sorted(found))


def name_of(score: float) -> str:
    """Name a polarity score."""
    if abs(score) < NEUTRAL:
        return "neutral"
    return "positive" if score > 0 else "negative"


def _told(score: float) -> float:
    """Move what a library leans to, -1 to 1, out of what is called neutral; 0 stays 0."""
    return math.copysign(NEUTRAL + (1 - NEUTRAL) * abs(score), score) if score else 0.0


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """Let one process at a time do what follows: two that unpack at once read half a dictionary."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep a library from printing and from warning through the root logger."""
    root, listener = logging.getLogger(), logging.NullHandler()
    level = root.level
    # Without a listener `logging.warning` installs one that would stay.
    root.addHandler(listener)
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
        root.removeHandler(listener)


def _by_training(
    texts: Sequence[str], labels: Floats, seed: int
) -> tuple[Floats | None, Floats | None]:
    """Return scores of all texts by a trained model, and scores of labelled ones it had not seen.

    None where too few different texts have a label. Copies of a text are kept together: a model
    tested on sentences that it was trained on looks better than it is.
    """
    examples = np.flatnonzero(~np.isnan(labels))
    distinct: dict[str, int] = {}
    groups = np.array(
        [
            distinct.setdefault(_folded(text).strip(), len(distinct))
            for text in _of(texts, examples)
        ],
        dtype=int,
    )
    classes = {side: len(set(groups[labels[examples] == side])) for side in (-1.0, 1.0)}
    if len(distinct) < LEAST_EXAMPLES or min(classes.values()) < 2 * _FOLDS:
        return None, None
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline

    if examples.size > MOST_EXAMPLES:
        chosen = np.sort(
            np.random.default_rng(seed).choice(examples.size, MOST_EXAMPLES, replace=False)
        )
        examples, groups = examples[chosen], groups[chosen]
    known = _of(texts, examples)
    target = labels[examples] > 0

    def model() -> Any:
        return make_pipeline(
            TfidfVectorizer(
                analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True, lowercase=True
            ),
            LogisticRegression(C=4.0, max_iter=1000, class_weight="balanced"),
        )

    unseen = np.full(len(texts), np.nan)
    for train, test in GroupKFold(_FOLDS).split(known, target, groups):
        fitted = model().fit(_of(known, train), target[train])
        unseen[examples[test]] = 2 * fitted.predict_proba(_of(known, test))[:, 1] - 1
    fitted = model().fit(known, target)
    distinct_texts = list(dict.fromkeys(texts))
    scores = dict(
        zip(distinct_texts, 2 * fitted.predict_proba(distinct_texts)[:, 1] - 1, strict=True)
    )
    return np.array([scores[text] for text in texts]), unseen


def _of(texts: Sequence[str], places: npt.NDArray[np.int64]) -> list[str]:
    return [texts[int(place)] for place in places]


def _of_each(texts: Sequence[str], read: Callable[[str], T]) -> list[T]:
    """Read every text; of those that many people wrote, one."""
    known = {text: read(text) for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def _right_and_wrong(scores: Floats, labels: Floats) -> tuple[int, int]:
    """Count answers on the right and on the wrong side; scores not there (not tested) are wrong."""
    told = np.sign(np.where(np.abs(scores) < NEUTRAL, 0, scores))
    return int((told == labels).sum()), int(((told != labels) & (told != 0)).sum())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")


def _polarity(token: str, words: Mapping[str, int]) -> int:
    if token in words:
        return words[token]
    # The longest beginning that is listed with a star.
    for length in range(len(token), 2, -1):
        if f"{token[:length]}*" in words:
            return words[f"{token[:length]}*"]
    return 0


@cache
def _is_sought_anywhere(keyword: str) -> bool:
    """Tell whether a keyword is no word of its own: a phrase, or Chinese."""
    return " " in keyword or bool(_HAN.search(keyword))


def _han_polarities(run: str, words: Mapping[str, int]) -> list[int]:
    """Find listed words in a run of Chinese characters, the longest first, each place once."""
    found: list[int] = []
    position = 0
    while position < len(run):
        for length in range(min(6, len(run) - position), 0, -1):
            polarity = words.get(run[position : position + length], 0)
            if polarity:
                before = run[max(0, position - _REACH_HAN) : position]
                turned = any(negation in before for negation in _NEGATIONS_HAN)
                found.append(-polarity if turned else polarity)
                position += length
                break
        else:
            position += 1
    return found
