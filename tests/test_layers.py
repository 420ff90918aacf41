"""The rooms of the package: imports run one way only, and importing it is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vgplib

ROOT = Path(vgplib.__file__).parent
ORDER = ["networks", "measures", "doctor", "engine", "experiments", "lesson"]
BELOW = {"drawing", "errors", "numbers"}
FILES = sorted(p for p in ROOT.rglob("*.py") if "node_modules" not in p.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards_only(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert room in {*ORDER, *BELOW, "__init__"}, f"{room} is not a known room"
    allowed = set(ORDER[: ORDER.index(room) + 1]) if room in ORDER else set()
    # The command line of the atlas may look up: it stands under `if __name__ == "__main__"`.
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = [n for n in tree.body if not (isinstance(n, ast.If) and "__main__" in ast.dump(n.test))]
    for node in (inner for outer in body for inner in ast.walk(outer)):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "vgplib":
                names = [f"vgplib.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "vgplib" and len(parts) > 1 and parts[1] not in BELOW:
                assert parts[1] in allowed, f"{path.name} imports {name}, a room above it"


def test_import_loads_nothing_heavy():
    heavy = "xarray pandas scipy sklearn matplotlib IPython ipywidgets anywidget h5py torch".split()
    code = f"import sys, vgplib; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'bnech'.*'bench'"):
        vgplib.bnech  # noqa: B018


def test_every_public_name_is_there_and_says_what_it_is():
    for name in vgplib.__all__:
        thing = getattr(vgplib, name)
        assert thing.__doc__, name
