"""What a page offers for download has its pictures, whether its notebook ran now or earlier."""

import copy

import nbformat
import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from vgplib.lesson import downloads


@pytest.mark.parametrize("ran", ["now", "earlier"])
def test_a_published_notebook_has_its_pictures(ran, tmp_path):
    executed, sources = tmp_path / "executed", tmp_path / "sources"
    bare = new_notebook(cells=[new_markdown_cell("Look."), new_code_cell("show()")])
    whole = copy.deepcopy(bare)
    whole.cells[1].outputs = [new_output("display_data", {"text/html": "<svg></svg>"})]
    cache = None
    if ran == "earlier":
        cache = tmp_path / "cache"
        get_cache(cache).cache_notebook_bundle(
            CacheBundleIn(copy.deepcopy(whole), "page.ipynb"), check_validity=False
        )
    for folder, notebook in ((executed, bare if cache else whole), (sources, bare)):
        folder.mkdir()
        nbformat.write(notebook, folder / "page.ipynb")
    downloads.publish(executed, sources, cache)
    published = nbformat.read(sources / "page.ipynb", as_version=4)
    assert [cell.source for cell in published.cells] == ["Look.", "show()"]
    assert published.cells[1].outputs[0].data == {"text/html": "<svg></svg>"}
