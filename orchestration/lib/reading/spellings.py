# ruff: noqa: RUF001  (how values are spelt elsewhere is what this module knows)
"""How values are spelt in exports: nothing, yes and no, numbers, dates and times.

Belongs here: spellings as texts and patterns. Does not: deciding between them (`decisions`), what
they become (`values`).
"""

import re
import unicodedata
from collections.abc import Mapping

# Whole cells that say "nothing here" in a column where they cannot be a value.
NULL_SPELLINGS = frozenset(
    {"null", "(null)", "<null>", "\\n", "n/a", "#n/a", "na", "nan", "nat", "none", "nil"}
    | {"n.a.", "undefined", "(blank)", "(no value)", "-", "--", "–", "—", "?"}
    | {"<na>", "(empty)", "(none)", "n/d", "s/d", "''", '""'}
    | {".", "missing", "tbd", "k.a.", "keine angabe", "(leer)", "(vide)", "(vacío)", "(vuoto)"}
)
# Those that no text means otherwise, in the spelling that programs write.
TEXT_NULLS = ("\\N", "#N/A", "NULL")

# What MySQL writes for "no date", with or without a time.
ZERO_DATE = "0000-00-00"

# In full and as one letter: J/N in German, O/N in French, S/N in Spanish, V/F in Italian.
_YES = "true t yes y 1 1.0 wahr ja j oui o vrai v sí si sim s verdadero verdadeiro vero да 是 真"
_YES += " はい 예"
_NO = "false f no n 0 0.0 falsch nein non faux não nao falso нет 否 假 いいえ 아니요"
# As forms, settings and Access say it.
_YES += " on checked enabled ✓ ✔ ☑ -1"
_NO += " off unchecked disabled ✗ ✘ ☐"
TRUE, FALSE = tuple(_YES.split()), tuple(_NO.split())
CROSS = "x"  # yes, where a column holds nothing else

# What nobody sees at the edge of a cell: the spaces of Unicode and the marks that take no room.
INVISIBLE = (
    "\u00a0\u00ad\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b"
    "\u200e\u200f\u202f\u205f\u2060\u3000\ufeff"
)
BLANKS = " \t" + INVISIBLE
WIDE = "０１２３４５６７８９．，：／－＋％　"
NARROW = "0123456789.,:/-+% "

PLAIN = {
    "integer": "-?[0-9]{1,18}",
    "decimal": "-?[0-9]{1,18}([.][0-9]{1,30})?",
}
# Decimals whose point cannot group digits.
UNGROUPED = "-?[0-9]{1,18}([.]([0-9]{1,2}|[0-9]{4,30}))?"
# What Excel makes of a long number; the digits behind are lost.
SCIENTIFIC = "[+-]?[0-9]([.,][0-9]+)?[eE][+][0-9]+"
# What programs write with all its digits. With a plus and more than nine it is what Excel shows.
EXPONENT = "[+-]?[0-9]{1,18}(?:[.,][0-9]{1,30})?[eE](?:[+]?0?[0-9]|1[0-8]|-[0-9]{1,2})"
# What a spreadsheet shows of a number in a narrow column, or in its format for scientists.
ROUNDED = "[+-]?[0-9][.,][0-9]{1,2}E[+]0[0-9]"

# The months in English, German, French, Spanish, Portuguese, Italian and Dutch, in full and as they
# are abbreviated. No spelling is another month elsewhere, so the language need not be known.
_MONTHS = (
    "jan january januar jänner janvier janv enero ene janeiro gennaio gen januari",
    "feb february februar feber février févr fév febrero fevereiro fev febbraio februari",
    "mar march märz mär mrz maerz mars marzo março maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maio maggio mag mei",
    "jun june juni juin junio junho giugno giu",
    "jul july juli juillet juil julio julho luglio lug",
    "aug august août agosto ago augustus",
    "sep sept september septembre septiembre setiembre setembro set settembre sett",
    "oct october oktober okt octobre octubre outubro out ottobre ott",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre déc diciembre dic dezembro dicembre",
)


def without_accents(text: str) -> str:
    """Leave letters without their accents, and ß as ss."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in letters if not unicodedata.combining(c))


# Name of a month in lower case and without accents → its number.
MONTHS: Mapping[str, int] = {
    without_accents(name): number
    for number, names in enumerate(_MONTHS, 1)
    for name in names.split()
}
_MONTH = "|".join(
    sorted({*MONTHS, *" ".join(_MONTHS).split()}, key=lambda name: (-len(name), name))
)
_DAYS = (
    "(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|"
    "sonnabend|mo|di|mi|do|fr|sa|so|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|"
    "lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo|(?:segunda|ter[cç]a|quarta|quinta|"
    "sexta)(?:-feira)?|(?:lune|marte|mercole|giove|vener)d[iì]|sabato|domenica|"
    "(?:maan|dins|woens|donder|vrij|zater|zon)dag"
)
_WEEKDAY = f"(?:(?:{_DAYS})[.]?,? +)?"
_DAY_MONTH = "([0-9]{1,2})"
_YEAR = "([0-9]{4}|[0-9]{2})"
# Abbreviations of zones that mean one thing, with their hours from UTC: those of RFC 822 and the
# European ones. CST is Chinese as well, IST Indian, Irish or Israeli, BST British or of Bangladesh:
# times with these are set aside.
ZONES: Mapping[str, int] = {
    "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3,
}  # fmt: skip
_OFFSET = f"(?:UTC|GMT)?([Zz]|UTC|GMT|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)|({'|'.join(ZONES)})"
_CLOCK = (
    "(?:(?: *T| +|, *|,? +(?:at|um|à|a las|às|alle|om) +)([0-9]{1,2})[:.]([0-9]{2})"
    "(?:[:.]([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    f"(?:[ \u00a0\u202f]*([AaPp])[.]?[Mm][.]?)?(?: *(?:{_OFFSET}))?)?"
)
_ZONE_NAME = r"(?: \([A-Za-z .]+\))?"  # behind an offset, as mail and browsers write it
_CLOCK_PARTS = ("h", "mi", "s", "f", "ap", "z", "zone")
# As Excel shows it in East Asia: the half of the day stands before the hour.
_ASIAN_CLOCK = " +(上午|下午|오전|오후|午前|午後) *([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?"
# Spelling of a date or time → pattern and the parts it captures, in order.
TIMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ymd": (
        # a date of XML Schema may end with Z as well
        f"([0-9]{{4}})[-/.] ?{_DAY_MONTH}[-/.] ?{_DAY_MONTH}(?:[.]?{_CLOCK}|[Zz])",
        ("y", "m", "d", *_CLOCK_PARTS),
    ),
    "ymd 上午": (
        f"([0-9]{{4}})[-/.]{_DAY_MONTH}[-/.]{_DAY_MONTH}{_ASIAN_CLOCK}",
        ("y", "m", "d", "ap", "h", "mi", "s"),
    ),
    "dmy": (
        # as it is written in South Slavic languages, the year has its point as well
        f"{_DAY_MONTH}[-/. ]{_DAY_MONTH}[-/. ]{_YEAR}[.]?{_CLOCK}",
        ("d", "m", "y", *_CLOCK_PARTS),
    ),
    "mdy": (
        f"{_DAY_MONTH}[-/. ]{_DAY_MONTH}[-/. ]{_YEAR}{_CLOCK}",
        ("m", "d", "y", *_CLOCK_PARTS),
    ),
    "yymd": (
        f"([0-9]{{2}})[-/.]{_DAY_MONTH}[-/.]{_DAY_MONTH}{_CLOCK}",
        ("y", "m", "d", *_CLOCK_PARTS),
    ),
    "day month-name year": (
        f"(?i){_WEEKDAY}{_DAY_MONTH}(?:st|nd|rd|th|er|[.ºª°])?[ /-]*(?:de +|d[’'])?({_MONTH})"
        f"[.,]?[ /-]*(?:del? +)?{_YEAR}{_CLOCK}(?: +Uhr)?{_ZONE_NAME}",
        ("d", "m", "y", *_CLOCK_PARTS),
    ),
    "month-name day year": (
        f"(?i){_WEEKDAY}({_MONTH})[.]? +{_DAY_MONTH}(?:st|nd|rd|th)?,? +([0-9]{{4}}){_CLOCK}"
        f"{_ZONE_NAME}",
        ("m", "d", "y", *_CLOCK_PARTS),
    ),
    "month-name day time year": (
        f"(?i){_WEEKDAY}({_MONTH}) +{_DAY_MONTH} +([0-9]{{1,2}}):([0-9]{{2}}):([0-9]{{2}}) +"
        f"(?:(?:{_OFFSET}) +)?([0-9]{{4}})",
        ("m", "d", "h", "mi", "s", "z", "zone", "y"),
    ),
    "ISO week": ("([0-9]{4})-?W([0-9]{2})-?([0-9])", ("y", "w", "d")),
    "年月日": (
        f"([0-9]{{4}}) *[年년] *{_DAY_MONTH} *[月월] *{_DAY_MONTH} *[日号號일]?"
        "(?: *(上午|下午|오전|오후|午前|午後)? *([0-9]{1,2})[:时時点點시] *([0-9]{1,2})?[:分분]? *"
        "([0-9]{1,2})?[秒초]?)?",
        ("y", "m", "d", "ap", "h", "mi", "s"),
    ),
    "yyyymmdd": (
        "([0-9]{4})([0-9]{2})([0-9]{2})(?:[T ]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?"
        "([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?",
        ("y", "m", "d", "h", "mi", "s", "z"),
    ),
}
# Shapes of fixed length that have a quick way to be read.
ISO_FORM = "0000-00-00(?:[ T]00:00(?::00(?:[.]0{1,6})?Z?)?)?"
ORDERED_FORM = f"{ISO_FORM}|00([-/.])00\\1(?:0000)(?: 00:00(?::00)?)?"
# Numbers that stand for a time, with the lowest and the highest of them: Excel's days since
# 1899-12-30 between 1927 and 2119, seconds, milliseconds, microseconds since 1970 up to 2100.
COUNTS: Mapping[str, tuple[re.Pattern[str], float, float]] = {
    "Excel serial": (re.compile("0{5}(?:[.,]0+)?"), 10_000, 80_000),
    "epoch seconds": (re.compile("-?0{7,10}(?:[.]0+)?"), -2_208_988_800, 4_102_444_800),
    "epoch milliseconds": (re.compile("-?0{10,13}(?:[.]0+)?"), -2.2089888e12, 4.1024448e12),
    "epoch microseconds": (re.compile("0{15,16}"), 631_152_000_000_000, 4_102_444_800_000_000),
}
# Dates of birth go back to 1900. But one number of a column is below the first or above the second
# of these (1966, 1990), or they may count anything: 20260131, 202601311005.
REACHED: Mapping[str, tuple[float, float]] = {
    "epoch seconds": (-100_000_000, 631_152_000),
    "epoch milliseconds": (-100_000_000_000, 631_152_000_000),
}

GROUPERS = " \u00a0\u2007\u2009\u202f'’"
# ISO 4217, with some that accounts still hold. Other letters before a number are part of a key.
_CURRENCIES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN "
    "BWP BYN BZD CAD CDF CHF CLF CLP CNH CNY COP CRC CUC CUP CVE CZK DEM DJF DKK DOP DZD EGP "
    "ERN ESP ETB EUR FIM FJD FKP FRF GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR "
    "ILS INR IQD IRR ISK ITL JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD "
    "LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NLG NOK NPR "
    "NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP "
    "SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU "
    "UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
CURRENCY = re.compile(
    "[$€£¥₹₩₽₺₫฿₴₱₦₪元円￥]|(?:US|R|C|CA|A|AU|NZ|HK|NT|S)[$]|kr|zł|Kč|Ft|lei|Rs|"
    + _CURRENCIES.replace(" ", "|")
)
NUMBER = re.compile(
    r"[(]?[-+−]?\s*(?P<before>[^0-9\s.,\'’()+−-]*)\s*[-+−]?\s*"
    rf"(?P<core>0(?:[0.,{GROUPERS}]*0)?[.,]?|[.,]0+)"
    r"\s*(?P<after>[^0-9\s.,\'’()+−-]*)\s*[-−]?[)]?"
)

# What stands in the first filled cell of rows that are no records, in reports that are printed: the
# label of a total over all or over a group, and of a page, or a note.
TOTAL = (
    "(?:grand |report |sub[- ]?)?totals?:?(?: [(][^)]{1,40}[)])?|sum:?|(?:zwischen|gesamt)?summe|"
    "count:?|average:?|gesamt|(?:sub|sous-)?total[ei]?s?(?: g[eé]n[eé]ral)?|suma|totaal|итого|"
    "всего|合计|总计|小计|合計|總計|小計"
)
GROUP_TOTAL = "[^,;]{1,60}[ :-](?:sub-?)?totals?:?|[^,;]{1,60} ?(?:合计|小计|小計|合計)"
PAGE = (
    "(?:page|seite|p[aá]gina|blatt) *[0-9]+ *(?:(?:of|/|von|de|di|sur|van) *[0-9]+)?|"
    "第 ?[0-9]+ ?页.*|[(]?(?:continued|fortsetzung|suite)[)]?.{0,20}|copyright .*|©.*|[(]c[)] .*|"
    "confidential.*|(?:report )?(?:generated|printed|exported|created) (?:by|on|at|:) .*|"
    "report (?:generated|printed|exported|created|date):? .*|end of (?:file|report|data).*|"
    "[*#] .*|(?:--|//) .*|(?:note|source|quelle): .*|foot ?notes?\\b.*|fußnoten?\\b.*"
)
# A sentence, which stands alone in its row below a table.
SENTENCE = "(?:[^ ]+ +){9,}[^ ].*"
