"""Records of JSON exports, one by one, with the line on which each begins.

An export is a list of objects, objects one behind the other, or pages that wrap a list each
(`{"tickets": [...], "count": 3}`). Belongs here: where in such a text the records are, and how a
value becomes a text cell. Does not: what keys mean.

Python reads all JSON, because DuckDB does not keep the text of numbers ("1.10" becomes 1.1).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.encoding import MARK, UNDECODABLE, without_marks
from orchestration.lib.reading.layout import count_matches
from orchestration.lib.reading.records import CUT_OFF, RefusedError

# An object longer than this is taken for a malformed one: it bounds memory.
LONGEST_RECORD = 64_000_000
_CHUNK = 1 << 18
_SPACE = " \t\r\n\x1e"  # with what stands before each value of a JSON text sequence

# What a text may end with where a value or an escape was begun.
_CUT_TOKEN = re.compile(
    r"-|t|tr|tru|f|fa|fal|fals|n|nu|nul|[0-9.eE+-]+|\\\\?|\\?u[0-9a-fA-F]{0,3}|\ufdd0<.*"
)

# A step into every element of a list, beside the keys of objects; how many steps are looked at.
_EACH = None
_DEPTH = 6


class JsonRecord(NamedTuple):
    """One object; `value` is None where the text is not one, and `reason` and `problem` say why."""

    line_number: int
    value: dict[str, Any] | None
    raw: str
    problem: str | None = None
    reason: str = "malformed_json"


class _CutOffError(RefusedError):
    """A text that ends too early."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(
            f"line {line}: the file ends too early ({problem})",
            "the file is truncated: export it again",
        )
        self.problem = f"the file ends too early ({problem})"


@dataclass(frozen=True)
class JsonLayout:
    """Where the records of a JSON text are.

    `steps` lead from a value of the text to its records: a key, or None for every element of a
    list. `by_line` tells that each line is a record. `beside` names the other lists of objects.
    """

    steps: tuple[str | None, ...] = ()
    by_line: bool = False
    beside: tuple[str, ...] = ()


class _Place(NamedTuple):
    """A place at which objects are found: how many columns of the contract their keys name."""

    matches: int
    steps: tuple[str | None, ...]


def decide_json(path: Path, exported: ExportObject, *, by_line: bool) -> JsonLayout:
    """Find where the records of a UTF-8 file are, by what its first value holds.

    Records are the objects whose keys name most columns of the contract; where no keys do, those
    of the first list. `by_line` is what the name of the file says.
    """
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        text = _Text(file)
        first = text.peek()
        if first not in ("[", "{"):
            if not by_line:
                raise text.refusal("expected a list, or an object")
            return JsonLayout(by_line=True)
        places: list[_Place] = []
        line = text.line
        try:
            _look(text, exported, (), places)
            by_line = by_line and text.line == line
        except _CutOffError:  # behind the first records, or reading them says so
            pass
        except RefusedError:  # which reading the records says better
            places = []
        # Single objects in an object may be records by their ids.
        places = [p for p in places if not p.steps or _EACH in p.steps]
        top = (_EACH,) if first == "[" else ()
        found = max(places, key=lambda place: place.matches, default=_Place(0, top))
        lists = [p for p in places if p.steps and p.steps[-1] is _EACH]
        if found.matches < 1:
            found = _only_list(lists) if first == "{" and not by_line else _Place(0, top)
        beside = tuple(
            ".".join(step for step in steps if step)
            for matches, steps in lists
            if found.steps and matches >= 0 and steps[: len(found.steps)] != found.steps
        )
        file.seek(0)
        is_line = first == "{" and not found.steps and (by_line or _is_whole(file))
        return JsonLayout(found.steps, is_line, beside)


def _only_list(lists: list[_Place]) -> _Place:
    """Return the one list of objects that an object wraps of which no key is known, if it does.

    Raises RefusedError when there are several.
    """
    outer = [p for p in lists if p.steps.count(_EACH) == 1]
    filled = [p for p in outer if p.matches >= 0]
    if len(filled) > 1:
        names = " and ".join(repr(".".join(filter(None, p.steps))) for p in filled[:2])
        raise RefusedError(f"the object holds two lists, {names}", "export one list per file")
    return next(iter([*filled, *outer]), _Place(0, ()))


def json_records(path: Path, layout: JsonLayout) -> Iterator[JsonRecord]:
    """Read the records of a UTF-8 file.

    A malformed line is one malformed record; elsewhere nothing after a malformed value can be
    trusted, so the file is refused. What is left where a text ends too early is a last record that
    is cut off, unless it would be the only one.
    """
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        if layout.by_line:
            yield from _lines(file)
            return
        text, has_records = _Text(file), False
        try:
            for record in _records(text, layout):
                has_records = True
                yield record
        except _CutOffError as error:
            if not has_records:
                raise
            rest = without_marks(text.rest())
            yield JsonRecord(text.line, None, rest, error.problem, CUT_OFF)


def _records(text: "_Text", layout: JsonLayout) -> Iterator[JsonRecord]:
    while text.peek():
        if not layout.steps:
            line = text.line
            value, raw = text.value()
            _require_a_record(line, value)
            yield _record(line, value, raw)
        else:
            yield from _records_at(text, layout.steps)
        if text.peek() == ",":  # between objects without a list around them
            text.take(",")


def text_of(value: Any) -> str | None:
    """Bring a value to the text of a cell: numbers as they were written, nested values as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Number):
        return value.text
    return compact(value)


def compact(value: Any) -> str:
    """Write a value as JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Number(float):
    """A number with a fraction, which remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> "_Number":
        number = super().__new__(cls, text)
        number.text = text
        return number


class _Contradiction(dict[str, Any]):
    """An object that holds a key twice, with different values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[key] != value for key, value in pairs):
        return _Contradiction(found)
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_constant=_no_constant, object_pairs_hook=_object
)


def _record(line_number: int, value: Any, raw: str) -> JsonRecord:
    if not isinstance(value, dict):
        return JsonRecord(line_number, None, raw, "expected an object in braces")
    if isinstance(value, _Contradiction):
        return JsonRecord(line_number, None, raw, "a key occurs twice with different values")
    if MARK in raw:
        return JsonRecord(line_number, None, without_marks(raw), UNDECODABLE, "undecodable")
    if "\\u" in raw:
        try:
            compact(value).encode()
        except UnicodeEncodeError:
            return JsonRecord(line_number, None, raw, "holds half of a surrogate pair")
    return JsonRecord(line_number, value, raw)


def _lines(file: IO[str]) -> Iterator[JsonRecord]:
    for number, line in enumerate(file, 1):
        raw = line.strip()
        if not raw:
            continue
        try:
            value = _DECODER.decode(raw)
        except ValueError as error:
            if line.endswith("\n") or not _is_cut(error):
                yield JsonRecord(number, None, raw, str(error))
            elif number == 1:
                raise _CutOffError(number, str(error)) from error
            else:
                problem = f"the last line is not complete JSON: {error}"
                yield JsonRecord(number, None, without_marks(raw), problem, CUT_OFF)
        else:
            _require_a_record(number, value)
            yield _record(number, value, raw)


def _is_whole(file: IO[str]) -> bool:
    """Tell whether the first line holds a whole object."""
    try:
        _DECODER.decode(file.readline(LONGEST_RECORD).strip())
    except ValueError:
        return False
    return True


def _require_a_record(number: int, value: Any) -> None:
    """Refuse an object of lists and objects only: columns, or records by their ids."""
    if not isinstance(value, dict):
        return
    if value and all(isinstance(held, (list, dict)) for held in value.values()):
        raise RefusedError(
            f"line {number}: the object holds lists or objects only: it is no record",
            "export a list of records, an object around one list, or one record per line",
        )


class _Text:
    """A JSON text that is read in pieces."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._buffer = ""
        self._position = 0
        self._ended = False
        self.line = 1

    def peek(self) -> str:
        """Return the next character that is not white space, "" at the end."""
        while True:
            while self._position < len(self._buffer):
                character = self._buffer[self._position]
                if character not in _SPACE:
                    return character
                self.line += character == "\n"
                self._position += 1
            if self._ended:
                return ""
            self._read()

    def take(self, allowed: str) -> str:
        """Consume the next character, which must be one of those allowed."""
        character = self.peek()
        if not character or character not in allowed:
            expected = " or ".join(allowed)
            raise self.refusal(f"expected {expected}")
        self._position += 1
        return character

    def value(self) -> tuple[Any, str]:
        """Consume the next value and return it with its text."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._position)
            except ValueError as error:
                if self._ended and _is_cut(error):
                    raise _CutOffError(self.line, str(error)) from error
                if self._ended or len(self._buffer) - self._position > LONGEST_RECORD:
                    raise self.refusal(str(error)) from error
                self._read()
                continue
            if end == len(self._buffer) and not self._ended:
                self._read()  # a number might go on
                continue
            raw = self._buffer[self._position : end]
            self.line += raw.count("\n")
            self._position = end
            return value, raw

    def rest(self) -> str:
        """Return the text from here on that was read."""
        return self._buffer[self._position :]

    def refusal(self, problem: str) -> RefusedError:
        """Make the error that refuses the file at this place."""
        if self._ended and self._position >= len(self._buffer):
            return _CutOffError(self.line, problem)
        return RefusedError(f"line {self.line}: malformed JSON: {problem}", "export the file again")

    def _read(self) -> None:
        # Twice as much each time, so that an object of n characters is decoded log n times.
        chunk = self._file.read(max(_CHUNK, len(self._buffer) - self._position))
        self._ended = not chunk
        self._buffer = self._buffer[self._position :] + chunk
        self._position = 0


def _is_cut(error: ValueError) -> bool:
    """Tell whether what is wrong with a text is that it ends, and nothing before."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    left = error.doc[error.pos :]
    is_open = error.msg.startswith("Unterminated string")
    return is_open or not left.strip(_SPACE) or bool(_CUT_TOKEN.fullmatch(left))


def _look(
    text: _Text, exported: ExportObject, steps: tuple[str | None, ...], places: list[_Place]
) -> None:
    """Consume a value and note at which places in it there are objects, the outer ones first.

    Of a list it is the first element that is looked at, and an empty one is worth less than all.
    Single objects within one of known keys are its cells.
    """
    if len(steps) > _DEPTH or text.peek() not in ("[", "{"):
        text.value()
    elif text.peek() == "[":
        inside, is_empty = (*steps, _EACH), True
        for _ in _items(text, "[]"):
            if is_empty and text.peek() == "{":
                _look(text, exported, inside, places)
                if not steps:
                    return
            else:
                text.value()
            is_empty = False
        if is_empty:
            places.append(_Place(-1, inside))
    else:
        at, keys = len(places), []
        places.append(_Place(0, steps))
        for _ in _items(text, "{}"):
            key, _ = text.value()
            keys.append(str(key))
            text.take(":")
            _look(text, exported, (*steps, str(key)), places)
        places[at] = _Place(count_matches(keys, exported), steps)
        if places[at].matches:
            places[at + 1 :] = [p for p in places[at + 1 :] if _EACH in p.steps[len(steps) :]]


def _records_at(text: _Text, steps: tuple[str | None, ...]) -> Iterator[JsonRecord]:
    """Consume a value and yield the records to which the steps lead."""
    if not steps:
        text.peek()
        line = text.line
        yield _record(line, *text.value())
    elif steps[0] is _EACH and text.peek() == "[":
        for _ in _items(text, "[]"):
            yield from _records_at(text, steps[1:])
    elif steps[0] is not _EACH and text.peek() == "{":
        is_there = False
        for _ in _items(text, "{}"):
            key, _ = text.value()
            text.take(":")
            if key == steps[0]:
                is_there = True
                yield from _records_at(text, steps[1:])
            else:
                text.value()
        if not is_there:
            raise text.refusal(
                f"an object lacks {steps[0]!r}, under which the first one has records"
            )
    else:
        text.peek()
        line = text.line
        value, raw = text.value()
        if value is not None:
            yield JsonRecord(line, None, raw, "expected records as they are before")


def _items(text: _Text, brackets: str) -> Iterator[None]:
    """Go from item to item of a list or an object, each of which the caller consumes.

    A comma behind the last one is let pass.
    """
    closing = brackets[1]
    text.take(brackets[0])
    while text.peek() != closing:
        yield
        if text.take("," + closing) == closing:
            return
    text.take(closing)
