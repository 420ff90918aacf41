"""Watching a training run of Lightning's Trainer or of the Hugging Face Trainer.

``LightningWatch`` and ``TrainerWatch`` are made when they are asked for: only then is the package
imported that they belong to.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from vgplib.doctor.watching.watch import watch
from vgplib.errors import whole

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning")


class _Watching:
    """What both callbacks do.

    Attributes:
        watched: The :class:`vgp.watch` of the last training run; None before the first.
    """

    def __init__(self, every: int = 10) -> None:
        """Prepare to watch.

        Args:
            every: Keep step 0 and every so many-th after it.

        Raises:
            ValueError: ``every`` is not a whole number of at least 1.
        """
        self.every = whole("every", every)
        self.watched: watch | None = None
        self._on = False

    def _open(self, model: Any) -> None:
        self.close()
        self.watched = watch(model, self.every)
        self.watched.__enter__()
        self._on = True

    def close(self, problem: BaseException | None = None) -> None:
        """Stop watching; done at the end of training, and harmless where nothing is watched."""
        if self._on and self.watched is not None:
            self._on = False
            self.watched.__exit__(type(problem) if problem else None, problem, None)


def _lightning() -> type:
    package = _imported(_LIGHTNING, "Lightning", "lightning")

    class LightningWatch(_Watching, package.Callback):  # type: ignore[name-defined, misc]
        """Watch what Lightning's Trainer trains.

        Give it to the Trainer, and ask it afterwards::

            watching = LightningWatch(every=10)
            Trainer(callbacks=[watching]).fit(module, data)
            print(watching.watched.diagnosis)

        The loss is the one that ``training_step`` returns.
        """

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Begin."""
            self._open(pl_module)

        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            """Note the loss."""
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            if loss is not None and self.watched is not None:
                self.watched.loss(loss)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """End."""
            self.close()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """End, and keep the step that failed."""
            self.close(exception)

    return LightningWatch


def _trainer() -> type:
    package = _imported(("transformers",), "The Hugging Face Trainer", "transformers")

    class TrainerWatch(_Watching, package.TrainerCallback):  # type: ignore[name-defined, misc]
        """Watch what the Hugging Face Trainer trains.

        Give it to the Trainer, and ask it afterwards::

            watching = TrainerWatch(every=10)
            Trainer(model, arguments, callbacks=[watching], ...).train()
            print(watching.watched.diagnosis)

        It is not told the loss, since the Trainer tells its callbacks means over steps only. Nor
        does the Trainer tell them that training failed: call ``close()`` if you go on after that.
        """

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Begin."""
            self._open(kwargs["model"])

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """End."""
            self.close()

    return TrainerWatch


def _imported(names: tuple[str, ...], who: str, install: str) -> ModuleType:
    """The first of these packages that the program has imported, else that can be imported."""
    for name in sorted(names, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as problem:
            if problem.name != name.partition(".")[0]:
                raise  # it is there, but something that it needs is not
    raise ImportError(f"{who} is not installed: pip install {install}")


_MAKERS = {"LightningWatch": _lightning, "TrainerWatch": _trainer}


def __getattr__(name: str) -> Any:
    if name not in _MAKERS:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_MAKERS)}"
        )
    made = _MAKERS[name]()
    made.__module__, made.__qualname__ = __name__, name  # so that it can be pickled
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return [*globals(), *_MAKERS]
