"""The book's parts and pages in reading order, from ``_toc.yml``."""

from __future__ import annotations

import yaml

from tools.environment import ROOT

Parts = list[tuple[str, list[tuple[str, str]]]]


def parts() -> Parts:
    """The book's parts, each with its pages: (caption, [(file, title)]); "" where none is given."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    found = [("", [(toc["root"], "")])]
    for part in toc["parts"]:
        pages = [(entry["file"], entry.get("title", "")) for entry in part["chapters"]]
        found.append((part["caption"], pages))
    return found


def pages() -> list[str]:
    """The files of all pages, without their endings."""
    return [file for _, pages in parts() for file, _ in pages]
