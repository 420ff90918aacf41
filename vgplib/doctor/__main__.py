"""The doctor from a shell: ``python -m vgplib.doctor FILE.py:FACTORY``.

Exit status 0 for a healthy model, 1 for a sick one, 2 where none could be examined.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vgplib import errors

if TYPE_CHECKING:
    from vgplib.doctor.diagnosis import Diagnosis

HEALTHY, SICK, NOT_EXAMINED, STOPPED = 0, 1, 2, 130
_OURS = Path(__file__).parents[1]
_MODULE = "vgp_patient"  # not the file's own name, which may be that of a package
_HELP = """\
Examine a PyTorch model: do its gradients vanish or explode, where, and why?

FACTORY is a function in FILE.py that takes nothing and returns (model, loss) or
(model, loss, optimizer); loss takes the model and returns a scalar tensor."""
_EXAMPLE = """\
example: nets.py holds

  def small():
      model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
      x, y = torch.randn(32, 8), torch.randn(32, 1)
      return model, lambda model: torch.nn.functional.mse_loss(model(x), y)

and is examined with

  python -m vgplib.doctor nets.py:small --html small.html

exit status: 0 healthy, 1 sick, 2 not examined"""


class BadUseError(Exception):
    """Why nothing was examined, in words that are enough to mend it."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line, by default.

    Returns:
        The exit status.
    """
    given = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a sign gets its escape
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        # What the user's code prints must not stand in the result.
        with contextlib.redirect_stdout(sys.stderr):
            diagnosis = _examined(given)
        print(json.dumps(diagnosis.to_dict(), indent=1) if given.json else _said(diagnosis))
        sys.stdout.flush()
        if given.html:
            diagnosis.to_html(given.html)
            _tell(f"Wrote {given.html}.")
    except (BadUseError, OSError) as problem:
        _tell(str(problem))
        return NOT_EXAMINED
    except KeyboardInterrupt:
        _tell("Stopped.")
        return STOPPED
    return HEALTHY if diagnosis.healthy else SICK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vgplib.doctor",
        description=_HELP,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("place", metavar="FILE.py:FACTORY", help="the function in its file")
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON")
    parser.add_argument("--html", metavar="PATH", help="write it as a page, too")
    parser.add_argument(
        "--steps", metavar="N", type=int, default=3, help="training steps to try (default: 3)"
    )
    return parser


def _examined(given: argparse.Namespace) -> Diagnosis:
    from vgplib.doctor.examine import examine
    from vgplib.doctor.output.export import check_path

    path, name = _split(given.place)
    if given.html:
        check_path(given.html)  # before minutes go by
    _tell(f"Loading {path} ...")
    module = _load(path)
    factory = _factory(module, name, path)
    _tell(f"Calling {name}() ...")
    with _told(f"{name}() raised an error:"):
        made = factory()
    model, loss, optimizer = _parts(made, name)
    _tell("Examining the model ...")
    with _told("the model cannot be examined:"):
        return examine(model, loss, optimizer=optimizer, steps=given.steps)


def _said(diagnosis: Diagnosis) -> str:
    """The diagnosis, and the first remedy's code: in a shell there is no object to ask for it."""
    if not diagnosis.remedies:
        return str(diagnosis)
    return f"{diagnosis}\n\n# {diagnosis.remedies[0].name}\n{diagnosis.remedies[0].code}"


def _split(place: str) -> tuple[Path, str]:
    file, colon, name = place.rpartition(":")
    if not colon or not file or not name or name.endswith(".py"):
        raise BadUseError(
            f"say which function of the file makes the model: FILE.py:FACTORY, not {place!r}."
        )
    path = Path(file).resolve()  # the user's code may change the current folder
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*.py"))
        files = f"there is: {', '.join(there[:20])}" if there else "there is no Python file"
        raise BadUseError(f"there is no file {file}; in {path.parent} {files}.")
    return path, name


def _load(path: Path) -> ModuleType:
    """Run the user's file as a module, as ``python FILE.py`` would find what it imports."""
    module = ModuleType(_MODULE)
    module.__file__ = str(path)
    sys.modules[_MODULE] = module  # dataclasses and pickle look there
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    with _told(f"{path} cannot be loaded:"):
        exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), vars(module))
    return module


def _factory(module: ModuleType, name: str, path: Path) -> Callable[[], Any]:
    own = [
        key
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == _MODULE
    ]
    if not hasattr(module, name):
        if not own:
            raise BadUseError(f"{path} has no {name!r}; it defines no function at all.")
        try:
            errors.choose(f"name in {path}", name, own)
        except ValueError as problem:
            raise BadUseError(str(problem)) from None
    factory = getattr(module, name)
    if not callable(factory):
        kind = type(factory).__name__
        raise BadUseError(f"{name} is no function but of type {kind}: wrap it in one.")
    with contextlib.suppress(ValueError):  # some callables have no signature to look at
        signature = inspect.signature(factory)
        try:
            signature.bind()
        except TypeError:
            raise BadUseError(
                f"{name}{signature} must be callable without arguments: give them defaults, or "
                "wrap it in a function that takes none."
            ) from None
    return factory


def _parts(made: object, name: str) -> tuple[Any, Any, Any]:
    """Model, loss and optimizer or None."""
    import torch

    wanted = f"{name}() must return (model, loss) or (model, loss, optimizer)"
    if not isinstance(made, tuple | list) or len(made) not in (2, 3):
        size = f" of {len(made)}" if isinstance(made, tuple | list) else ""
        raise BadUseError(f"{wanted}, not {_kind(made)}{size}.")
    model, loss, optimizer = (*made, None)[:3]
    if not isinstance(model, torch.nn.Module):
        raise BadUseError(f"{wanted}; its model is {_kind(model)}, no torch.nn.Module.")
    if not callable(loss):
        raise BadUseError(
            f"{wanted}; its loss is {_kind(loss)}, not a function of the model: "
            "lambda model: cross_entropy(model(x), y)."
        )
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        raise BadUseError(f"{wanted}; its optimizer is {_kind(optimizer)}.")
    return model, loss, optimizer


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn whatever is raised into words: the user's own traceback, or the doctor's reason."""
    try:
        yield
    except SystemExit as problem:
        raise BadUseError(
            f"{what} it ended the program (sys.exit({problem.code!r})). Put what is to run on its "
            'own under if __name__ == "__main__":'
        ) from None
    except Exception as problem:
        frames = problem.__traceback__
        while frames and Path(frames.tb_frame.f_code.co_filename).is_relative_to(_OURS):
            frames = frames.tb_next
        if frames is None and not isinstance(problem, SyntaxError):  # by the doctor
            kind = "" if isinstance(problem, ValueError) else f"{type(problem).__name__}: "
            raise BadUseError(f"{what} {kind}{problem}") from None
        shown = traceback.format_exception(type(problem), problem, frames)
        raise BadUseError(f"{what}\n{''.join(shown).rstrip()}") from None


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
