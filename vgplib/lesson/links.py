"""Links of the book: written for notebooks, right on its pages, and terms that explain themselves.

A chapter links to files, as a notebook can follow them: ``[Adam](../appendix/glossary.md#adam)``,
``[Glorot](../appendix/bibliography.md#glorot2010)``, ``[Experiment 2.1](#chain?hops=10)``.
"""

from __future__ import annotations

import functools
import posixpath
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.application import Sphinx

GLOSSARY = "appendix/glossary"
BIBLIOGRAPHY = "appendix/bibliography"

_IDS = "vgp_ids"
_ID = re.compile(r'<\w[^<>]*?\sid="([^"]+)"')
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_FILE = re.compile(r'(href(?:="|":\s*"))(?![a-z]+:)([^"#?]+)\.(?:md|ipynb)(?=["#?])')
_TERM = re.compile(r'<a (?=[^<>]*?href="(?:[^"]*/)?glossary\.html#([\w-]+)")')


def collect_ids(app: Sphinx, doctree: nodes.document) -> None:
    """Remember what a page names in HTML: its benches, or the entries of the bibliography.

    JupyterLab finds a heading by its exact letters alone, so one that is linked to has an anchor
    in small letters above it. Here the heading has that name itself, and the anchor goes.
    """
    env = app.builder.env
    about = env.metadata[env.docname]
    for paragraph in list(doctree.findall(nodes.paragraph)):
        anchor = _ANCHOR.fullmatch(paragraph.astext())
        if anchor and anchor[1] in about.get("myst_slugs", ()):
            paragraph.parent.remove(paragraph)
    raw = (node.astext() for node in doctree.findall(nodes.raw))
    about[_IDS] = {name for text in raw for name in _ID.findall(text)}


class HtmlTargets(SphinxPostTransform):
    """Resolve links to what only HTML names; MyST knows headings alone and would warn.

    A bench's link may end in a setting, ``#chain?hops=10``, which its script reads.
    """

    default_priority = 8  # before MyST's own, which is 9

    def run(self, **kwargs: Any) -> None:
        """Replace the links of one page whose targets are known."""
        here = self.env.docname
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link["reftype"] != "myst":
                continue
            page, place = here, link["reftarget"]
            if link["refdomain"] == "doc":
                page, place = link["reftarget"], link["reftargetid"]
            if place and place.partition("?")[0] in self.env.metadata[page].get(_IDS, ()):
                words = nodes.inline("", "", *link[0].children)
                link.replace_self(make_refnode(self.app.builder, here, page, place, words))


def to_pages(app: Sphinx, here: str, body: str) -> str:
    """Let links to notebooks and Markdown files, in what cells wrote, lead to their pages."""

    def page(match: re.Match[str]) -> str:
        before, path = match.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        return f"{before}{path}.html" if target in app.builder.env.all_docs else match[0]

    return _FILE.sub(page, body)


def explain_terms(app: Sphinx, here: str, body: str) -> str:
    """Add the definitions that a page links to, each as a hidden tooltip of its links.

    A screen reader finds a definition as its link's description; ``glossary.js`` shows it.
    """
    if here == GLOSSARY or GLOSSARY not in app.builder.env.all_docs:
        return body
    known = _definitions(app)
    used = sorted(set(_TERM.findall(body)) & known.keys())
    hidden = 'class="vgp-term" role="tooltip" popover="manual"'
    tips = "".join(f'<div {hidden} id="term-{term}">{known[term]}</div>' for term in used)
    body = _TERM.sub(
        lambda link: f'<a aria-describedby="term-{link[1]}" ' if link[1] in used else link[0], body
    )
    return body + tips


@functools.lru_cache(maxsize=1)
def _definitions(app: Sphinx) -> dict[str, str]:
    """The glossary: the id of each term's heading -> its definition as HTML, without links."""
    found = {}
    for section in app.builder.env.get_doctree(GLOSSARY).findall(nodes.section):
        if isinstance(section.parent, nodes.document):
            continue
        parts = [part.deepcopy() for part in section.children[1:]]
        for part in parts:
            for link in list(part.findall(addnodes.pending_xref)):
                link.replace_self(link[0].children)
        html = "".join(app.builder.render_partial(part)["fragment"] for part in parts)
        found[section["ids"][0]] = html.strip()
    return found
