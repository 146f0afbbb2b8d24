"""Legal forms of firms: which words of a name they are, in Latin lower-case letters.

Belongs here: the words and how they are abbreviated. Does not: taking names apart (`names`,
`firm_places`).
"""

import re


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text, by which lists of words are written here."""
    return frozenset(text.split())


LEGAL_FORMS = word_set(
    "the inc incorporated llc llp lp ltd limited plc co company corp corporation gmbh mbh ag kg "
    "ohg ug se sa sas sarl srl spa bv nv oy ab as aps pty pvt sdn bhd kk ltda eirl sl spol sro "
    "doo"
)
# Words that are legal forms where they end a name, and something else before that.
_LAST_LEGAL_FORMS = LEGAL_FORMS | word_set(
    "and y et und e pllc lllp pc na public private proprietary gesellschaft aktiengesellschaft "
    "kgaa ev eg gbr rl sca snc scs srls slu sau de cv rs lda eireli epp me mei oyj ky is asa ans "
    "aktiebolag ou uab sia sp z oo zoo kft zrt nyrt bt ad ood eood jsc ojsc cjsc pjsc tbk sti "
    "kabushiki kaisha gk pte dac clg cyf cyfyngedig unlimited ultd npc ek gesmbh keg mit "
    "beschrankter haftung societe anonyme responsabilite limitee par actions simplifiee sasu "
    "eurl sprl bvba asbl vzw besloten naamloze vennootschap vof sociedad sociedade anonima "
    "responsabilidad limitada societa per azioni responsabilita limitata aktieselskab "
    "anpartsselskab aksjeselskap allmennaksjeselskap osakeyhtio ehf spolka ograniczona "
    "odpowiedzialnoscia akcyjna akciova spolecnost dd kd anonim sirketi berhad persero fze fzco "
    "wll saog saoc"
)
FIRST_LEGAL_FORMS = word_set("the pt ooo oao zao pao ao tov cv ud")
# Long enough to be known when a letter is wrong: these, and what is left of them without a letter.
_LONG_LEGAL_FORMS = frozenset(
    form[:spot] + form[spot + 1 :]
    for form in ("limited", "corporation", "incorporated", "aktiengesellschaft")
    for spot in range(len(form) + 1)
)
_DOTTED_LETTER = re.compile(r"\b(\w)\.")
_LETTERS_APART = re.compile(r"\b[a-z](?: [a-z])+\b")  # I B M, Acme B V


def is_last_legal_form(word: str) -> bool:
    """Tell whether a word that ends a name is a legal form, or a misprint of a long one."""
    if word in _LAST_LEGAL_FORMS or word in _LONG_LEGAL_FORMS:
        return True
    # Acme Limtied
    return len(word) > 6 and any(
        word[:spot] + word[spot + 1 :] in _LONG_LEGAL_FORMS for spot in range(len(word))
    )


def without_dots(text: str) -> str:
    """Return the text with letters that dots part in one: S.A. is SA."""
    return _DOTTED_LETTER.sub(r"\1", text)


def with_letters_joined(text: str) -> str:
    """Return lower-case words with single letters in one word: `acme b v` is acme bv."""
    return _LETTERS_APART.sub(lambda apart: apart[0].replace(" ", ""), text)
