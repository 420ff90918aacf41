r"""Short texts with a little markup: ``a $\sigma_w$, `code`, *em*, **strong**, [text](href)``."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from vgplib.lesson import mathml

Segment = dict[str, Any]

_TOKEN = re.compile(
    r"""\\(?P<escaped>[\\$`*\[\]])
      | \$(?P<math>[^$]+)\$
      | `(?P<code>[^`]+)`
      | \*\*(?P<strong>[^*\s](?:[^*]*[^*\s])?)\*\*
      | \*(?P<em>[^*\s](?:[^*]*[^*\s])?)\*
      | \[(?P<link>[^\[\]]+)\]\((?P<href>[^()\s]+)\)""",
    re.VERBOSE,
)
_SCHEMES = ("", "http", "https", "mailto")
_OVER = {"^": "\u0302", "~": "\u0303", "¯": "\u0304", "˙": "\u0307", "→": "\u20d7"}
_RAISED = str.maketrans("-−+0123456789", "⁻⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹")


def segments(text: str) -> list[Segment]:
    r"""Split a text into its segments, in order.

    Args:
        text: Plain text with ``$formula$``, ``\`code\```, ``*em*``, ``**strong**`` and
            ``[text](href)``, not nested; a backslash before one of their signs makes it plain.

    Returns:
        Dicts with one of the keys ``text``, ``code``, ``em``, ``strong``, ``math`` (a tree of
        :func:`vgplib.lesson.mathml.to_tree`), or with ``href`` and ``text``.

    Raises:
        ValueError: A ``$`` has no partner, a formula cannot be converted, or a link leads to
            something that is neither a page nor a place on it.
    """
    out: list[Segment] = []
    plain_text = ""
    end = 0

    for match in _TOKEN.finditer(text):
        plain_text += _no_dollar(text[end : match.start()], text)
        end = match.end()
        if match["escaped"]:
            plain_text += match["escaped"]
            continue
        if plain_text:
            out.append({"text": plain_text})
            plain_text = ""
        out.append(_segment(match))
    plain_text += _no_dollar(text[end:], text)
    if plain_text:
        out.append({"text": plain_text})
    return out


def to_html(parts: list[Segment]) -> str:
    """Segments as HTML text; everything that came from data is escaped."""
    return "".join(map(_html, parts))


def plain(text: str) -> str:
    """The text without markup, formulas in letters: ``"10⁻¹³ of σ_w"``; for descriptions."""
    return words(segments(text))


def words(parts: list[Segment]) -> str:
    """The same of segments."""
    said = (_letters(part["math"]) if "math" in part else _words(part) for part in parts)
    return unicodedata.normalize("NFC", "".join(said))


def _segment(match: re.Match[str]) -> Segment:
    kind = match.lastgroup
    if kind == "math":
        return {"math": mathml.to_tree(match["math"])}
    if kind == "href":
        if urlsplit(match["href"]).scheme not in _SCHEMES:
            raise ValueError(f"the link {match['href']!r} leads to no page; check its address.")
        return {"href": match["href"], "text": match["link"]}
    assert kind is not None
    return {kind: match[kind]}


def _no_dollar(piece: str, text: str) -> str:
    if "$" in piece:
        raise ValueError(f"a $ has no partner in {text!r}; write \\$ for the sign itself.")
    return piece


def _words(part: Segment) -> str:
    return part["text"] if "text" in part else next(iter(part.values()))


def _html(part: Segment) -> str:
    if "math" in part:
        return mathml.to_html(part["math"])
    words = html.escape(_words(part), quote=False)
    if "href" in part:
        return f'<a href="{html.escape(part["href"])}">{words}</a>'
    tag = next(iter(part))
    return words if tag == "text" else f"<{tag}>{words}</{tag}>"


def _letters(tree: mathml.Tree | str) -> str:
    """A formula as one line of text."""
    if isinstance(tree, str):
        return tree
    tag, attributes, *children = tree
    if attributes.get("accent"):
        return _letters(children[0]) + _OVER.get(children[1][-1], "")
    inner = [_letters(child) for child in children]
    if tag == "mo" and inner[0] in "=<>≤≥≈∝≪≫+−→≠":
        return f" {inner[0]} "
    if tag == "mspace":
        return " "
    if tag == "mfrac":
        return "/".join(_grouped(side) for side in inner)
    if tag in ("msqrt", "mroot"):
        return f"√{_grouped(inner[0])}"
    if tag == "munder" and inner[1] in "⏟⏞":
        return inner[0]
    if tag in ("msub", "munder"):
        return f"{inner[0]}_{_grouped(inner[1])}"
    if tag in ("msup", "mover"):
        return inner[0] + _raised(inner[1])
    if tag in ("msubsup", "munderover"):
        return f"{inner[0]}_{_grouped(inner[1])}{_raised(inner[2])} "
    if tag == "mtr":
        return " ".join(inner) + "; "
    return re.sub(r"  +", " ", "".join(inner)).strip(" ;" if tag == "mtable" else " ")


def _grouped(inner: str) -> str:
    return inner if len(inner) == 1 or inner.isalnum() else f"({inner})"


def _raised(inner: str) -> str:
    digits = inner.replace(" ", "")
    if inner == "′":
        return inner
    return (
        digits.translate(_RAISED) if re.fullmatch(r"[-−+]?\d+", digits) else f"^{_grouped(inner)}"
    )
