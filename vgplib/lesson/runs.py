"""What a page says of its own run: how long its notebook took, when, and with which versions."""

from __future__ import annotations

import platform
from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING

import vgplib

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def told(app: Sphinx, page: str) -> str:
    """A line for the foot of a page, as HTML; nothing where it is no notebook.

    Args:
        app: The running Sphinx.
        page: The page's name, ``"chapters/02-causes"``.
    """
    if not hasattr(app.env, "mystnb_config"):  # a book may have no notebooks
        return ""
    from myst_nb.sphinx_ import NbMetadataCollector

    ran = NbMetadataCollector.get_doc_data(app.env).get(page, {}).get("exec_data")
    if not ran or ran["runtime"] is None:
        return ""
    day = datetime.fromtimestamp(ran["mtime"], timezone.utc)
    return (
        f'<p class="vgp-ran">As a notebook, this page ran in {ran["runtime"]:.0f} s on '
        f"{day.day} {day:%B %Y}, with Python {platform.python_version()}, "
        f"PyTorch {version('torch').partition('+')[0]} and vgplib {vgplib.__version__}.</p>"
    )
