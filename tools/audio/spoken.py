"""How a word of a page is spoken: numbers, signs, names and formulas in words.

The voice gets letters, apostrophes and punctuation alone, so that it never has to guess.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from vgplib.lesson import mathml

# What the voice would say wrong, spelled so that it comes out right.
NAMES = {
    "ReLU": "ray loo",
    "GELU": "gell oo",
    "SiLU": "sigh loo",
    "LSTM": "L S T M",
    "GRU": "G R U",
    "LSUV": "L S U V",
    "nn": "N N",
    "vgp": "V G P",
    "vgplib": "V G P lib",
    "tanh": "tan H",
    "Tanh": "tan H",
    "PyTorch": "pie torch",
    "ResNets": "rez nets",
    "LeCun": "luh cun",
    "He": "huh",  # Kaiming He, in these texts
    "NaN": "nan",
    "Inf": "inf",
    "inf": "inf",
    "eval": "ee val",
    "unscaled": "un scaled",
    "practise": "practice",
    "recognise": "recognize",
    "optimiser": "optimizer",
    "A": "a",  # an article: as a capital it would be spelled
    "a": "a",
}
SIGNS = {
    "%": "percent",
    "+": "plus",
    "-": "minus",
    "−": "minus",
    "±": "plus or minus",
    "×": "times",
    "·": "times",
    "⋅": "times",
    "⊙": "times",
    "/": "over",
    "=": "equals",
    "≈": "is about",
    "≠": "is not",
    "<": "is less than",
    ">": "is more than",
    "≤": "is at most",
    "≥": "is at least",
    "→": "to",
    "←": "from",
    "√": "the square root of",
    "∏": "the product",
    "∑": "the sum",
    "∂": "partial",
    "∇": "the gradient of",
    "∞": "infinity",
    "ℓ": "L",
    "′": "prime",
    "ϕ": "phi",
    "&": "and",
}
ACCENTS = {"^": "hat", "~": "tilde", "¯": "bar", "˙": "dot", "→": "vector"}
POWERS = {"2": "squared", "3": "cubed", "T": "transpose", "⊤": "transpose", "′": "prime"}
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_UNITS = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"), (10, ""))
_RAISED = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")

_END = re.compile(r"[.,;:?!]")
_PIECE = re.compile(
    r"""(?P<number>\d[\d,]*(?:\.\d+)?)
      | \^(?P<exponent>[-−]?\w+)
      | (?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)
      | (?P<letters>[^\W\d_⁰¹²³⁴⁵⁶⁷⁸⁹]+(?:['’][^\W\d_]+)*)
      | (?P<point>(?<=\w)\.(?=\d))
      | (?P<dot>(?<=\w)\.(?=\w))
      | (?P<hyphen>(?<=[^\W\d])[-‑](?=\w)|(?<=\d)[-‑](?=[^\W\d]))
      | (?P<range>(?<=\d)–(?=\d))
      | (?P<option>^[-−]+(?=[^\W\d]))
      | (?P<sign>.)""",
    re.VERBOSE,
)


def phrased(shown: list[str], formulas: Mapping[str, str]) -> list[str]:
    """What is spoken for each word of a text, with the punctuation that the voice heeds.

    Args:
        shown: The words as the page has them.
        formulas: What is spoken for a letter that stands for a formula.
    """
    out: list[str] = []
    for word in shown:
        if word.startswith("(") and out and out[-1] and not _END.search(out[-1][-1]):
            out[-1] += ","  # a bracket is a pause
        core = word.rstrip(".,;:?!)]”’\"'")
        ends = [end for end in word[len(core) :].replace(")", ",") if _END.match(end)]
        said = " ".join(formulas.get(part, part) for part in _words(core, formulas))
        # Of "),", "?”." and the like the voice needs the mark that says most.
        end = max(ends, key=",:;.!?".index, default="")
        out.append(said + end if said else "")
    return out


def _words(core: str, formulas: Mapping[str, str]) -> list[str]:
    pieces = re.split(f"([{''.join(formulas)}])", core) if formulas else [core]
    return [part for piece in pieces for part in ([piece] if piece in formulas else say(piece))]


def say(text: str) -> list[str]:
    """A word or a sign as spoken words, without its punctuation: ``"1.41"``, ``"10⁻⁸"``."""
    mixed = not re.fullmatch(r"[^\W\d_]*", text)
    return [
        word
        for match in _PIECE.finditer(text)
        for word in _piece(str(match.lastgroup), match[0], mixed).split()
    ]


def number(digits: str) -> str:
    """A number in words: ``"1.41"`` is "one point four one"."""
    whole, _, places = digits.replace(",", "").partition(".")
    words = _whole(int(whole))
    return " ".join([words, "point", *(_SMALL[int(d)] for d in places)]) if places else words


def formula(latex: str) -> str:
    r"""A formula in words: ``r"\sigma_w^2"`` is "sigma W squared"."""
    return " ".join(_tree(mathml.to_tree(latex)).split())


def _piece(kind: str, text: str, mixed: bool) -> str:
    match kind:
        case "number":
            return number(text)
        case "exponent":
            return _power(text[1:])
        case "raised":
            return _power(text.translate(_RAISED))
        case "letters":
            return _letters(text, mixed)
        case "dot" | "point":
            return kind
        case "option":
            return "dash"
        case "range":
            return "to"
        case "sign":
            return SIGNS.get(text, "")
    return ""


def _letters(text: str, mixed: bool) -> str:
    """A word, a name, or the letters of a formula."""
    text = text.replace("’", "'")
    stem, mark, ending = text.partition("'")
    if text in SIGNS:
        return SIGNS[text]
    if mixed and len(text) == 1 and text.isascii():
        return _letter(text)
    if stem in NAMES:
        return NAMES[stem] + mark + ending
    if not text.isascii() and (greek := _greek(text)):
        return greek
    return text


def _letter(text: str) -> str:
    return "ay" if text in "aA" else text.upper()  # alone, "a" is an article


def _greek(text: str) -> str:
    names = [unicodedata.name(letter, "") for letter in text]
    return " ".join(n.rpartition(" ")[2].lower() for n in names if "GREEK" in n)


def _power(exponent: str) -> str:
    return POWERS.get(exponent) or f"to the {' '.join(say(exponent))}"


def _whole(n: int) -> str:
    if n < 20:
        return _SMALL[n]
    for unit, name in _UNITS:
        if n >= unit:
            count, rest = divmod(n, unit)
            words = f"{_whole(count)} {name}" if name else _TENS[count - 2]
            return f"{words} {_whole(rest)}" if rest else words
    raise AssertionError(n)


def _tree(tree: mathml.Tree | str) -> str:
    if isinstance(tree, str):
        return _letter(tree) if re.fullmatch("[A-Za-z]", tree) else " ".join(say(tree))
    tag, attributes, *children = tree
    if attributes.get("accent"):
        return f"{_tree(children[0])} {ACCENTS.get(children[1][-1], '')}"
    if tag == "msup":
        return f"{_tree(children[0])} {_raised(children[1])}"
    if tag == "msubsup":
        return f"{_tree(children[0])} {_tree(children[1])} {_raised(children[2])}"
    if tag == "mfrac":
        return f"{_tree(children[0])} over {_tree(children[1])}"
    if tag == "msqrt":
        return f"the square root of {_tree(children[0])}"
    if tag == "munderover":
        return f"{_tree(children[0])} from {_tree(children[1])} to {_tree(children[2])} of"
    return " ".join(map(_tree, children))


def _raised(tree: mathml.Tree) -> str:
    inner = tree
    while isinstance(inner, list) and len(inner) == 3:  # a group of one
        inner = inner[2]
    return (isinstance(inner, str) and POWERS.get(inner)) or f"to the {_tree(tree)}"
