"""What customers write in surveys: remarks on the seven dimensions, reasons to leave.

Comments are made of clauses whose topic and tone are known, in English and Chinese, so that what a
text model finds can be held against truth/comments.csv. Holds words only; how often something is
written is decided in `surveys`.
"""

# ruff: noqa: RUF001 - full-width punctuation is Chinese

from dataclasses import dataclass
from itertools import permutations, product

import pyarrow as pa

ENGLISH, CHINESE = "en", "zh"
TONES = ("positive", "mixed", "negative")

# Per dimension: what is praised, what is complained about.
_CLAUSES: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    ENGLISH: {
        "product_quality": (
            ("the quality is great", "exactly as described", "well made and solid"),
            ("it stopped working after a week", "the material feels cheap", "it arrived damaged"),
        ),
        "service_quality": (
            ("the support was quick and helpful", "friendly staff", "my case was solved at once"),
            ("support was slow", "nobody could help me", "the staff was rude"),
        ),
        "price": (
            ("fair price", "good value for money", "cheaper than elsewhere"),
            ("not worth the money", "far too expensive", "the price went up again"),
        ),
        "communication": (
            ("I was kept informed", "clear information at every step", "a quick answer by mail"),
            ("nobody told me about the delay", "every time another answer", "no reply to my mails"),
        ),
        "brand": (
            (
                "a brand I trust",
                "I like what this company stands for",
                "a name with a good reputation",
            ),
            (
                "I no longer trust this brand",
                "the advertising promised more",
                "a disappointing name",
            ),
        ),
        "personal_attention": (
            ("they remembered what I like", "felt looked after personally", "advice just for me"),
            ("I felt like a number", "nobody listened to me", "no personal advice at all"),
        ),
        "convenience": (
            ("arrived quickly", "ordering was easy", "delivered right on time"),
            ("late again", "checkout was a pain", "delivery took far too long"),
        ),
    },
    CHINESE: {
        "product_quality": (("质量很好", "做工精细"), ("用了一周就坏了", "收到的时候已经破损")),
        "service_quality": (("客服很耐心", "服务非常周到"), ("客服态度很差", "问题一直没人处理")),
        "price": (("性价比很高", "价格实惠"), ("太贵了，不值这个钱", "价格比别家高")),
        "communication": (
            ("每一步都有通知", "回复很及时"),
            ("没有人告诉我会延迟", "发了邮件没有回复"),
        ),
        "brand": (("值得信赖的品牌", "品牌口碑不错"), ("对这个品牌很失望", "广告夸大其词")),
        "personal_attention": (
            ("很贴心，记得我的喜好", "顾问很用心"),
            ("感觉不被重视", "没有人听我说"),
        ),
        "convenience": (("送货很快", "下单很方便"), ("送货太慢", "物流一直拖延")),
    },
}
_BUT = {ENGLISH: ", but ", CHINESE: "，但是"}
_AND = {ENGLISH: ". ", CHINESE: "，"}
_END = {ENGLISH: ".", CHINESE: "。"}

# Reasons to leave by the nine factors of churn.
EXIT_REASONS: dict[str, tuple[tuple[str, str], ...]] = {
    "purchase_behaviour": (
        (ENGLISH, "I only needed a gift, it was a one-off purchase"),
        (ENGLISH, "My purchases are seasonal"),
        (CHINESE, "只是一次性购买"),
    ),
    "price": (
        (ENGLISH, "It became too expensive for me"),
        (ENGLISH, "The price went up twice in a year"),
        (CHINESE, "价格太贵"),
    ),
    "inconvenience": (
        (ENGLISH, "The delivery always came late"),
        (ENGLISH, "The opening hours do not suit me"),
        (CHINESE, "送货太慢，不方便"),
    ),
    "product_failure": (
        (ENGLISH, "The product was defective"),
        (ENGLISH, "It arrived broken, twice"),
        (CHINESE, "质量有问题，用几天就坏了"),
    ),
    "service_failure": (
        (ENGLISH, "The staff was rude to me"),
        (ENGLISH, "Poor service in the store"),
        (CHINESE, "客服态度不好"),
    ),
    "response_to_failure": (
        (ENGLISH, "My complaint was never answered, there was no response"),
        (ENGLISH, "The problem was not resolved after three calls"),
        (CHINESE, "投诉以后一直没有回复"),
    ),
    "ethics": (
        (ENGLISH, "I found the advertising misleading"),
        (ENGLISH, "I am worried about my privacy"),
        (CHINESE, "虚假宣传"),
    ),
    "customers_own": (
        (ENGLISH, "I moved away"),
        (ENGLISH, "I no longer need it"),
        (CHINESE, "搬家了"),
    ),
    "competitor": (
        (ENGLISH, "I switched to a competitor"),
        (ENGLISH, "Another shop made a better offer"),
        (CHINESE, "换到别家了"),
    ),
}


@dataclass(frozen=True)
class Comment:
    """A text with what it says: topics of the seven dimensions, or the reason to leave."""

    text: str
    language: str
    tone: str
    topics: tuple[str, ...]
    reason: str | None = None


def _remarks(language: str, tone: str) -> list[Comment]:
    """Put together all comments of one tone, of one clause or of two about different topics."""
    clauses = {
        good: [(topic, clause) for topic, sides in _CLAUSES[language].items()
               for clause in sides[0 if good else 1]]
        for good in (True, False)
    }  # fmt: skip
    if tone == "mixed":
        pairs = [
            (first, second)
            for first, second in product(clauses[True], clauses[False])
            if first[0] != second[0]
        ]
        link = _BUT[language]
    else:
        own = clauses[tone == "positive"]
        pairs = [(a, b) for a, b in permutations(own, 2) if a[0] < b[0]]
        link = _AND[language]
    comments = [
        Comment(
            _sentence(first[1] + link + _start(second[1], link) + _END[language]),
            language,
            tone,
            (first[0], second[0]),
        )
        for first, second in pairs
    ]
    if tone != "mixed":
        comments += [
            Comment(_sentence(clause + _END[language]), language, tone, (topic,))
            for topic, clause in clauses[tone == "positive"]
        ]
    return comments


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _start(clause: str, link: str) -> str:
    return _sentence(clause) if link.startswith(".") else clause


REMARKS = {
    (language, tone): _remarks(language, tone) for language in (ENGLISH, CHINESE) for tone in TONES
}
EXITS = [
    Comment(text, language, "negative", (), reason)
    for reason, texts in EXIT_REASONS.items()
    for language, text in texts
]
COMMENTS = [*(comment for group in REMARKS.values() for comment in group), *EXITS]
FIRST_EXIT = len(COMMENTS) - len(EXITS)


def comment_table() -> pa.Table:
    """List every comment there is with what it says."""
    return pa.table(
        {
            "comment": [comment.text for comment in COMMENTS],
            "language": [comment.language for comment in COMMENTS],
            "tone": [comment.tone for comment in COMMENTS],
            "topics": [";".join(comment.topics) or None for comment in COMMENTS],
            "exit_reason": [comment.reason for comment in COMMENTS],
        }
    )
