# ruff: noqa: RUF001  (the letters of other alphabets are what this module knows)
"""In which encoding the text of an export is.

Decided from a byte order mark, the contract, the zero bytes of UTF-16 and UTF-32, the grammar of
UTF-8, and only then by likelihood among the code pages that spreadsheets write. The last is a
guess, and is reported as one. Belongs here: that decision and the transcoding to UTF-8. Does not:
what the text says.
"""

import codecs
import mmap
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.records import RefusedError

Confidence = Literal["certain", "declared", "likely"]

# Stands before the bytes that could not be decoded, as <FF>. A code point that is not a character:
# no text has it.
MARK = "\ufdd0"
UNDECODABLE = "bytes of the row are not text in the encoding of the file"  # what is said of them

# Longest first: the mark of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_EVIDENCE = 1 << 17  # bytes of lines beyond ASCII that a code page is judged by

# Of UTF-8 that is damaged in places, the valid sequences by far outnumber the others; text in a
# code page has hardly any (GBK the most: of random pairs of its letters a fifth).
_VALID_PER_BAD = 4
_VALID_PER_BAD_OF_TWO = 0.5  # where no code page explains the file: files put together
_CONCLUSIVE = 1000  # bytes that are not UTF-8, after which there is no need to read on

_LATIN = "áàâäãåæçéèêëíìîïñóòôöõøœúùûüýßÁÀÂÄÃÅÆÇÉÈÊËÍÎÑÓÔÖÕØŒÚÜ"
_CENTRAL = "áâäąăćčçďđéęěëíîĺľłńňóôöőřŕśšşßťţúůüűýźžżÁĄĆČĎÉĘĚÍŁŃŇÓÖŐŘŚŠŤÚŮÜŰÝŹŽŻ"
# Of code pages for many languages: a text is mostly in one of them.
_CENTRAL_LANGUAGES = (
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "ąćęłńóśźż",
    "áéíóöőúüű",
    "ăâîşţ",
    "čćđšž",
    "äöüß",
)
_BALTIC = "āąäčēęėģīįķļņõöšūųüžĀĄČĒĖĢĪĮĶĻŅŠŪŲŽ"
_TURKISH = "çğıöşüâîÇĞİÖŞÜ"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ"
_HEBREW = "אבגדהוזחטיךכלםמןנסעףפץצקרשת"
_ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأإؤئ"
_VIETNAMESE = "ăâđêôơưáàãéèíìóòõúùýĂÂĐÊÔƠƯ"
_VOWELS = frozenset("аеёиоуыэюяіїєαεηιουωάέήίόύώϊϋ")
_THAI = "".join(map(chr, range(0x0E01, 0x0E5C)))
# Signs that office software puts into any western text.
_SIGNS = "€£§©®°º«»–—‘’‚“”„•…·±²³´½¿¡№\u00a0"

# Code page → letters of the languages it is used for; the likelier one first where two fit alike.
_SINGLE_BYTE = {
    "cp1252": _LATIN,
    "cp1251": _CYRILLIC + _CYRILLIC.upper(),
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
    "cp1253": _GREEK + _GREEK.upper(),
    "iso8859-5": _CYRILLIC + _CYRILLIC.upper(),
    "koi8-r": _CYRILLIC + _CYRILLIC.upper(),
    "cp866": _CYRILLIC + _CYRILLIC.upper(),
    "cp874": _THAI,
    "cp1258": _VIETNAMESE,
    "mac-roman": _LATIN,
    "cp850": _LATIN,
}
# Code page → lead bytes of what its language writes all the time, and of the rest of its standard.
_DOUBLE_BYTE = {
    "cp949": (range(0xB0, 0xC9), range(0xA1, 0xAD)),
    "euc-jp": (range(0xB0, 0xD0), range(0xA1, 0xA9)),
    "gb18030": (range(0xB0, 0xD8), range(0xA1, 0xAA)),
    "big5hkscs": (range(0xA4, 0xC7), range(0xA1, 0xA4)),
    "cp932": (range(0x88, 0x98), range(0x81, 0x84)),
}
# What East Asian spreadsheets write in front of hours.
_BEFORE_CLOCK = re.compile(r"([^\x00-\x7f]+) ?[0-9]{1,2}:[0-9]{2}")
_HALVES_OF_A_DAY = frozenset({"上午", "下午", "午前", "午後", "오전", "오후"})
_KANA = re.compile("[ぁ-ゖァ-ヺー]")
# Code pages that explain much by chance, or are rare in exports, have to fit better than others.
_HANDICAP = {
    "cp874": 0.3,
    "cp1258": 0.2,
    "cp850": 0.35,
    "mac-roman": 0.35,
    "cp866": 0.1,
    "iso8859-5": 0.1,
}
_MANY_LANGUAGES = {"cp1250": _CENTRAL_LANGUAGES, "iso8859-2": _CENTRAL_LANGUAGES}
# Text in ASCII only, in which these switch between alphabets.
_SWITCHES = {b"\x1b$)C": "iso2022_kr", b"\x1b$B": "iso2022_jp_ext", b"\x1b$@": "iso2022_jp_ext"}

# What UTF-7 makes of the plus sign, of characters beyond ASCII and of some signs. A plus sign in a
# number never stands before what decodes to one of these, in a mailbox (`me+shop@`) hardly ever.
_SHIFTED = re.compile(rb"\+([A-Za-z0-9+/]*)-?")
_PLUS_MINUS = re.compile(rb"(?<![-+])\+-")  # not as part of a drawn rule
_LONE_PLUS = re.compile(rb"\+(?!-)")
_SHIFTED_LETTERS = frozenset("".join(_SINGLE_BYTE.values()) + _SIGNS)
_SHIFTED_SIGNS = frozenset('!"#$%&*;<=>@[\\]^_`{|}~')
_CHINESE = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]+")  # with its punctuation
_FEW_SHIFTED = 3  # letters, below which it may be chance

# Below this mean a code page does not explain the text: see `_likelihood`.
_PLAUSIBLE = 0.4
_CLOSE = 0.15
# With fewer bytes beyond ASCII any code page explains them: only the most common one is considered.
_FEW = 3


@dataclass(frozen=True)
class Encoding:
    """The encoding of a file; `damaged` where some of its bytes are not of that encoding."""

    name: str
    how: str
    confidence: Confidence
    damaged: bool = False
    warning: str | None = None


# What UTF-8 becomes that was read as windows-1252 and written again, and what stands for letters
# that a program could not read.
_TWICE = re.compile(
    "(?:Ã|Â)[\u0080-\u00bf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€[\u0080-\u00bf˜™œž“”¢¦]|ï»¿"
)
_LOST = "\ufffd"

_PLAIN_UTF8 = Encoding("utf-8", "all bytes are valid UTF-8", "certain")


def decide_encoding(path: Path, exported: ExportObject) -> Encoding:
    """Decide the encoding of a file from all its bytes.

    Raises RefusedError when no encoding explains the bytes.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            if name != "utf-8-sig":
                return Encoding(name, "byte order mark", "certain")
            seen = _look_at_bytes(path)
            return _noting_loss(Encoding(name, "byte order mark", "certain", seen.bad > 0), seen)
    if exported.encoding is not None:
        name = codecs.lookup(exported.encoding).name
        damaged = name == "utf-8" and _look_at_bytes(path).bad > 0
        return Encoding(name, "declared", "declared", damaged)
    wide = _by_zero_bytes(head)
    if wide is not None:
        return Encoding(wide, "every other byte is zero", "certain")
    seen = _look_at_bytes(path)
    valid, bad = seen.valid, seen.bad
    if bad == 0:
        if valid == 0 and seen.has_switches:
            return _by_switches(path) or _plain_utf8(path)
        return _noting_loss(_PLAIN_UTF8, seen)
    if valid and bad == seen.cut:
        return _damaged_utf8(path, "the last character is not whole")
    if valid >= _VALID_PER_BAD * bad:
        return _damaged_utf8(path, f"{bad:,} bytes are not, {valid:,} sequences beyond ASCII are")
    return _noting_mixture(_by_likelihood(path, exported, seen), valid)


def _noting_mixture(encoding: Encoding, valid: int) -> Encoding:
    """Say that a text in the code page of Western Europe holds letters of UTF-8 as well.

    They are as good as never a text there (`Ã¼`): rows of two programs were put together. Elsewhere
    they are: the name that begins with CF B8 in windows-1251 is Russian.
    """
    if not valid or encoding.damaged or encoding.name not in ("cp1252", "latin-1"):
        return encoding
    mixed = f"{valid:,} sequences are letters in UTF-8: rows may be in different encodings, and "
    mixed += "some be read wrongly"
    return replace(encoding, warning=f"{encoding.warning}; {mixed}")


def _noting_loss(encoding: Encoding, seen: "_Bytes") -> Encoding:
    """Say that letters were spoilt before the file was written: nobody can see that in numbers."""
    said = []
    if seen.twice:
        said.append(
            f"{seen.twice:,} letters look like UTF-8 that was read as windows-1252 and saved again "
            "(`Ã¼`): they land as they are"
        )
    if seen.lost:
        said.append(
            f"{seen.lost:,} replacement characters (U+FFFD): letters lost before the export"
        )
    return replace(encoding, warning="; ".join(said) or None)


def as_utf8(path: Path, encoding: Encoding, target: Path) -> tuple[Path, bool]:
    """Return a UTF-8 file with the same text, and whether some bytes of it are marked.

    It is the file itself, or `target` written from it. A byte that the encoding does not have
    becomes MARK and its number.
    """
    if encoding.name in ("utf-8", "utf-8-sig") and not encoding.damaged:
        return path, False
    marked = False
    with path.open("rb") as source, target.open("wb") as out:
        for number, text in enumerate(_decoded(source, encoding.name)):
            marked = marked or MARK in text
            out.write((text.removeprefix("\ufeff") if number == 0 else text).encode())
    return target, marked


def without_marks(text: str) -> str:
    """Return a text with marked bytes, or zero bytes, as people are shown them: `<FF>`."""
    return text.replace(MARK, "").replace("\0", "<00>")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(f"{MARK}<{byte:02X}>" for byte in bad), error.end


codecs.register_error("mark", _mark)


def _decoded(source: BinaryIO, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(name)("mark")
    while chunk := source.read(_CHUNK):
        if text := decoder.decode(chunk):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


class _Bytes(NamedTuple):
    """What a look at all bytes gave.

    Valid sequences of UTF-8 beyond ASCII, bytes that are not UTF-8, those of them at the end that
    begin a sequence, whether anything occurs with which text in ASCII switches between alphabets,
    letters that were encoded twice, and signs of letters that were lost.
    """

    valid: int
    bad: int
    cut: int
    has_switches: bool
    twice: int
    lost: int


def _look_at_bytes(path: Path) -> _Bytes:
    """Count what is beyond ASCII in a file.

    Counting ends early when the text is clearly not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("mark")
    valid = bad = twice = lost = 0
    pending = has_switches = False
    with path.open("rb") as source:
        while True:
            chunk = source.read(_CHUNK)
            has_switches = has_switches or b"+" in chunk or b"\x1b" in chunk
            if not pending and chunk and chunk.isascii():
                continue
            text = decoder.decode(chunk, final=not chunk)
            pending = bool(decoder.getstate()[0])
            marks = text.count(MARK)
            bad += marks
            lost += text.count(_LOST)
            if "Ã" in text or "Â" in text or "â€" in text or "ï»¿" in text:
                twice += len(_TWICE.findall(text))
            # Each mark stands before four characters of its own.
            valid += (len(text.encode()) - len(text) - 2 * marks + 1) // 2
            if not chunk or (bad > _CONCLUSIVE and valid < _VALID_PER_BAD * bad):
                cut = 0 if chunk else marks  # the bytes that were pending
                return _Bytes(valid, bad, cut, has_switches, twice, lost)


def _by_zero_bytes(head: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32 without a mark by where delimiters and digits have zeros."""
    zeros_in_text = head.count(0) * 4 < len(head) and head.replace(b"\0", b"").isascii()
    if head.count(0) * 20 < len(head) or zeros_in_text:
        return None
    for name, size, filled in (
        ("utf-32-le", 4, 0),
        ("utf-32-be", 4, 3),
        ("utf-16-le", 2, 0),
        ("utf-16-be", 2, 1),
    ):
        zeros = [head[place::size].count(0) for place in range(size)]
        at_text = zeros.pop(filled)
        if all(count > 10 * at_text and count > 0 for count in zeros):
            cut = head[: len(head) // size * size]
            text = cut.decode(name, "replace")
            if text.count("\ufffd") * 100 <= len(text):
                return name
    return None


def _plain_utf8(path: Path) -> Encoding:
    """Return UTF-8, with a warning where every plus sign stands as UTF-7 would write it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # A plus sign that is one is found at once, the other pattern looked for everywhere.
        if _LONE_PLUS.search(data) or not _PLUS_MINUS.search(data):
            return _PLAIN_UTF8
    warning = (
        "a minus follows every plus sign, as UTF-7 writes a plus sign: declare "
        "`encoding: utf-7` if these are to be one sign"
    )
    return replace(_PLAIN_UTF8, warning=warning)


def _by_switches(path: Path) -> Encoding | None:
    """Recognise the encodings of e-mail programs, which write other alphabets in ASCII."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        name = "utf-7" if _is_utf7(data) else None
        if data.find(b"\x1b") >= 0:
            found = (name for switch, name in _SWITCHES.items() if data.find(switch) >= 0)
            name = next(found, name)
    if name is None:
        return None
    warning = f"the encoding is not declared; {name} is likely, because switches between alphabets "
    warning += "occur: declare `encoding:` to be sure"
    return Encoding(name, "switches between alphabets occur", "likely", warning=warning)


def _is_utf7(data: mmap.mmap) -> bool:
    """Tell whether every plus sign of a text begins letters as UTF-7 writes them."""
    letters = 0
    for match in _SHIFTED.finditer(data):
        if match[0] == b"+-":  # the plus sign itself
            continue
        try:
            text = match[0].decode("utf-7")
        except UnicodeDecodeError:
            return False
        # of digits alone, as in phone numbers, an ideograph may come by chance
        is_chinese = not match[1].isdigit() and bool(_CHINESE.fullmatch(text))
        is_known = bool(match[1]) and set(text) <= _SHIFTED_LETTERS | _SHIFTED_SIGNS
        if not is_chinese and not is_known:
            return False
        letters += not text.isascii()
    return letters >= _FEW_SHIFTED


def _by_likelihood(path: Path, exported: ExportObject, seen: "_Bytes") -> Encoding:
    lines, count = _lines_beyond_ascii(path)
    beyond = sum(len(re.findall(rb"[\x80-\xff]", line)) for line in lines[:_FEW])
    names = (*_SINGLE_BYTE, *_DOUBLE_BYTE) if beyond >= _FEW else ("cp1252",)
    ranked = _ranked(lines, names)
    if ranked[0][0] < _PLAUSIBLE and len(lines) > 1:  # the last may be cut within a character
        *lines, _ = lines
        ranked = _ranked(lines, names)
    score, best = ranked[0]
    if best == "cp1252" and _decodes(lines, "cp1252") is None:
        best = "latin-1"
    if score < _PLAUSIBLE:
        if count * 100 <= max(100, _count_lines(path)):
            return _damaged_utf8(path, f"{count:,} lines have bytes that no code page explains")
        if seen.valid >= _VALID_PER_BAD_OF_TWO * seen.bad:
            return _damaged_utf8(path, "rows are in different encodings, some of them in UTF-8")
        offset, line = _first_beyond_ascii(path)
        raise RefusedError(
            f"line {line}: the byte at offset {offset:,} is not UTF-8, and no code page explains "
            "the text",
            f"declare `encoding:` for {exported.name} in the contract (Excel writes its machine's "
            "code page: cp1252, cp1251, gb18030, …), or export it as UTF-8",
        )
    text = _decodes(lines, best)
    near = [name for other, name in ranked[1:] if other > max(score - _CLOSE, _PLAUSIBLE)]
    second = _second_opinion(lines)
    others = [name for name in (second, *near) if name and _decodes(lines, name) != text]
    others = list(dict.fromkeys(others))
    also = f"; it could also be {' or '.join(others[:2])}" if others else ""
    return Encoding(
        best,
        f"likeliest of {len(ranked)} code pages for {count:,} lines beyond ASCII{also}",
        "likely",
        warning=f"the encoding is not declared; {best} is the likeliest for {count:,} lines beyond "
        f"ASCII{also}: declare `encoding:` to be sure",
    )


def _ranked(lines: list[bytes], names: Iterable[str]) -> list[tuple[float, str]]:
    """Return how likely code pages are, the likeliest first; of equal ones the first."""
    found = [(_likelihood(lines, name) - _HANDICAP.get(name, 0), name) for name in names]
    return sorted(found, key=lambda item: -item[0])


def _second_opinion(lines: list[bytes]) -> str | None:
    """Ask charset-normalizer, which knows languages but not tables: short cells mislead it."""
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(lines)[:_EVIDENCE]).best()
    return best.encoding if best is not None else None


def _damaged_utf8(path: Path, how: str) -> Encoding:
    return Encoding(
        "utf-8",
        how,
        "likely",
        damaged=True,
        warning=f"UTF-8 with damaged rows, which are set aside: {how}",
    )


def _lines_beyond_ascii(path: Path) -> tuple[list[bytes], int]:
    """Return the first lines that are not ASCII, as many as are needed, and their number."""
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                lines.append(line.rstrip(b"\r\n"))
                size += len(line)
                if size > _EVIDENCE:
                    break
    return lines, len(lines)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))


def _first_beyond_ascii(path: Path) -> tuple[int, int]:
    offset, line = 0, 1
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found = re.search(rb"[\x80-\xff]", chunk)
            if found:
                return offset + found.start(), line + chunk.count(b"\n", 0, found.start())
            offset += len(chunk)
            line += chunk.count(b"\n")
    return offset, line


def _decodes(lines: list[bytes], name: str) -> str | None:
    try:
        return b"\n".join(lines).decode(name)
    except UnicodeDecodeError:
        return None


def _likelihood(lines: list[bytes], name: str) -> float:
    """Score how well a code page explains lines: 1 when all is what its languages write, -1 none.

    The mean over the characters beyond ASCII.
    """
    text = _decodes(lines, name)
    if text is None:
        if name != "cp1252":  # latin-1 is a superset of its letters
            return -2.0
        text = b"\n".join(lines).decode("latin-1")
    if name in _DOUBLE_BYTE:
        return _double_byte_score(text, name) + _tells_time(text)
    common = _SINGLE_BYTE[name]
    latin = common in (_LATIN, _CENTRAL, _BALTIC, _TURKISH, _VIETNAMESE)
    score, count = 0.0, 0
    for match in re.finditer(r"[^\W\d_]*[^\x00-\x7f]+[^\W\d_]*", text):
        word = match[0]
        around = text[max(match.start() - 2, 0) : match.start()].strip()[-1:]
        around += text[match.end() : match.end() + 2].strip()[:1]
        beyond = [c for c in word if ord(c) > 127]
        ascii_letters = sum(c.isascii() for c in word)
        spoken = len(word) < 3 or bool(_VOWELS & set(word.lower()))
        for place, c in enumerate(word):
            if c.isascii():
                continue
            count += 1
            if c in common:
                if len(word) == 1 and any(map(str.isdigit, around)):
                    continue  # beside a number stands a sign, of a currency for one, not a letter
                swapped = place > 0 and c.isupper() and word[place - 1].islower()
                swapped = swapped or (
                    not latin and place > 0 and c.isupper() and not word.isupper()
                )
                alone = latin and len(beyond) > 1 and ascii_letters < len(beyond) - 1
                mixed = not latin and ascii_letters > 0
                mixed = mixed or (bool(_VOWELS & set(common)) and not spoken)
                # õ is Portuguese before e only; elsewhere the byte is the Hungarian ő
                strange = c == "õ" and word[place + 1 : place + 2] != "e"
                score += -1 if swapped or alone or mixed or strange else 1
            elif c in _SIGNS:
                inside = 0 < place < len(word) - 1 and word[place - 1].isalpha()
                score += -0.5 if inside and c not in "’‘·" else 0.7
            else:
                score -= 1
    return score / max(count, 1) - _mixture(text, name)


def _mixture(text: str, name: str) -> float:
    """Score how much a text mixes languages of one code page: 0 when it is in one, .5 at most.

    Turkish looks like letters of all central European languages at once.
    """
    letters = [c for c in text.lower() if ord(c) > 127 and c.isalpha()]
    languages = _MANY_LANGUAGES.get(name)
    if not languages or not letters:
        return 0.0
    return 0.5 - 0.5 * max(sum(c in language for c in letters) for language in languages) / len(
        letters
    )


def _tells_time(text: str) -> float:
    """Return what it adds that before every clock stands a half of the day, if that is so.

    Where a table has no other words, each code page makes some word of these.
    """
    found = _BEFORE_CLOCK.findall(text)
    return 0.5 if len(found) >= _FEW and _HALVES_OF_A_DAY.issuperset(found) else 0.0


def _double_byte_score(text: str, name: str) -> float:
    often, signs = _DOUBLE_BYTE[name]
    score, count = 0.0, 0
    for place, c in enumerate(text):
        if c.isascii():
            continue
        count += 1
        around = text[max(place - 1, 0) : place + 2]
        in_word = any(other.isascii() and other.isalpha() for other in around)
        code = c.encode(name)
        if c.isalpha() and ord(c) < 0x250:  # Latin letters, with which western names are written
            score += 1 if in_word else 0.3
        elif in_word or len(code) < 2:
            score -= 1
        elif len(code) == 4:  # rare characters, which no other text gives by chance
            score += 0.3
        elif code[0] in often or (name in ("euc-jp", "cp932") and _KANA.match(c)):
            score += 1
        elif code[0] in signs:
            score += 0.3
        else:
            score -= 0.5
    return score / max(count, 1)
