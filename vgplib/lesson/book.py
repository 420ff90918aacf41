"""The Sphinx extension of the book: formulas as MathML, and pages that need no network.

Listed in ``_config.yml``. It adds the book's style sheet and the benches' script to every page,
leaves out what the theme would load and the book does not use, and lets ``links``, ``places``,
``downloads``, ``recordings`` and ``videos`` do what they are for.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset_file
from sphinx.util.math import get_node_equation_number

import vgplib
from vgplib.lesson import downloads, links, mathml, places, recordings, runs, videos
from vgplib.lesson.bench import fill
from vgplib.lesson.bundle import finished

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).parent
STYLES = (HERE / "frontend/dist/vgp.css", HERE / "static/book.css")
SCRIPT = HERE / "frontend/dist/vgp.js"
# What that script loads where a page is presented.
SLIDES = tuple(
    HERE / "frontend/dist" / name for name in ("slides.css", "slides.js", "reveal.LICENSE")
)

# Parts of the theme that no page refers to.
UNUSED = (
    "locales",
    "scripts/bootstrap.*",
    "scripts/fontawesome.*",
    "scripts/*.map",
    "styles/theme.css",
    "vendor",
    "*webpack-macros.html",
)
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
# Published beside the pages, for those who run a chapter elsewhere.
WHEEL = f"dist/vgplib-{vgplib.__version__}-py3-none-any.whl"
THEME_STYLES = "styles/pydata-sphinx-theme.css"

_LOG = logging.getLogger(__name__)


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write an inline formula."""
    self.body.append(f'<span class="math">{_convert(node, display=False)}</span>')
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, with its number where it has a label."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(_convert(node, display=True))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _convert(node: nodes.Element, display: bool) -> str:
    try:
        return mathml.to_mathml(node.astext(), display)
    except ValueError as error:
        _LOG.warning("%s", error, location=node, type="vgp", subtype="math")
        return ""


def slim(css: str) -> str:
    """Take the rules for icon fonts and sphinx-design out of a minified style sheet."""

    def rule(match: re.Match[str]) -> str:
        selectors, body = match.groups()
        if "@font-face" in selectors:
            return ""
        kept = [s for s in selectors.split(",") if not re.search(r"\.(fa|sd)-", s)]
        return f"{','.join(kept)}{{{body}}}" if kept else ""

    return re.sub(r"([^{}]*(?:\.fa-|\.sd-|@font-face)[^{}]*)\{([^{}]*)\}", rule, css)


@functools.lru_cache(maxsize=1)
def _tables(app: Sphinx) -> Path:
    """Where the tables of benches are kept between builds: they change with vgplib alone."""
    code = sha256()
    for path in sorted(Path(vgplib.__file__).parent.rglob("*")):
        if path.suffix in (".py", ".nc"):
            code.update(path.as_posix().encode() + path.read_bytes())
    folder = Path(app.doctreedir, "tables", code.hexdigest())
    for other in set(folder.parent.glob("*")) - {folder}:
        shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fill(app: Sphinx, state: dict[str, Any]) -> None:
    """Give the state of a bench or the clinic its table, from where it is kept if it is there."""
    if state["kind"] not in ("bench", "clinic"):
        return
    key = sha256(json.dumps(state["spec"], sort_keys=True).encode()).hexdigest()
    kept = _tables(app) / f"{key}.json"
    if kept.exists():
        state["frames"] = json.loads(kept.read_text("utf-8"))
        return
    fill(state)
    kept.write_text(json.dumps(state["frames"]), "utf-8")


def _mend_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend what the builders of a page put on it, before its template is filled in."""
    if "body" in context:
        body = links.to_pages(app, page, finished(context["body"], functools.partial(_fill, app)))
        body = links.explain_terms(app, page, body)
        body = places.fill(app, page, body)
        body = videos.captioned(body, Path(app.srcdir, page).parent)
        context["body"] = body + runs.told(app, page) + recordings.offer(app, page, context)
    if page == "search":
        attributes = {"type": "application/json", "class": "vgp-places"}
        app.add_js_file(None, body=places.for_search(app), **attributes)
    # The state of widgets is for live front ends; here it would be the tables once more.
    context["script_files"] = [
        file
        for file in context.get("script_files", ())
        if getattr(file, "attributes", {}).get("type") != WIDGET_STATE
    ]


def _note_bank(app: Sphinx, doctree: nodes.document) -> None:
    """A page is read again where its bank has changed: what its cells show comes from there."""
    env = app.builder.env
    name = env.docname.rpartition("/")[2]
    if Path(app.srcdir, "quizzes", f"{name}.json").exists():
        env.note_dependency(f"quizzes/{name}.json")


def _prepare(app: Sphinx, config: Config) -> None:
    config.templates_path.insert(0, str(HERE / "templates"))
    config.html_context["wheel"] = WHEEL
    # The source of a notebook stands beside it; the book is made of the notebook.
    config.exclude_patterns += [
        f"{name}.md"
        for name in getattr(config, "external_site_map", ())
        if Path(app.srcdir, f"{name}.ipynb").exists()
    ]
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options.pop("launch_buttons", None)  # there is nowhere to launch from


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Put the book's files beside the pages, and take the theme's unused ones away."""
    if error or app.builder.format != "html":
        return
    pages = Path(app.outdir)
    if config := getattr(app.env, "mystnb_config", None):  # a book may have no notebooks
        kept = Path(config.execution_cache_path) if config.execution_mode == "cache" else None
        downloads.publish(Path(config.output_folder), pages / "_sources", kept)
    videos.publish(Path(app.srcdir), pages)
    static = pages / "_static"
    # Not straight into _static: Jupyter Book would add each script there to each page.
    (static / "vgp").mkdir(exist_ok=True)
    for file in (*STYLES, SCRIPT, *SLIDES):
        copy_asset_file(str(file), str(static / "vgp"))
    recordings.publish(app)
    styles = static / THEME_STYLES
    styles.write_text(slim(styles.read_text(encoding="utf-8")), encoding="utf-8")
    for pattern in UNUSED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    for file in STYLES:
        app.add_css_file(f"vgp/{file.name}", priority=900)
    app.add_js_file(f"vgp/{SCRIPT.name}", loading_method="defer")
    app.add_post_transform(links.HtmlTargets)
    app.connect("config-inited", _prepare, priority=900)
    app.connect("doctree-read", links.collect_ids)
    app.connect("doctree-read", places.collect)
    app.connect("doctree-read", _note_bank)
    app.connect("html-page-context", _mend_page, priority=900)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
