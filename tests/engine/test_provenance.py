"""Where numbers are from: the commit, and whether it tells the whole story."""

import subprocess

import vgplib
from vgplib.engine.provenance import commit


def test_a_commit_is_dirty_where_the_code_differs_and_not_where_an_atlas_does(
    tmp_path, monkeypatch
):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    code, atlas = tmp_path / "vgplib" / "__init__.py", tmp_path / "vgplib/engine/atlases/a.nc"
    atlas.parent.mkdir(parents=True)
    code.write_text("one")
    atlas.write_text("one")
    monkeypatch.setattr(vgplib, "__file__", str(code))
    assert commit() == ""  # no checkout
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    head = git("rev-parse", "HEAD")
    assert commit() == head
    atlas.write_text("two")
    assert commit() == head
    code.write_text("two")
    assert commit() == f"{head}-dirty"
