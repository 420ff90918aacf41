"""How nbval compares a notebook's outputs: what is kept in the file is its text."""

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave out what the committed notebooks do not hold; see tools/notebooks.py."""
    if collector.path.suffix == ".ipynb":
        collector.skip_compare += (
            "text/html",
            "image/png",
            "image/svg+xml",
            "stderr",
        )
