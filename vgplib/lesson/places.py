"""What a reader looks for, and where it is: for the book's index, and for its search.

A chapter is a notebook, which can't mark a word for an index. But what one looks for has a mark
already: terms in the glossary, sources in the bibliography, experiments and questions in the states
of benches, claims and cards in their folds. Each page's are collected as it is read.
"""

from __future__ import annotations

import html
import itertools
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from sphinx import addnodes

from vgplib.lesson.links import BIBLIOGRAPHY, GLOSSARY
from vgplib.lesson.text import words

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MOST = 3  # sections that an index names for a term, besides its definition

_PLACES, _USES = "vgp_places", "vgp_uses"
_STATE = re.compile(r'class="vgp-state">(.*?)</script>', re.DOTALL)
_CLAIM = re.compile(r'class="vgp-claim" id="([^"]+)"><summary>“(.*?)” <em>')
_LINE = re.compile(r'<a id="(said-[^"]+)">')
_SOURCE = re.compile(r'<a id="(\w+)">')
_SAID = re.compile(r"“(.*)”", re.DOTALL)
_INDEX = re.compile(r'<div class="vgp-index" data-of="(\w+)"></div>')


class Place(NamedTuple):
    """Something that one looks for.

    Attributes:
        kind: ``"term"``, ``"experiment"``, ``"claim"``, ``"line"`` (of the list of claims),
            ``"question"`` (of a bench or a quiz), ``"card"`` or ``"source"``.
        text: Its words.
        id: Where it is on its page.
    """

    kind: str
    text: str
    id: str


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Remember what a page has to be found, and in which sections it uses terms and sources."""
    env = app.builder.env
    about = env.metadata[env.docname]
    about[_PLACES] = [*_marked(doctree), *_told(env.docname, doctree)]
    uses: dict[tuple[str, str], tuple[str, str]] = {}
    for link in doctree.findall(addnodes.pending_xref):
        if link.get("reftarget") in (GLOSSARY, BIBLIOGRAPHY) and (section := _section(link)):
            to = (link["reftarget"], link["reftargetid"])
            uses.setdefault(to, (section["ids"][0], section[0].astext()))
    about[_USES] = uses


def _marked(doctree: nodes.document) -> Iterator[Place]:
    """What the HTML of a page holds: benches and what they ask, quizzes, claims, cards."""
    for raw in doctree.findall(nodes.raw):
        text = raw.astext()
        for given in _STATE.findall(text):
            state = json.loads(given)
            yield from _in_state(state["kind"], state["spec"])
        for name, said in _CLAIM.findall(text):
            yield Place("claim", html.unescape(re.sub(r"<[^>]+>", "", said)), name)
        if (line := _LINE.search(text)) and (said := _SAID.search(raw.parent.astext())):
            yield Place("line", said[1], line[1])
        if 'class="vgp-folds vgp-card"' in text and isinstance(raw.parent, nodes.section):
            yield Place("card", raw.parent[0].astext(), raw.parent["ids"][0])


def _in_state(kind: str, spec: dict[str, Any]) -> Iterator[Place]:
    if kind in ("bench", "clinic"):
        if spec["number"]:
            yield Place("experiment", f"{spec['number']} {spec['title']}", spec["id"])
        if asked := spec.get("predict"):
            yield Place("question", asked["words"], spec["id"])
    elif kind == "quiz":
        for question in spec["questions"]:
            yield Place("question", words(question["question"]), spec["id"])


def _told(page: str, doctree: nodes.document) -> Iterator[Place]:
    """The terms of the glossary, the sources of the bibliography."""
    if page == GLOSSARY:
        for section in doctree.findall(nodes.section):
            if isinstance(section.parent, nodes.section):
                yield Place("term", section[0].astext(), section["ids"][0])
    elif page == BIBLIOGRAPHY:
        for paragraph in doctree.findall(nodes.paragraph):
            if anchor := _SOURCE.search(paragraph[0].astext()):
                parts = itertools.takewhile(
                    lambda part: not isinstance(part, nodes.reference),
                    (part for part in paragraph if not isinstance(part, nodes.raw)),
                )
                text = "".join(part.astext() for part in parts).partition("Look for:")[0]
                yield Place("source", text.strip(), anchor[1])


def _section(node: nodes.Node) -> nodes.section | None:
    """The section with a heading of the second level that holds a node."""
    while node is not None:
        if isinstance(node, nodes.section) and isinstance(node.parent.parent, nodes.document):
            return node
        node = node.parent
    return None


def for_search(app: Sphinx) -> str:
    """All that is to be found, as data for the page that shows what a search found."""
    kinds = {"line": "claim", "card": "question"}
    data = [
        {"kind": kinds.get(place.kind, place.kind), "text": place.text, "href": href}
        for page in _order(app)
        for place in app.env.metadata[page].get(_PLACES, ())
        for href in [_to(app, "search", page, place.id)]
    ]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def fill(app: Sphinx, here: str, body: str) -> str:
    """Put the lists of the index in the places that its page has for them."""
    lists = {
        "terms": _terms,
        "experiments": _experiments,
        "claims": _claims,
        "cards": _cards,
        "people": _people,
    }

    def filled(match: re.Match[str]) -> str:
        return f'<div class="vgp-index">{lists[match[1]](app, here)}</div>'

    return _INDEX.sub(filled, body)


def _order(app: Sphinx) -> dict[str, str]:
    """The pages in reading order, each with its title in the contents, or its own."""
    found = {}
    for toctree in app.env.get_doctree(app.config.root_doc).findall(addnodes.toctree):
        found |= {page: title for title, page in toctree["entries"] if page in app.env.titles}
    return {page: title or app.env.titles[page].astext() for page, title in found.items()}


def _of(app: Sphinx, *kinds: str) -> Iterator[tuple[str, Place]]:
    for page in _order(app):
        for place in app.env.metadata[page].get(_PLACES, ()):
            if place.kind in kinds:
                yield page, place


def _to(app: Sphinx, here: str, page: str, place: str) -> str:
    return f"{app.builder.get_relative_uri(here, page)}#{place}"


def _link(href: str, text: str) -> str:
    return f'<a href="{html.escape(href)}">{html.escape(text)}</a>'


def _terms(app: Sphinx, here: str) -> str:
    """Each term with the sections that first use it, by its first letter."""
    terms = sorted(_of(app, "term"), key=lambda found: found[1].text.lower())
    used = _used(app, [term for _, term in terms])
    groups: dict[str, list[str]] = {}
    for page, term in terms:
        links = [_link(_to(app, here, page, term.id), term.text)]
        links += [_link(_to(app, here, *to), words) for *to, words in used[term.id][:MOST]]
        groups.setdefault(term.text[0].upper(), []).append(" · ".join(links))
    jumps = "".join(f'<a href="#terms-{letter.lower()}">{letter}</a> ' for letter in groups)
    return f'<p class="vgp-letters">{jumps}</p>' + "".join(
        f'<h3 id="terms-{letter.lower()}">{letter}</h3>{_list(lines)}'
        for letter, lines in groups.items()
    )


def _used(app: Sphinx, terms: list[Place]) -> dict[str, list[tuple[str, str, str]]]:
    """By a term's id, of each chapter the first section that uses it: page, place, words.

    That's the first with a link to its definition. Where no chapter has such a link, it's the first
    with the term in its text.
    """
    linked: dict[str, list[tuple[str, str, str]]] = {term.id: [] for term in terms}
    named: dict[str, list[tuple[str, str, str]]] = {term.id: [] for term in terms}
    for page, title in _order(app).items():
        if not title[0].isdigit():
            continue  # it's no chapter
        texts = {
            (section["ids"][0], section[0].astext()): " ".join(
                paragraph.astext() for paragraph in section.findall(nodes.paragraph)
            )
            for section in app.env.get_doctree(page).findall(nodes.section)
            if isinstance(section.parent.parent, nodes.document)
        }
        for term in terms:
            link = app.env.metadata[page][_USES].get((GLOSSARY, term.id))
            word = re.compile(rf"\b{re.escape(term.text)}s?\b", re.IGNORECASE)
            name = next((at for at, text in texts.items() if word.search(text)), None)
            for use, found in ((link, linked), (name, named)):
                if use:
                    found[term.id].append((page, use[0], f"{title.split()[0]}: {use[1]}"))
    return {term: linked[term] or named[term] for term in linked}


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _experiments(app: Sphinx, here: str) -> str:
    return _list([_link(_to(app, here, p, one.id), one.text) for p, one in _of(app, "experiment")])


def _claims(app: Sphinx, here: str) -> str:
    """What people say, by the chapter that asks the reader."""
    titles = _order(app)
    return "".join(
        f"<p><strong>{html.escape(titles[page])}</strong></p>"
        + _list([_link(_to(app, here, page, one.id), f"“{one.text}”") for _, one in same])
        for page, same in itertools.groupby(_of(app, "claim"), key=lambda found: found[0])
    )


def _cards(app: Sphinx, here: str) -> str:
    return _list([_link(_to(app, here, p, one.id), one.text) for p, one in _of(app, "card")])


def _people(app: Sphinx, here: str) -> str:
    """Everybody who wrote a source, with their sources."""
    works: dict[str, list[str]] = {}
    for page, source in _of(app, "source"):
        authors, year = re.match(r"(.*?) \((\d{4})\)", source.text).groups()
        names = re.split(r", | & ", authors.removesuffix(" et al."))
        short = authors if len(names) < 3 else f"{names[0]} et al."
        link = _link(_to(app, here, page, source.id), f"{short} ({year})")
        for name in dict.fromkeys(names):
            works.setdefault(name, []).append(link)
    ordered = sorted(works, key=lambda name: unicodedata.normalize("NFKD", name).casefold())
    return _list([f"{html.escape(name)}: {', '.join(works[name])}" for name in ordered])
