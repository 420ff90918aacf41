"""Set the course up from this folder, without a network, and open it in JupyterLab.

It needs Python and what lies beside it. The notebooks are copied to the home folder, so that the
stick stays as it is; a second start is quick, and keeps what was changed there.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

STICK = Path(__file__).resolve().parent
HOME = Path(os.environ.get("VGP_HOME") or Path.home() / "vanishing-gradients")
BIN = "Scripts" if os.name == "nt" else "bin"


def problem():
    """Say what keeps the packages from working here, or return None."""
    python, platform = (STICK / "wheels" / "made-for.txt").read_text().split()
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if here == python and sysconfig.get_platform() == platform:
        return None
    return (
        f"The packages on this stick are for Python {python} on {platform}; this is Python {here} "
        f"on {sysconfig.get_platform()}.\n"
        f"The pages work everywhere: open {STICK / 'site' / 'index.html'} in a browser."
    )


def set_up():
    """Make the environment in the home folder, unless it is there, and return its Python."""
    environment = HOME / ".venv"
    python = environment / BIN / ("python.exe" if os.name == "nt" else "python")
    done, wheels = environment / "set-up", sorted((STICK / "wheels").glob("*.whl"))
    wanted = "\n".join(path.name for path in wheels)
    if done.exists() and done.read_text() == wanted:
        return python
    print(f"Setting up Python in {HOME}; this takes a minute or two ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--disable-pip-version-check", *map(str, wheels)], check=True)
    done.write_text(wanted)
    return python


def copy_notebooks():
    """Copy the notebooks that are not in the home folder yet, and return where they are."""
    to = HOME / "notebooks"
    for path in sorted((STICK / "notebooks").rglob("*")):
        copy = to / path.relative_to(STICK / "notebooks")
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(path), str(copy))
    return to


def main():
    """Set up, and open JupyterLab; further arguments are for it."""
    wrong = problem()
    if wrong:
        sys.exit(wrong)
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        python = set_up()
    except subprocess.CalledProcessError as error:
        sys.exit(f"This failed, see above: {' '.join(map(str, error.cmd))}")
    notebooks = copy_notebooks()
    print(f"Your notebooks are in {notebooks}. Ctrl+C stops.", flush=True)
    lab = [str(python), "-m", "jupyter", "lab", *sys.argv[1:], str(notebooks)]
    try:
        sys.exit(subprocess.call(lab))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
