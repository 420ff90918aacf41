"""Where numbers are from: the versions of what computed them, and the commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import vgplib

_ATLASES = "vgplib/engine/atlases"


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

    It ends in ``-dirty`` where files differ from the commit, other than the atlases themselves.
    """
    root = Path(vgplib.__file__).parent.parent
    # Only vgplib's own checkout counts, not a repository that an environment happens to lie in.
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "-uno", "--", f":!{_ATLASES}")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{head}-dirty" if changed else head


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()
