"""The course's commands: ``python tools/course.py serve``, or ``make serve``.

This file starts on any Python 3, to be able to say that a newer one is needed. What the commands
do is in commands.py beside it; all of it needs the standard library alone.
"""

import os
import shutil
import subprocess
import sys

NEEDED = (3, 11)


def newer_python():
    """Return the path of a Python on this machine that is new enough, or None."""
    names = ["python3.%d" % minor for minor in range(NEEDED[1] + 3, NEEDED[1] - 1, -1)]
    return next((path for path in map(shutil.which, names) if path), None)


def main():
    """Run the command that was asked for, on a Python that is new enough."""
    if sys.version_info[:2] < NEEDED:
        other = newer_python()
        if other:
            sys.exit(subprocess.call([other, os.path.abspath(__file__), *sys.argv[1:]]))
        sys.exit(
            "The course needs Python %d.%d or newer; this is %d.%d.\n"
            "Install one from your system's packages or from python.org, then run this again."
            % (*NEEDED, *sys.version_info[:2])
        )
    # In place of tools/ itself, whose file names could hide those of other modules.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from tools import commands

    commands.main(sys.argv[1:])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped.")
        sys.exit(130)  # by custom: 128, and the number of the signal
