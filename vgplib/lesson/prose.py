"""What a lesson's Markdown takes from the banks and from measurements.

The sources in ``chapters/`` hold ``{{ expressions }}``; what makes the notebooks of them
(``tools/notebooks.py``) puts in their place what stands here.
"""

from __future__ import annotations

import re
from typing import Any

from vgplib.lesson import banks, schema
from vgplib.numbers import figures


def said(value: Any) -> str:
    """A value as prose has it: a float with two digits, everything else as its own words."""
    return figures(value) if isinstance(value, float) else str(value)


def claim(name: str, more: str = "") -> str:
    """A claim as Markdown: the sentence to vote on, its verdict and measurement folded away.

    Args:
        name: Its id.
        more: Markdown for a line below the measurement.
    """
    found = banks.find("claims", name)
    below = f"\n\n{more}" if more else ""
    return (
        f'<details class="vgp-claim" id="claim-{name}">'
        f"<summary>“{_inline(found.said)}” "
        "<em>Holds, depends, or false? Decide, then open.</em></summary>\n\n"
        f"**{found.verdict.capitalize()}.** {found.answer}{below}\n\n</details>"
    )


def solution(name: str) -> str:
    """An exercise's solution as Markdown, folded away."""
    found = banks.find("exercises", name)
    return (
        '<details class="vgp-solution"><summary>Show me a solution</summary>\n\n'
        f"```python\n{found.solution}\n```\n\n{found.why}\n\n</details>"
    )


def card(name: str) -> str:
    """A question as Markdown, a small heading, with its two answers folded away."""
    found = banks.find("cards", name)
    return (
        f"### {found.question}\n\n"
        f'<div class="vgp-folds vgp-card" id="card-{name}" style="margin: 1em 0">\n'
        "<details><summary>In 30 seconds, and the trap</summary>\n\n"
        f"{found.short}\n\n**The trap.** {found.trap}\n\n</details>\n"
        "<details><summary>In two minutes, and the proof</summary>\n\n"
        f"{found.long}\n\n**See it.** {found.proof}\n\n</details>\n</div>"
    )


def vote(name: str) -> str:
    """A question to vote on, before the evidence, as Markdown: the page keeps the vote."""
    return _ballot(f"vote-{name}", banks.find("votes", name), "Vote first.")


def vote_again(name: str) -> str:
    """The same question after the evidence: the page says whether the reader moved."""
    return _ballot(f"vote-{name}-again", banks.find("votes", name), "And now?")


def _ballot(place: str, given: schema.Vote, before: str) -> str:
    options = "\n".join(f"- {option}" for option in given.options)
    return (
        f'<div class="vgp-ballot" id="{place}">\n\n**{before}** {given.question}\n\n'
        f"{options}\n\n</div>"
    )


def _inline(text: str) -> str:
    """Emphasis and code as HTML, since a summary is no Markdown; formulas stay."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
