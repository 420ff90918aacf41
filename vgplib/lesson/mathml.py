"""LaTeX to MathML, at build time: a page needs no script and no font to show a formula."""

from __future__ import annotations

import html
import re
import unicodedata
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

Tree = list  # [tag, {attribute: value}, child, ...]; a child is a Tree or a string

TAGS = frozenset(
    "math mrow mi mn mo mtext mspace mstyle mphantom msub msup msubsup munder mover "
    "munderover mfrac msqrt mroot mtable mtr mtd".split()
)
ATTRIBUTES = frozenset(
    "display displaystyle scriptlevel mathvariant stretchy fence form minsize maxsize accent "
    "accentunder columnalign width height depth lspace rspace linethickness movablelimits".split()
)

# What the converter does not know, or numbers by itself, said in words that it knows.
_SAME = (
    (re.compile(r"\\(begin|end)\{(?:aligned|align\*?|eqnarray\*?)\}"), r"\\\1{split}"),
    (re.compile(r"\\(begin|end)\{equation\*?\}"), ""),
    (re.compile(r"\\mathrm\{([^{}\\]+)\}"), r"\\text{\1}"),
    (re.compile(r"\\lVert\b"), r"\\left\\|"),
    (re.compile(r"\\rVert\b"), r"\\right\\|"),
    (re.compile(r"\\lvert\b"), r"\\left|"),
    (re.compile(r"\\rvert\b"), r"\\right|"),
)
_SPACES = {"negativethinmathspace": "-0.167em"}
_ACCENTS = frozenset("^~¯˙→˘ˇ")
_FENCES = frozenset("|‖⌊⌋⌈⌉")
_LETTERS = frozenset("∂∇∞⊤⊥")  # operators to the converter, letters in print
_LARGE = frozenset("∑∏∐⋂⋃⨁⨂")
_LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_OPENING = frozenset("([{|‖⟨⌊⌈")
_THIN = ["mspace", {"width": "0.167em"}]


def to_tree(latex: str, display: bool = False) -> Tree:
    r"""Convert a formula to MathML as nested lists.

    Args:
        latex: A formula without its dollar signs: ``r"\sigma_w^2 = 2"``.
        display: Whether it stands on a line of its own.

    Returns:
        ``["math", {"display": "block"}, ["mrow", {}, ...]]``; only tags of :data:`TAGS` and
        attributes of :data:`ATTRIBUTES`.

    Raises:
        ValueError: The formula cannot be converted; the message holds it and says why.
    """
    text = latex.strip()
    if not text:
        raise ValueError("the formula is empty.")
    for pattern, same in _SAME:
        text = pattern.sub(same, text)
    try:
        element = convert_to_element(text, display="block" if display else "inline")
        return _tree(element)
    except ValueError as error:
        raise ValueError(f"cannot convert the formula {latex!r}: {error}") from None
    except Exception as error:  # the converter's own errors have no common base
        reason = str(error) or type(error).__name__
        raise ValueError(f"cannot convert the formula {latex!r}: {reason}") from error


def to_mathml(latex: str, display: bool = False) -> str:
    """Convert a formula to a ``<math>`` element as HTML text; see :func:`to_tree`."""
    return to_html(to_tree(latex, display))


def to_html(tree: Tree | str) -> str:
    """A tree of :func:`to_tree` as HTML text, escaped."""
    if isinstance(tree, str):
        return html.escape(tree, quote=False)
    tag, attributes, *children = tree
    start = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<{tag}{start}>{''.join(map(to_html, children))}</{tag}>"


def _tree(element: Element) -> Tree:
    """One element and what it holds, mended where browsers (MathML Core) want it otherwise."""
    tag = element.tag.rpartition("}")[2]
    if element.get("linebreak"):
        raise ValueError("a line break stands outside of an environment such as aligned.")
    if tag not in TAGS:
        raise ValueError(f"it needs <{tag}>, which browsers do not all show; write it otherwise.")
    attributes = {k: _SPACES.get(v, v) for k, v in element.attrib.items() if k in ATTRIBUTES}
    text = html.unescape(element.text or "").strip("\n")
    return _token(tag, attributes, text) if text else _group(tag, attributes, element)


def _group(tag: str, attributes: dict[str, str], element: Element) -> Tree:
    children = [_tree(child) for child in element]
    if tag == "msup" and _starts_with_prime(children[1]):
        # A prime is raised by itself; as an exponent it would be raised twice.
        primed = ["mrow", {}, children[0], ["mo", {"lspace": "0", "rspace": "0"}, "′"]]
        rest = children[1][3:] if children[1][0] == "mrow" else []
        return ["msup", {}, primed, ["mrow", {}, *rest]] if rest else primed
    if tag == "mover" and children[1][0] == "mo" and children[1][-1] in _ACCENTS:
        attributes["accent"] = "true"
    if tag in _LIMITS and children[0][-1] in _LARGE:
        tag = _LIMITS[tag]  # browsers set the limits beside the sign where there is no room
    return [tag, attributes, *(_spaced(children) if tag in ("mrow", "mtd") else children)]


def _starts_with_prime(tree: Tree) -> bool:
    first = tree[2] if tree[0] == "mrow" and len(tree) > 2 else tree
    return first[-1] == "′"


def _token(tag: str, attributes: dict[str, str], text: str) -> Tree:
    if text.startswith("\\") or text == "&":
        raise ValueError(f"{text!r} is not understood here.")
    if tag == "mtext":
        text = text.replace(" ", "\N{NO-BREAK SPACE}")
    if variant := attributes.pop("mathvariant", None):
        text, attributes = _variant(text, variant, attributes)
    if tag == "mo" and len(text) > 1 and text.isalpha():
        tag, attributes = "mi", {}  # as <mo> it would be spaced like a plus sign
    if tag == "mi" and len(text) > 1:
        attributes |= {"mathvariant": "normal"}  # a name, such as tanh; only letters are slanted
    if text in _LETTERS:
        tag, attributes = "mi", {"mathvariant": "normal"}
    if text == "/":
        attributes |= {"lspace": "0", "rspace": "0"}
    if text in _FENCES and "form" not in attributes:
        tag, attributes = "mo", {"stretchy": "false", "lspace": "0", "rspace": "0"}
    return [tag, attributes, text]


def _variant(text: str, variant: str, attributes: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Bold and the like as letters of their own: browsers know ``mathvariant`` as normal only."""
    if variant == "normal":
        return text, attributes | {"mathvariant": "normal"}
    style = variant.replace("-", " ").replace("script", "SCRIPT").upper()
    letters = []
    for letter in text:
        name = unicodedata.name(letter, "").replace("GREEK ", "").replace("LATIN ", "")
        name = f"MATHEMATICAL {style} {name.replace('LETTER ', '')}"
        try:
            letters.append(unicodedata.lookup(name))
        except KeyError:
            letters.append(letter)
    return "".join(letters), attributes


def _spaced(children: list[Tree]) -> list[Tree]:
    """Set a thin space beside a function's name, as in print: not ``tanhx`` but ``tanh x``."""
    out: list[Tree] = []
    for i, child in enumerate(children):
        if _is_name(child) and out and out[-1][0] not in ("mo", "mspace"):
            out.append(_THIN)
        out.append(child)
        after = children[i + 1] if i + 1 < len(children) else None
        bracket = after is None or after[0] in ("mo", "mspace") or _opens(after)
        if _is_name(child) and not bracket and not _is_name(after):
            out.append(_THIN)
    return out


def _is_name(tree: Tree) -> bool:
    """Whether it is a function's name, perhaps with an index: ``tanh``, ``max_i``."""
    if tree[0] in ("msub", "msup", "msubsup", "munder"):
        return _is_name(tree[2])
    return tree[0] == "mi" and len(tree[2:]) == 1 and len(tree[2]) > 1 and tree[2].isascii()


def _opens(tree: Tree) -> bool:
    """Whether it is a group that starts with a bracket."""
    while tree[0] == "mrow" and len(tree) > 2:
        tree = tree[2]
    return tree[0] == "mo" and tree[-1] in _OPENING
