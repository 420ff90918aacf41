"""The rooms of the package: imports run one way only, and importing it is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vgplib

ROOT = Path(vgplib.__file__).parent
ORDER = ["networks", "measures", "doctor", "engine", "experiments", "lesson"]
DOCTOR = ["copies", "evidence", "conditions", "remedies"]
BELOW = {"drawing", "errors", "numbers"}
FILES = sorted(p for p in ROOT.rglob("*.py") if "node_modules" not in p.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards_only(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert room in {*ORDER, *BELOW, "__init__"}, f"{room} is not a known room"
    allowed = set(ORDER[: ORDER.index(room) + 1]) if room in ORDER else set()
    for parts in imported(path):
        if len(parts) > 1 and parts[1] not in BELOW:
            assert parts[1] in allowed, f"{path.name} imports {'.'.join(parts)}, a room above it"


@pytest.mark.parametrize("room", DOCTOR)
def test_the_doctor_measures_before_it_judges_and_judges_before_it_prescribes(room):
    """What is above these four rooms may use them all; none of them knows what is above it."""
    allowed = DOCTOR[: DOCTOR.index(room) + 1]
    files = [p for p in FILES if p.relative_to(ROOT).parts[:2] in {("doctor", room)}]
    for path in files or [ROOT / "doctor" / f"{room}.py"]:
        for parts in imported(path):
            if parts[:2] == ["vgplib", "doctor"]:
                assert parts[2] in allowed, f"{path.name} imports {'.'.join(parts)}"


def imported(path):
    """The names of vgplib that a file imports, each split at its dots."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # The command line of the atlas may look up: it stands under `if __name__ == "__main__"`.
    body = [n for n in tree.body if not (isinstance(n, ast.If) and "__main__" in ast.dump(n.test))]
    names = []
    for node in (inner for outer in body for inner in ast.walk(outer)):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = node.module.count(".") < 2  # a package: what is taken from it says which room
            names += [f"{node.module}.{a.name}" if whole else node.module for a in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [parts for name in names if (parts := name.split("."))[0] == "vgplib"]


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
