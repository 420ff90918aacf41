"""The notebooks that were run, kept until they change: ``python -m tools.executed FOLDER``.

It runs in the course's environment, which has jupyter-cache; that keeps what each notebook's code
gave. Its questions come from a bank, of which the code tells only the name.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from tools import toc
from tools.environment import ROOT, show


def forget_changed_banks(folder: Path, banks: Path = ROOT / "quizzes") -> None:
    """Forget those notebooks whose bank is not the one they were run with.

    Args:
        folder: Where jupyter-cache keeps what was run; the banks it was run with are noted there.
        banks: Where the banks are; a notebook's has its name.
    """
    note = folder / "banks.json"
    before = json.loads(note.read_text("utf-8")) if note.exists() else {}
    now = {path.stem: sha256(path.read_bytes()).hexdigest() for path in banks.glob("*.json")}
    if now == before:
        return
    from jupyter_cache import get_cache  # it takes its time

    cache = get_cache(folder)
    for record in cache.list_cache_records():
        name = Path(record.uri).stem
        if before.get(name) != now.get(name):
            with contextlib.suppress(KeyError):  # of a record that a stopped build left alone
                cache.remove_cache(record.pk)
    note.write_text(json.dumps(now), "utf-8")


def run_missing(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Run those notebooks that are not kept, as many at once as there are processors.

    One that fails is not kept: Sphinx, which runs one after the other, runs it again and says why.

    Args:
        folder: Where jupyter-cache keeps what was run.
        paths: The notebooks.

    Returns:
        Those that were run and kept.
    """
    import nbformat
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn
    from jupyter_cache.executors.utils import single_nb_execution

    # With more threads than processors in all, they wait for each other most of the time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    timeout = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["execute"]["timeout"]
    cache = get_cache(folder)
    kept = []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        runs = {}
        for path in paths:
            notebook = nbformat.read(path, as_version=4)
            if not _is_kept(cache, notebook):
                run = pool.submit(
                    single_nb_execution,
                    notebook,
                    cwd=str(path.parent),
                    timeout=timeout,
                    allow_errors=False,
                    extra_arguments=["--IPKernelApp.log_level=40"],  # it warns of its transport
                )
                runs[run] = path
        for number, run in enumerate(as_completed(runs), start=1):
            path, result = runs[run], run.result()
            show(f"ran {path.stem}, {number} of {len(runs)} notebooks")
            if result.err is None:
                took = {"execution_seconds": result.time}
                bundle = CacheBundleIn(result.nb, str(path), data=took)
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                kept.append(path)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # all are done, unless this was stopped
    show(None)
    return kept


def _is_kept(cache: Any, notebook: Any) -> bool:
    """Whether a notebook is kept whole: what was stopped may have left a record and no file."""
    try:
        cache.merge_match_into_notebook(notebook)
    except (KeyError, ValueError):
        return False
    return True


if __name__ == "__main__":
    forget_changed_banks(Path(sys.argv[1]))
    notebooks = (ROOT / f"{page}.ipynb" for page in toc.pages())
    try:
        run_missing(Path(sys.argv[1]), [path for path in notebooks if path.exists()])
    except KeyboardInterrupt:
        os._exit(130)  # at once: threads that wait for their notebooks would hold it up
