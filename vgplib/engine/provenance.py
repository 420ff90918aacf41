"""Where numbers are from: the versions of what computed them, and the commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import vgplib


def versions() -> dict[str, str]:
    """The versions of vgplib, torch and numpy: others may give other digits."""
    import numpy
    import torch

    return {
        "vgplib": vgplib.__version__,
        "torch": torch.__version__.split("+")[0],
        "numpy": numpy.__version__,
    }


def commit() -> str:
    """The git commit of the checkout that vgplib runs from, or ``""`` where there is none.

    It ends in ``-dirty`` where files differ from the commit.
    """
    root = Path(vgplib.__file__).parent.parent
    # Only vgplib's own checkout counts, not a repository that an environment happens to lie in.
    if not (root / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
