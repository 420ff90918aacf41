"""The course's address, and what follows from it. It stands in ``_config.yml`` alone."""

from __future__ import annotations

import re
import tomllib

import yaml

from tools.environment import ROOT, Failure

WHEELS = "dist"  # the folder of the published pages that holds the wheel of vgplib
_REPOSITORY = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


def address() -> str | None:
    """Where the course's pages are published, without a slash at its end; None if not known.

    Raises:
        Failure: The address in ``_config.yml`` is not that of a GitHub repository.
    """
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return pages(config["sphinx"]["config"]["html_theme_options"]["repository_url"])


def pages(repository: str) -> str | None:
    """Where GitHub publishes the pages of a repository; None for an empty address.

    Raises:
        Failure: ``repository`` is something else than ``https://github.com/OWNER/NAME``.
    """
    if not repository:
        return None
    match = _REPOSITORY.fullmatch(repository)
    if not match:
        raise Failure(
            f"repository_url in _config.yml is {repository!r}; "
            "it must read https://github.com/OWNER/NAME, or be empty while there is no address."
        )
    owner, name = match[1].lower(), match[2]
    site = f"https://{owner}.github.io"
    return site if name.lower() == f"{owner}.github.io" else f"{site}/{name}"


def wheel() -> str | None:
    """What ``pip install`` takes to install vgplib from the published pages; None if not known."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = f"{project['name']}-{project['version']}-py3-none-any.whl"
    where = address()
    return where and f"{where}/{WHEELS}/{name}"
