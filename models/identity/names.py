"""Names in one spelling: lower case, Latin letters, given name and family name apart.

Belongs here: taking names apart, transliteration, nicknames. Does not: deciding whose names are
alike enough (dbt and `matching`).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import text_unidecode  # type: ignore[import-untyped]  # carries no types
from nicknames import NickNamer

from models.identity.firm_places import firm_and_place
from models.identity.legal_forms import (
    FIRST_LEGAL_FORMS,
    LEGAL_FORMS,
    is_last_legal_form,
    with_letters_joined,
    without_dots,
    word_set,
)

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_NOT_A_LETTER = re.compile("[^a-z]+")
_TITLES = word_set(
    "mr mrs ms miss mx dr prof sir madam herr frau mme mlle sr sra srta dna don dona rev"
)
# Which of several of one name in a family; of II and Jr. each may be the other.
_GENERATIONS = {
    "sr": "1", "senior": "1", "jr": "2", "junior": "2", "ii": "2", "iii": "3", "iv": "4",
}  # fmt: skip
_SUFFIXES = word_set("phd md esq") | frozenset(_GENERATIONS)
_FAMILIES_TOO = word_set("senior junior")  # unless a family name stands before them
_PARTICLES = word_set("van von der den de da do dos das del della di la le ter ten bin al")

# What stands where a form insists on a name.
_NOBODY = word_set(
    "test tester unknown anonymous anonymus guest customer user none null na nn no name noname tbd "
    "xx xxx asdf unbekannt anonym gast inconnu anonyme desconocido anonimo "
    "匿名 未知 佚名 无名 無名 测试 測試 游客 访客"
)
_NO_FIRM = _NOBODY | word_set(
    "not provided available applicable private individual personal self employed selfemployed "
    "account household privat"
)

_HAN_LEGAL_FORM = re.compile(
    "((股份|有限|责任|責任|集团|集團|控股)*公司|株式会社|有限会社|合同会社|주식회사) *$"
    "|^ *(株式会社|有限会社|주식회사)"
)
_APOSTROPHE = re.compile(r"(?<=\w)['`\u2018\u2019\u00b4](?=\w)")  # Lowe's is Lowes
_NORDIC_LEGAL_FORM = re.compile(r"\b([akip])/s\b", re.IGNORECASE)
# Registers of the United States tell namesakes by their state: Deere & Co/DE, Chico Corp /NEW/.
_REGISTERED_IN = re.compile(
    r"\b(inc|corp|co|company|ltd|plc|lp)\.?\s*/\s*[a-z]{2,3}\s*/?\s*$", re.IGNORECASE
)

# Words of organisations that are written short; beginnings of words need no entry.
_SHORT_WORDS = {
    "mfg": "manufacturing", "mfr": "manufacturing", "intl": "international", "natl": "national",
    "svc": "services", "svcs": "services", "assoc": "associates", "assocs": "associates",
    "bros": "brothers", "mgmt": "management", "mgt": "management", "mktg": "marketing",
    "grp": "group", "hldg": "holdings", "hldgs": "holdings", "dept": "department",
    "govt": "government", "ctr": "center", "centre": "center", "univ": "university",
    "hosp": "hospital", "pharma": "pharmaceuticals", "tech": "technologies", "ind": "industries",
    "inds": "industries", "fin": "financial", "ins": "insurance", "sys": "systems",
    "bldg": "building", "equip": "equipment", "dist": "distribution", "prod": "products",
    "prods": "products", "comm": "communications", "amer": "american", "labs": "laboratories",
}  # fmt: skip

# Short forms outside English, which the list of `nicknames` lacks.
_FORMAL_NAMES = {
    short: word_set(formal)
    for short, formal in {
        "pepe": "jose", "chepe": "jose", "paco": "francisco", "pancho": "francisco",
        "curro": "francisco", "kiko": "francisco enrique", "nacho": "ignacio", "lupe": "guadalupe",
        "lupita": "guadalupe", "chuy": "jesus", "chucho": "jesus", "beto": "roberto alberto",
        "berto": "roberto alberto", "memo": "guillermo", "quique": "enrique", "lalo": "eduardo",
        "pili": "pilar", "mari": "maria", "maite": "mariateresa", "concha": "concepcion",
        "conchita": "concepcion", "lola": "dolores", "charo": "rosario", "chelo": "consuelo",
        "toni": "antonio", "tono": "antonio", "nando": "fernando", "manolo": "manuel",
        "perico": "pedro", "rafa": "rafael", "javi": "javier", "santi": "santiago",
        "tere": "teresa", "isa": "isabel", "gigi": "luigi", "beppe": "giuseppe",
        "peppe": "giuseppe", "pino": "giuseppe", "gianni": "giovanni", "nino": "antonino giovanni",
        "ze": "jose", "chico": "francisco", "xico": "francisco",
        "hans": "johannes", "hannes": "johannes", "sepp": "josef", "jupp": "josef",
        "heinz": "heinrich", "fritz": "friedrich", "uli": "ulrich", "klaus": "nikolaus",
        "kathi": "katharina", "gitte": "brigitte", "gretel": "margarete", "jo": "johannes joseph",
        "sacha": "alexandre alexander", "sasha": "alexander aleksandr", "misha": "mikhail",
        "vanya": "ivan", "vova": "vladimir", "volodya": "vladimir", "dima": "dmitry dmitri dmitrii",
        "kolya": "nikolai", "pasha": "pavel", "katya": "ekaterina", "natasha": "natalia nataliya",
        "masha": "maria mariya", "tanya": "tatiana tatyana", "olya": "olga", "zhenya": "evgeny",
        "gosia": "malgorzata", "kasia": "katarzyna", "asia": "joanna", "ania": "anna",
        "mohamed": "muhammad", "mohammed": "muhammad", "mohammad": "muhammad",
        "muhammed": "muhammad", "mohamad": "muhammad", "mehmed": "muhammad",
        "mohd": "muhammad", "mhd": "muhammad",
        "krzys": "krzysztof", "tomek": "tomasz", "wojtek": "wojciech",
    }.items()
}  # fmt: skip

# Two characters that are one family name; all other Chinese family names have one.
_COMPOUND_FAMILY_NAMES = word_set(
    "欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 夏侯 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 令狐 司徒 "
    "宇文 长孙 長孫 轩辕 軒轅 端木 独孤 獨孤 南宫 南宮 百里 呼延 闻人 聞人 澹台 太史 钟离 鍾離 "
    "申屠 公冶"
)
# The hundred most frequent family names (Ministry of Public Security, 2020), which 85 % bear.
_FAMILY_NAMES = _COMPOUND_FAMILY_NAMES | frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕"
    "丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷段史龙黎贺陶顾毛郝龚邵万钱严覃武"
)
# Family names that are read otherwise than the character in a word.
_FAMILY_READINGS = {
    "曾": "zeng", "单": "shan", "單": "shan", "仇": "qiu", "区": "ou", "區": "ou", "查": "zha",
    "解": "xie", "朴": "piao", "盖": "ge", "召": "shao", "尉": "wei", "翟": "zhai", "洗": "xian",
    "冼": "xian", "乐": "yue", "樂": "yue", "覃": "qin", "缪": "miao", "繆": "miao", "华": "hua",
    "任": "ren", "宁": "ning", "万": "wan", "萬": "wan", "么": "yao", "员": "yun", "種": "chong",
    "种": "chong", "秘": "bi", "折": "she", "黑": "he", "繁": "po", "尉迟": "yuchi",
    "尉遲": "yuchi", "长孙": "zhangsun", "長孫": "zhangsun",
}  # fmt: skip


class PersonName(NamedTuple):
    """A name taken apart; a part that is not known is None.

    `generation` is 1 for Sr., 2 for Jr. and II, and so on, as a text.
    """

    given: str | None
    family: str | None
    generation: str | None = None


def person_name(first: str | None, last: str | None, full: str | None) -> PersonName:
    """Return given and family name in Latin lower-case letters without spaces, and the generation.

    `full` counts only where both parts are missing. It is read as `Family, Given`, as
    a Chinese name with the family name first when written in characters, else as
    `Given … Family`. Titles are dropped, middle names of `full` as well: systems differ in whether
    they keep them. Two records may still have the parts the other way round.
    `Guest`, `Unknown Unknown`, `n/a` and the like are nobody's name.
    """
    is_whole = not (first and first.strip()) and not (last and last.strip())
    if _are_all(_NOBODY, full or "" if is_whole else f"{first or ''} {last or ''}"):
        return PersonName(None, None)
    if not is_whole:
        return PersonName(_given(first or ""), _family(last or ""), _generation([last, first], 1))
    parts = (full or "").split(",")
    least = 1 if len(parts) > 1 else 2
    given, family = _split(full or "")
    return PersonName(_given(given), _family(family), _generation(parts, least))


def name_forms(given: str | None) -> list[str]:
    """Return a given name and the formal names it may be short for, sorted: bob → [bob, robert].

    Two names are alike when their forms meet. Source: the `nicknames` package (public domain list
    of English names).
    """
    if not given:
        return []
    return sorted({given, *_formal_names(given)})


class OrganisationName(NamedTuple):
    """A name taken apart; a part that is not known is None."""

    name: str | None
    town: str | None


def organisation_name(text: str | None) -> OrganisationName:
    """Return an organisation's name without its legal form: `The Acme Co., Ltd.` → acme.

    A department before it is left out, a town behind it told apart: `Acme AG, Munich` → acme,
    munich. Words are lower-case and Latin. A name that is nothing but legal forms stays as it is;
    `Unknown`, `Self-employed`, `n/a` and the like are no firm's.
    """
    name, town = firm_and_place(text or "")
    return OrganisationName(None if _are_all(_NO_FIRM, text or "") else _firm(name), town)


def _firm(name: str) -> str | None:
    plain = _APOSTROPHE.sub("", _HAN_LEGAL_FORM.sub("", name))
    plain = _NORDIC_LEGAL_FORM.sub(r"\1s", _REGISTERED_IN.sub(r"\1", plain)).replace("&", " and ")
    words = with_letters_joined(latin(without_dots(plain)).replace(" s de rl", " rl")).split()
    start, end = 0, len(words)
    while start < end - 1 and words[start] in FIRST_LEGAL_FORMS:
        start += 1
    while end > start + 1 and is_last_legal_form(words[end - 1]):
        end -= 1
    kept = [word for word in words[start:end] if word not in LEGAL_FORMS] or words
    return " ".join(_SHORT_WORDS.get(word, word) for word in kept) or None


def _are_all(fillers: frozenset[str], text: str) -> bool:
    words = re.findall(r"\w+", text.lower().replace("/", "").replace(".", ""))
    return bool(words) and fillers.issuperset(words)


def latin(text: str | None) -> str:
    """Return the text in lower-case ASCII letters and digits, words apart.

    Chinese characters become pinyin without tones, other scripts their usual transliteration.
    """
    if text is None:
        return ""
    plain = unicodedata.normalize("NFKC", text)
    if not plain.isascii():
        if _HAN.search(plain):
            plain = " ".join(_pinyin(part) if _HAN.match(part) else part for part in _runs(plain))
        plain = text_unidecode.unidecode(plain)
    return " ".join(re.sub("[^a-z0-9]+", " ", plain.lower()).split())


def _runs(text: str) -> list[str]:
    """Cut a text where Chinese characters begin or end."""
    return re.findall(f"{_HAN.pattern}+|[^\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+", text)


def _split(full: str) -> tuple[str, str]:
    full = unicodedata.normalize("NFKC", full).strip()
    han = "".join(_HAN.findall(full))
    if han and len(han) == len(full.replace(" ", "").replace("·", "")):
        return _split_han(full.replace("·", " ").split())
    family, comma, given = full.partition(",")
    if comma and given.strip() and given.strip().lower().strip(".") not in _SUFFIXES:
        return _without_titles(given.split())[0], family
    written = full.replace(",", " ").split()
    words = _without_titles(written)
    if len(words) == 1 and written[-1].lower() in _FAMILIES_TOO:
        return words[0], written[-1]
    if len(words) < 2:
        return " ".join(words), ""
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in _PARTICLES:
        start -= 1
    return words[0], " ".join(words[start:])


def _split_han(words: list[str]) -> tuple[str, str]:
    """Return given and family name of 张伟, 张 伟, and 伟 张 from forms with a first and a last."""
    if len(words) == 1:
        han = words[0]
        length = 2 if han[:2] in _COMPOUND_FAMILY_NAMES and len(han) > 2 else 1
        return han[length:], han[:length]
    first, last = words[0], "".join(words[1:])
    is_turned = (len(first) > 1, last in _FAMILY_NAMES) > (len(last) > 1, first in _FAMILY_NAMES)
    return (first, last) if is_turned else (last, first)


def _without_titles(words: list[str]) -> list[str]:
    while len(words) > 1 and words[0].lower().strip(".") in _TITLES:
        words = words[1:]
    while len(words) > 1 and words[-1].lower().strip(".") in _SUFFIXES:
        words = words[:-1]
    return words


def _generation(texts: Sequence[str | None], least_before: int) -> str | None:
    """Return the generation that stands at the end of a part of a name, or is all of it.

    Senior and Junior need `least_before` words before them: Anna Senior is a family's name.
    """
    for text in texts:
        *before, last = (text or "").lower().replace(".", "").split() or [""]
        if last in _GENERATIONS and (last not in _FAMILIES_TOO or len(before) >= least_before):
            return _GENERATIONS[last]
    return None


def _given(text: str) -> str | None:
    if _HAN.search(text):
        return _letters(_pinyin("".join(_HAN.findall(text))))
    words = _without_titles(text.split())
    # Sean A. is Sean: systems differ in whether they keep initials of middle names.
    return _letters(" ".join(_without_initials(words)))


def _without_initials(words: list[str]) -> list[str]:
    return [word for word in words if len(word.strip(".")) > 1] or words


def _family(text: str) -> str | None:
    han = "".join(_HAN.findall(text))
    if han:
        return _letters(_FAMILY_READINGS.get(han) or _pinyin(han))
    return _letters(" ".join(_without_titles(text.split())))


def _letters(text: str) -> str | None:
    plain = text if text.isascii() else text_unidecode.unidecode(text)
    return _NOT_A_LETTER.sub("", plain.lower()) or None


def _pinyin(han: str) -> str:
    # Imported where a Chinese name occurs: its dictionaries take a fifth of a second.
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(han))


@cache
def _nicknamer() -> NickNamer:
    return NickNamer()


@cache
def _formal_names(given: str) -> frozenset[str]:
    return frozenset(_nicknamer().canonicals_of(given)) | _FORMAL_NAMES.get(given, frozenset())
