"""The book's pages, as the tests see them: known before the book is built."""

import yaml

from tools.environment import ROOT


def _files(entry: dict) -> list[str]:
    own = [entry["file"]] if "file" in entry else []
    below = [*entry.get("parts", []), *entry.get("chapters", []), *entry.get("sections", [])]
    return own + [file for child in below for file in _files(child)]


TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
LESSONS = [f"{name}.html" for name in (TOC["root"], *_files(TOC))]
EVERY = [*LESSONS, "genindex.html", "search.html"]
