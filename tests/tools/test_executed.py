"""A build runs those notebooks whose code or questions changed, and no others."""

import shutil

import nbformat
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook

from tools.executed import forget_changed_banks, run_missing


def test_a_notebook_whose_bank_changed_is_forgotten_and_others_are_kept(tmp_path):
    folder, banks = tmp_path / "executed", tmp_path / "quizzes"
    folder.mkdir()
    banks.mkdir()
    cache = get_cache(folder)
    for name in ("first", "second", "without-a-bank"):
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(f"'{name}'", execution_count=1)]), path)
        if name != "without-a-bank":
            (banks / f"{name}.json").write_text("{}")
    forget_changed_banks(folder, banks)  # notes what is there
    for path in tmp_path.glob("*.ipynb"):
        cache.cache_notebook_file(path, uri=str(path), check_validity=False)

    def kept():
        return {record.uri.rsplit("/")[-1] for record in cache.list_cache_records()}

    forget_changed_banks(folder, banks)
    assert kept() == {"first.ipynb", "second.ipynb", "without-a-bank.ipynb"}
    (banks / "first.json").write_text('{"questions": []}')
    forget_changed_banks(folder, banks)
    assert kept() == {"second.ipynb", "without-a-bank.ipynb"}


def test_what_is_missing_is_run_and_kept_and_a_failing_notebook_is_not(tmp_path):
    folder, codes = tmp_path / "executed", {"good": "print(6 * 7)", "bad": "1 / 0"}
    paths = [tmp_path / f"{name}.ipynb" for name in codes]
    for path, code in zip(paths, codes.values(), strict=True):
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    assert run_missing(folder, paths) == paths[:1]
    cache = get_cache(folder)
    _, merged = cache.merge_match_into_notebook(nbformat.read(paths[0], as_version=4))
    assert merged.cells[0].outputs[0].text == "42\n"
    assert run_missing(folder, paths[:1]) == []


def test_a_record_without_its_notebook_is_not_taken_for_kept(tmp_path):
    """A build that is stopped at the wrong moment leaves one."""
    folder, path = tmp_path / "executed", tmp_path / "good.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(6 * 7)")]), path)
    assert run_missing(folder, [path]) == [path]
    shutil.rmtree(folder / "executed")
    assert run_missing(folder, [path]) == [path]
    assert run_missing(folder, [path]) == []
