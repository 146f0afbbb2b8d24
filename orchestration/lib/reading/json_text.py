"""Records of JSON exports, one by one, with the line on which each begins.

An export is a list of objects, one object per line, or an object that wraps one list
(`{"tickets": [...], "count": 3}`). Belongs here: these three forms and how a value becomes a text
cell. Does not: what keys mean.

Python reads all JSON, because DuckDB does not keep the text of numbers ("1.10" becomes 1.1).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.records import RefusedError

# An object longer than this is taken for a malformed one: it bounds memory.
LONGEST_RECORD = 64_000_000
_CHUNK = 1 << 18


class JsonRecord(NamedTuple):
    """One object; `value` is None where the text is not one, and `problem` says why."""

    line_number: int
    value: dict[str, Any] | None
    raw: str
    problem: str | None = None


def json_records(path: Path, exported: ExportObject, *, by_line: bool) -> Iterator[JsonRecord]:
    """Read the records of a UTF-8 file.

    A malformed line is one malformed record; in a list nothing after a malformed element can be
    trusted, so the file is refused, as is one that ends too early.
    """
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        if not by_line:
            text = _Text(file)
            if text.peek() == "[":
                yield from _elements(text)
                text.expect_end()
                return
            if text.peek() != "{":
                raise text.refusal("expected a list, or an object")
            known = {
                name.strip().casefold()
                for column in exported.columns
                for name in (column.name, *column.aliases)
            }
            if _is_wrapper(text, known):
                file.seek(0)
                yield from _wrapped(_Text(file))
                return
            file.seek(0)
        yield from _lines(file, by_line=by_line)


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
    if "\\u" in raw:
        try:
            compact(value).encode()
        except UnicodeEncodeError:
            return JsonRecord(line_number, None, raw, "holds half of a surrogate pair")
    return JsonRecord(line_number, value, raw)


def _lines(file: IO[str], *, by_line: bool) -> Iterator[JsonRecord]:
    for number, line in enumerate(file, 1):
        raw = line.strip()
        if not raw:
            continue
        try:
            value = _DECODER.decode(raw)
        except ValueError as error:
            if not line.endswith("\n"):
                raise RefusedError(
                    f"line {number}: the last line is not complete JSON: {error}",
                    "the file is truncated: export it again",
                ) from error
            if not by_line and number == 1:
                raise RefusedError(
                    f"line 1: neither a list of objects nor an object: {error}",
                    "export a list, an object around one list, or one object per line",
                ) from error
            yield JsonRecord(number, None, raw, str(error))
        else:
            _require_a_record(number, value, by_line=by_line)
            yield _record(number, value, raw)


def _require_a_record(number: int, value: Any, *, by_line: bool) -> None:
    """Refuse an object that holds nothing but lists, or in a file of its own other objects.

    They are columns, pages or records by their ids.
    """
    if not isinstance(value, dict):
        return
    nested = [v for v in value.values() if isinstance(v, (list, dict) if not by_line else list)]
    if nested and len(nested) == len(value):
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
                if character not in " \t\r\n":
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

    def expect_end(self) -> None:
        """Refuse a text that goes on."""
        if self.peek():
            raise self.refusal("expected the end of the file")

    def refusal(self, problem: str) -> RefusedError:
        """Make the error that refuses the file at this place."""
        if self._ended and self._position >= len(self._buffer):
            return RefusedError(
                f"line {self.line}: the file ends too early ({problem})",
                "the file is truncated: export it again",
            )
        return RefusedError(f"line {self.line}: malformed JSON: {problem}", "export the file again")

    def _read(self) -> None:
        # Twice as much each time, so that an object of n characters is decoded log n times.
        chunk = self._file.read(max(_CHUNK, len(self._buffer) - self._position))
        self._ended = not chunk
        self._buffer = self._buffer[self._position :] + chunk
        self._position = 0


def _elements(text: _Text) -> Iterator[JsonRecord]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        text.peek()
        line = text.line
        yield _record(line, *text.value())
        if text.take(",]") == "]":
            return


def _is_wrapper(text: _Text, known: set[str]) -> bool:
    """Tell whether the first object wraps a list of records rather than being a record.

    A record has a key that the contract knows, a wrapper has a list of objects instead.
    """
    text.take("{")
    has_list = False
    while text.peek() == '"':
        key, _ = text.value()
        if str(key).strip().casefold() in known:
            return False
        text.take(":")
        if text.peek() == "[":
            text.take("[")
            if text.peek() == "{":
                return True
            has_list = has_list or text.peek() == "]"
            while text.peek() != "]":
                text.value()
                if text.peek() != "]":
                    text.take(",")
            text.take("]")
        else:
            text.value()
        if text.take(",}") == "}":
            break
    return has_list


def _wrapped(text: _Text) -> Iterator[JsonRecord]:
    text.take("{")
    found = None
    while True:
        key, _ = text.value()
        text.take(":")
        if text.peek() == "[":
            if found is not None:
                raise RefusedError(
                    f"line {text.line}: the object holds two lists, {found!r} and {key!r}",
                    "export one list per file",
                )
            found = key
            yield from _elements(text)
        else:
            text.value()
        if text.take(",}") == "}":
            text.expect_end()
            return
