"""An atlas that is not what was measured is not used: its checksum stands beside it."""

import hashlib
import random
import shutil
from pathlib import Path

import pytest

from vgplib.engine import atlas
from vgplib.errors import AtlasError


@pytest.fixture
def copy(tmp_path):
    """A small atlas in a folder of its own, with its checksum."""
    shutil.copy(atlas.FOLDER / atlas.SUMS, tmp_path)
    return Path(shutil.copy(atlas.FOLDER / "chain.nc", tmp_path))


def test_no_flipped_bit_goes_unnoticed(copy):
    """Most of them the file's own format does not see: it would give other numbers."""
    whole, draw = copy.read_bytes(), random.Random(0)
    for place in draw.sample(range(8 * len(whole)), 100):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        copy.write_bytes(flipped)
        with pytest.raises(AtlasError, match=r"chain\.nc is damaged.*rebuild.*engine\.atlas chain"):
            atlas.load("chain", copy.parent)
    copy.write_bytes(whole)
    assert atlas.load("chain", copy.parent).identical(atlas.load("chain"))


def test_an_atlas_without_its_checksum_is_refused(copy):
    (copy.parent / atlas.SUMS).unlink()
    with pytest.raises(AtlasError, match=f"{atlas.SUMS} in .* has another checksum"):
        atlas.load("chain", copy.parent)


def test_every_checksum_is_that_of_its_atlas_and_in_the_form_of_the_usual_tools():
    lines = (atlas.FOLDER / atlas.SUMS).read_text().splitlines()
    digests = {p.name: hashlib.sha256(p.read_bytes()) for p in atlas.FOLDER.glob("*.nc")}
    assert lines == [f"{digests[name].hexdigest()}  {name}" for name in sorted(digests)]
