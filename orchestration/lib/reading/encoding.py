"""In which encoding the text of an export is.

The decision is made from the contract and the bytes, and recorded; nothing is guessed where two
answers are possible. Belongs here: that decision and the transcoding to UTF-8. Does not: what the
text says.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.records import RefusedError

# Longest first: the mark of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20


def decide_encoding(path: Path, exported: ExportObject) -> str:
    """Return the encoding: a byte order mark, else what the contract says, else UTF-8."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if exported.encoding is not None:
        return codecs.lookup(exported.encoding).name
    if head.count(0) * 4 > len(head):  # in UTF-16 every other byte of western text is zero
        raise RefusedError(
            f"line 1: zero byte at offset {head.index(0)}, and many more: this is UTF-16 without a "
            "byte order mark",
            f"declare `encoding: utf-16-le` (or utf-16-be) for {exported.name} in the contract",
        )
    return "utf-8"


def as_utf8(path: Path, encoding: str, target: Path) -> Path:
    """Return a UTF-8 file with the same text: the file itself, or `target` written from it.

    Raises RefusedError with the offset of the first byte that the encoding does not have.
    """
    if encoding in ("utf-8", "utf-8-sig"):
        return path
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="") as out:
        for number, text in enumerate(decoded(source, encoding)):
            out.write(text.removeprefix("\ufeff") if number == 0 else text)
    return target


def check_encoding(path: Path, encoding: str) -> None:
    """Raise RefusedError with the place of the first byte that the encoding does not have."""
    with path.open("rb") as source:
        # utf-8-sig counts offsets behind the mark; as plain UTF-8 the mark is a valid character
        for _ in decoded(source, encoding.removesuffix("-sig")):
            pass


def decoded(source: BinaryIO, encoding: str) -> Iterator[str]:
    """Decode a stream chunk by chunk; an undecodable byte is refused with its offset and line."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    while True:
        chunk = source.read(_CHUNK)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            at = offset - pending + error.start
            raise RefusedError(
                f"line {line + before.count(chr(10))}: byte 0x{error.object[error.start]:02X} at "
                f"offset {at:,} is not {encoding}",
                "declare the file's `encoding:` in the contract (Excel writes its machine's code "
                "page: cp1252, cp1251, gb18030, …), or export it as UTF-8",
            ) from error
        line += text.count("\n")
        offset += len(chunk)
        if text:
            yield text
        if not chunk:
            return
