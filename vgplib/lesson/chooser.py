"""The chooser: five questions about one's own model, and what to try, with the code."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import urlencode

import traitlets

from vgplib import errors
from vgplib.experiments import experiment, readouts
from vgplib.experiments.choosing.advice import Advice
from vgplib.experiments.choosing.rules import ADVICE, NETWORK, paths, questions, recommend
from vgplib.experiments.remedy_costs import of_all
from vgplib.lesson.bundle import unique, wrapped
from vgplib.lesson.widget import Widget

# The page in chapters/ whose bench has what shows that an advice helps.
BENCHES = {
    "training-race": "05-remedies",
    "remedy-rates": "05-remedies",
    "activation-race": "04-activations",
    "learning-by-depth": "remedies/initialization",
    "normalisation": "remedies/normalization",
    "degradation": "remedies/skip-connections",
    "pre-and-post-norm": "remedies/skip-connections",
    "gates": "remedies/gating",
    "memory-race": "remedies/gating",
}
CHANGED = {
    "nothing": "nothing",
    "training": "the training",
    "start": "the weights at the start",
    "network": "the network",
    "kind": "the activation or the cell",
}


class Chooser(Widget):
    """Five questions and their answers. Made by :func:`chooser`."""

    kind = traitlets.Unicode("chooser").tag(sync=True)

    def __repr__(self) -> str:
        return wrapped(_words(self.spec))

    def fallback(self) -> str:
        """All answers as HTML."""
        return _fallback(self.spec)


def chooser(**answers: str) -> Chooser:
    """Ask five questions about a model, and say what to try; ``print`` it for the words alone.

    Args:
        **answers: None, to be asked; or all five, to be answered at once: ``network``, ``size``,
            ``has``, ``wrong`` and ``change``.

    Raises:
        ValueError: An answer is missing or not known; the message lists those there are.
        vgplib.errors.AtlasError: What the answers rest on is missing, damaged or out of date.
    """
    known = ["network", *questions("plain")]
    for name in answers:
        errors.choose("question", name, known)
    if answers:
        if missing := [name for name in known if name not in answers]:
            raise ValueError(f"{missing[0]!r} is not answered; the questions are: {known}.")
        answers = {name: answers[name] for name in known}  # as the keys of the answers have them
        recommend(**answers)
    spec = {
        "id": unique("chooser"),
        "given": answers or None,
        "networks": _question("network", NETWORK),
        "questions": {
            network: [_question(name, one) for name, one in questions(network).items()]
            for network in NETWORK.options
        },
        "answers": {"|".join(path.values()): recommend(**path) for path in paths()},
        "advice": {name: _told(one) for name, one in ADVICE.items()},
    }
    return Chooser(spec=spec)


def _question(name: str, given: Any) -> dict[str, Any]:
    options = [{"value": value, "label": label} for value, label in given.options.items()]
    return {"name": name, "ask": given.ask, "options": options}


def _told(advice: Advice) -> dict[str, Any]:
    """An advice in the words that the reader sees."""
    rate = readouts(advice.rates[0], **advice.rates[1])[0].text if advice.rates else ""
    out = {
        "label": advice.label,
        "why": advice.why,
        "changes": CHANGED[advice.level],
        "cost": cost(advice),
        "settings": advice.settings.format(rate=rate),
        "code": advice.code,
        "page": {"href": f"{advice.page}.ipynb", "text": "The page that tells about it"},
    }
    if advice.shown:
        name, settings = advice.shown
        verdict = readouts(name, **settings)[2]
        words = f": {verdict.text[:1].lower()}{verdict.text[1:]}" if verdict.tone == "good" else ""
        out["shown"] = {
            "href": f"{BENCHES[name]}.ipynb#{name}?{urlencode(settings)}",
            "text": f"{experiment(name).title.rstrip('?')}{words}",
        }
    return out


def cost(advice: Advice) -> str:
    """What an advice costs: as measured, beside the network without it, or in words."""
    if advice.row is None:
        return advice.cost
    found = of_all()[advice.row]
    told = {"parameters": "the parameters", "time": "the time of a step", "memory": "the memory"}
    parts = [
        f"{found[kind]:.1f} times {words}"
        for kind, words in told.items()
        if not 0.95 <= found[kind] < 1.05
    ]
    return ", ".join(parts) or "next to nothing"


def _words(spec: dict[str, Any]) -> str:
    """The questions as text; with the answers given, what to try."""
    given = spec["given"]
    if not given:
        lines = ["Five questions about your model. Run this cell to answer them."]
        for one in (spec["networks"], *spec["questions"]["plain"]):
            lines += [one["ask"], *(f"- {option['label']}" for option in one["options"])]
        return "\n".join(lines)
    lines = []
    for number, name in enumerate(spec["answers"]["|".join(given.values())], start=1):
        one = spec["advice"][name]
        lines += [
            f"{number}. {one['label']}",
            f"   {one['why']}",
            f"   Changes {one['changes']}. Costs: {one['cost']}. {one['settings']}",
        ]
    return "\n".join(lines)


def _fallback(spec: dict[str, Any]) -> str:
    """Tables of all answers, folded away by network, and each advice below."""
    tables = "".join(
        f"<details><summary>{html.escape(option['label'])}</summary>"
        f"{_tables(spec, option['value'])}</details>"
        for option in spec["networks"]["options"]
    )
    told = "".join(
        f'<details id="{spec["id"]}-{name}"><summary>{html.escape(one["label"])}</summary>'
        f"<p>{html.escape(one['why'])}</p><p>Changes {one['changes']}. "
        f"Costs: {html.escape(one['cost'])}. {html.escape(one['settings'])} "
        f"{''.join(_link(one[key]) for key in ('shown', 'page') if key in one)}</p>"
        f"<pre>{html.escape(one['code'])}</pre></details>"
        for name, one in spec["advice"].items()
    )
    return (
        '<section class="vgp-fallback vgp-decisions"><p><strong>'
        f"{html.escape(spec['networks']['ask'])}</strong></p>{tables}"
        f"<p><strong>What each of them is</strong></p>{told}</section>"
    )


def _link(to: dict[str, str]) -> str:
    return f'<a href="{html.escape(to["href"])}">{html.escape(to["text"])}</a>. '


def _tables(spec: dict[str, Any], network: str) -> str:
    """A table for each thing that can go wrong: what it has and its size, by what may change."""
    size, has, wrong, change = spec["questions"][network]
    heads = "".join(f'<th scope="col">{html.escape(o["label"])}</th>' for o in change["options"])
    out = []
    for trouble in wrong["options"]:
        rows = []
        for kind in has["options"]:
            same: dict[tuple, list[str]] = {}
            for one in size["options"]:
                path = [network, one["value"], kind["value"], trouble["value"]]
                keys = ["|".join([*path, o["value"]]) for o in change["options"]]
                same.setdefault(tuple(tuple(spec["answers"][k]) for k in keys), []).append(
                    one["label"]
                )
            for cells, sizes in same.items():
                label = kind["label"] + (": " + " or ".join(sizes) if len(same) > 1 else "")
                rows.append(
                    f'<tr><th scope="row">{html.escape(label)}</th>'
                    f"{''.join(_cell(spec, names) for names in cells)}</tr>"
                )
        said = trouble["label"]
        out.append(
            f"<table><caption>{html.escape(said[:1].upper() + said[1:])}. "
            f"{change['ask']}</caption><thead><tr><td></td>{heads}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
        )
    return "".join(out)


def _cell(spec: dict[str, Any], names: tuple[str, ...]) -> str:
    items = (
        f'<li><a href="#{spec["id"]}-{name}">{html.escape(spec["advice"][name]["label"])}</a></li>'
        for name in names
    )
    return f"<td><ol>{''.join(items)}</ol></td>"
