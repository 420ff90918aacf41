"""The room's votes from a shell: ``python -m vgplib.lesson.room 02-causes``.

Exit status 2 where no room could be opened, and 130 when it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import sys

from vgplib.lesson.room import network, questions

NOT_OPENED, STOPPED = 2, 130
PORT = 8765
CONNECTIONS = 1100  # of a full room, whose phones hold two while a page loads
_HELP = """\
Let a room vote on the predictions, claims and questions of the course, from their phones.

This machine serves a screen to project and a page for each phone in the same network. Guesses
have no names. Nothing leaves the network, and nothing is kept."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line, by default.

    Returns:
        The exit status.
    """
    given = _parser().parse_args(arguments)
    try:
        asked = questions.questions(given.chapter)
        network.allow(CONNECTIONS)
        asyncio.run(_open(asked, given.address, given.port))
    except KeyboardInterrupt:
        print("\nStopped. Nothing was kept.")
        return STOPPED
    except ImportError as problem:
        missing = (problem.name or "").partition(".")[0]
        if missing not in ("tornado", "segno"):
            raise
        _tell(f"The room needs {missing}, which is not installed: pip install tornado segno")
    except OSError as problem:
        _tell(_explained(problem, given.address, given.port))
    except ValueError as problem:
        _tell(str(problem))
    return NOT_OPENED


async def _open(asked: list[questions.Question], address: str | None, port: int) -> None:
    from vgplib.lesson.room.hub import Hub
    from vgplib.lesson.room.server import serving  # needs what may not be installed

    host = address or network.local_address()
    if host is None:
        raise ValueError(
            "This machine is in no local network, so no phone can reach it. Join one, or start a "
            "hotspot, or name this machine's address: --address 192.168.1.5."
        )
    hub = Hub(asked)
    async with serving(hub, host, port) as taken:
        print(
            f"Your screen, to project:  http://{host}:{taken}/?key={hub.key}\n"
            f"The room joins at:        http://{host}:{taken}\n\n"
            "Keep the first address to yourself. Ctrl+C stops the room.",
            flush=True,
        )
        await asyncio.Event().wait()  # until it is stopped


def _explained(problem: OSError, address: str | None, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"Port {port} is taken. Name another: --port {port + 1}."
    if problem.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine. Leave out --address, or name another."
    return f"The room cannot be opened: {problem.strerror or problem}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vgplib.lesson.room",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chapter", nargs="?", help="such as 02-causes; all of them by default")
    parser.add_argument("--port", type=_port, default=PORT, help=f"{PORT} by default")
    parser.add_argument("--address", help="this machine's own; found by itself by default")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text!r}")
    return int(text)


def _tell(words: str) -> None:
    print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
