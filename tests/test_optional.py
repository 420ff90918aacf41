"""The wheel alone is enough: what is optional is missed only where it is used, in a sentence."""

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import vgplib

ROOT = Path(vgplib.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What builds the book; the modules that are its parts need it, and nothing else may.
BOOK = ("docutils", "sphinx", "nbformat")

# Lets the child import what the wheel asks for, and says of all else that it is not there.
ABSENT = """
import importlib, json, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

ABSENT = set(json.loads(sys.stdin.read()))
sys.meta_path.insert(0, Absent())

def words(action):
    try:
        return f"nothing was missed: {action()}"
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
"""


def absent() -> list[str]:
    """What is installed here and not needed by the wheel, as the names that are imported."""
    needed: set[str] = set()
    todo = [Requirement(text) for text in PROJECT["dependencies"]]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in needed:
            continue
        try:
            more = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for GPUs, say
            continue
        needed.add(name)
        found, extras = map(Requirement, more), one.extras or {""}
        todo += [
            one
            for one in found
            if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return [
        module
        for module, providers in metadata.packages_distributions().items()
        if module != "vgplib" and not needed & {canonicalize_name(p) for p in providers}
    ]


def without_them(code: str) -> dict[str, str]:
    """What the child prints, where nothing optional can be imported."""
    done = subprocess.run(
        [sys.executable, "-c", ABSENT + code],
        input=json.dumps(absent()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_module_can_be_imported_save_the_parts_of_the_books_build():
    missed = without_them("""
import vgplib
found = {}
for module in pkgutil.walk_packages(vgplib.__path__, "vgplib."):
    if not module.name.endswith("__main__"):
        found[module.name] = words(lambda: importlib.import_module(module.name))
for name in vgplib.__all__:
    found[f"vgplib's {name}"] = words(lambda: getattr(vgplib, name))
print(json.dumps(found))
""")
    assert len(missed) > 100
    for name, said in missed.items():
        if "nothing was missed" not in said:
            of_the_book = any(f"No module named '{part}" in said for part in BOOK)
            of_an_extra = any(f".{extra}." in name for extra in EXTRAS)  # a room of that name
            assert name.startswith("vgplib.lesson."), (name, said)
            assert of_the_book or of_an_extra, (name, said)


def test_what_needs_an_optional_package_names_it_and_how_to_get_it():
    said = without_them("""
import vgplib as vgp
from vgplib.doctor.watching import callbacks
scheduled = dict(seeds=1, scheduler="tcp://127.0.0.1:1")
print(json.dumps({
    "cluster": words(lambda: vgp.sweep("error-signal", **scheduled)),
    "lightning": words(lambda: callbacks.LightningWatch),
    "transformers": words(lambda: callbacks.TrainerWatch),
}))
""")
    dask = "a scheduler needs Dask, which is not installed: pip install dask distributed"
    assert said["cluster"] == f"GridError: {dask}"
    assert said["lightning"] == "ImportError: Lightning is not installed: pip install lightning"
    assert "ImportError: The Hugging Face Trainer is not installed" in said["transformers"]
    assert said["transformers"].endswith("pip install transformers")


def test_without_dask_this_machine_has_one_process():
    said = without_them("""
from vgplib.engine import cluster
with cluster.local() as address:
    print(json.dumps({"address": address}))
""")
    assert said["address"] is None


def test_the_packages_of_each_extra_are_named_where_they_are_missed():
    """By their own names: vgplib comes as a file, and whatever an index calls so is not it."""
    code = [path.read_text("utf-8") for path in (ROOT / "vgplib").rglob("*.py")]
    for packages in EXTRAS.values():
        way = f"pip install {' '.join(Requirement(one).name for one in packages)}"
        assert any(way in text for text in code), f"nothing says {way}"
