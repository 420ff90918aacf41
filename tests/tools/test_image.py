"""The image for Docker, dev containers, Binder and JupyterHub: what pip brings, where it opens.

CI builds it and runs a chapter in it; here is what can be told without Docker.
"""

import json
import posixpath
import re
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement

from tools import notebooks
from tools.environment import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def _pins(text: str) -> dict[str, Requirement]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {one.name: one for one in map(Requirement, filter(None, lines))}


@pytest.fixture(scope="module")
def constraints() -> dict[str, Requirement]:
    """What the image holds pip to: the Dockerfile's own command, run on the pins."""
    command = re.search(r"sed -E '[^']*' \\\n +requirements\.txt", DOCKERFILE)
    assert command
    done = subprocess.run(
        ["sh", "-c", command[0]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return _pins(done.stdout)


def _copied(path: str) -> bool:
    """Whether the image has a file, by Docker's rule: the last line that matches it decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = re.escape(line.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{pattern}(/.*)?", path):
            kept = line.startswith("!")
    return kept


def test_the_image_has_each_notebook_and_each_file_that_one_links_to():
    for path in notebooks.paths():
        notebook = path.with_suffix(".ipynb").relative_to(ROOT).as_posix()
        assert _copied(notebook)
        text = (ROOT / notebook).read_text("utf-8")
        for link in re.findall(r"\]\((?!https?:)([^)#?]+)", text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(notebook), link))
            assert (ROOT / target).exists(), (notebook, link)
            assert _copied(target), (notebook, link)
    assert not _copied("tests/test_layers.py")
    assert not _copied("chapters/remedies/gating.md")


def test_pip_leaves_debians_pytorch_and_brings_all_else_as_it_is_tested(constraints):
    pins = _pins((ROOT / "requirements.txt").read_text("utf-8"))
    changed = {name for name in pins if pins[name] != constraints.get(name)}
    assert changed == {"torch", "networkx", "numpy", "sympy"}
    assert "+debian" in str(constraints["torch"])


def test_debians_pytorch_is_new_enough_for_vgplib(constraints):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (needed,) = (one for one in map(Requirement, project["dependencies"]) if one.name == "torch")
    (version,) = (one.version for one in constraints["torch"].specifier)
    assert needed.specifier.contains(version)


def test_a_dev_container_is_the_same_image_and_opens_the_same_port():
    folder = ROOT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text("utf-8"))
    assert (folder / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (folder / container["build"]["context"]).resolve() == ROOT
    (port,) = container["forwardPorts"]
    assert f"EXPOSE {port}" in DOCKERFILE
