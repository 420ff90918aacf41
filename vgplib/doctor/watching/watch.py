"""Watching a training loop: the signal per layer over the steps, at little cost."""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook
from torch.utils.hooks import RemovableHandle

from vgplib.doctor.diagnosis import Diagnosis
from vgplib.doctor.watching.history import JUDGED, History, draw, judge
from vgplib.doctor.watching.passes import Passes
from vgplib.errors import whole

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_PROBES = 100  # steps after which it is read whether their gradients were finite


class watch:  # noqa: N801 - read as a verb: with vgp.watch(model): ...
    """Watch a training loop, which stays as it is.

    Put it around the loop::

        with vgp.watch(model, every=10) as watched:
            for x, y in batches:
                optimizer.zero_grad()
                cross_entropy(model(x), y).backward()
                optimizer.step()
        print(watched.diagnosis)

    A step ends when an optimizer of PyTorch that holds parameters of the model has made its step.
    Gradients that are added up over several passes before it are one step, passes without
    gradients (evaluation) are none, and a step that a gradient scaler skips is none. Of several
    optimizers, one counts. Where there is none of PyTorch's, a step ends when a backward pass
    finds the gradients cleared.

    Nothing that is computed changes, and nothing stays on the model after the block, however it
    ends. Signals and gradients are of the loss that ``backward`` was called on: times its scale
    under a gradient scaler.

    Attributes:
        steps: How many steps have ended.
    """

    def __init__(self, model: nn.Module, every: int = 10, *, most: int = 2000) -> None:
        """Prepare to watch ``model``.

        Args:
            model: Any network, not compiled.
            every: Keep step 0 and every so many-th after it.
            most: How many steps to keep. Beyond, every second one is dropped and ``every`` doubled.

        Raises:
            TypeError: ``model`` is no module.
            ValueError: ``every`` is below 1, ``most`` below 2, or the model is compiled, so that
                its layers do not run one by one.
        """
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}.")
        self._sizes = whole("every", every), whole("most", most, 2)
        for name, module in model.named_modules():
            if name.endswith("_orig_mod") or module._compiled_call_impl is not None:
                raise ValueError(
                    "the model is compiled, so its layers do not run one by one and cannot be "
                    "watched. Train some steps without torch.compile, and watch those."
                )
        self._passes = Passes(model, self._pass_begins)
        self._owned = {id(p) for p in model.parameters()}
        self._leader: weakref.ref[Optimizer] | None = None
        self._others: list[Optimizer] = []
        self._handle: RemovableHandle | None = None
        self._start()

    def _start(self) -> None:
        self.steps = 0
        self._history = History(*self._sizes)
        self._told: float | None = None
        self._early: float | None = None
        self._not_finite: tuple[int, str, str] | None = None
        self._probed: Tensor | None = None
        self._probes: list[tuple[int, Tensor]] = []

    def __enter__(self) -> watch:
        if self._handle is not None:
            raise RuntimeError("this watch is on already: make another one for another loop.")
        self._start()
        self._passes.only = ""
        self._handle = register_optimizer_step_post_hook(self._optimizer_stepped)
        self._passes.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._handle is not None
        self._handle.remove()
        self._handle = None
        self._passes.close()
        if kind is not None and self._passes.unread:
            self._passes.end()
        # The last step of a loop without an optimizer has no next one to end it. After an
        # exception, the step in which it came is the one that tells most.
        last = self._leader is None and self._history.wants(self.steps)
        if self._passes.count and (last or kind is not None):
            self._keep()
        self.steps += self._passes.count > 0
        self._passes.clear()
        self._read_probes()
        self._leader, self._others = None, []

    # Steps

    def _pass_begins(self) -> None:
        passes = self._passes
        if (passes.count or passes.unread) and passes.cleared():
            if self._leader is None and passes.count:
                self._end_step()
            else:  # gradients were made and thrown away, or a pass has failed
                passes.clear()

    def _optimizer_stepped(self, optimizer: Optimizer, _args: tuple, _kwargs: dict) -> None:
        if (not self._leader or self._leader() is not optimizer) and not self._leads(optimizer):
            return
        self._others.clear()
        if not self._history.wants(self.steps):
            self._probe_finiteness()
        self._end_step()

    def _leads(self, optimizer: Optimizer) -> bool:
        """Whether it is from now on this optimizer whose steps count.

        One does: two that take turns, or one inside another, make one step together. If it is
        gone, or stops stepping while another goes on, that one takes its place.
        """
        if not any(id(p) in self._owned for g in optimizer.param_groups for p in g["params"]):
            return False
        leader = self._leader and self._leader()
        if leader is not None and not any(other is optimizer for other in self._others):
            self._others.append(optimizer)
            return False
        if self._leader is None and self.steps:
            # Passes before the first real step: a gradient scaler looking for its scale.
            self._start()
        self._leader, self._passes.only = weakref.ref(optimizer), ""
        return True

    def _end_step(self) -> None:
        if self._passes.count and self._history.wants(self.steps):
            self._keep()
        # Without an optimizer it is noticed at its backward pass that a step has begun, and by
        # then its forward pass has run: the step after this one has to be read, too.
        coming = self.steps + (2 if self._leader is None else 1)
        wanted = self._history.wants(coming)
        if self._leader is None:
            self._passes.only = "" if wanted else next(reversed(self._passes.signal), "")
        elif wanted:
            self._passes.open()
        else:
            self._passes.close()
        self._passes.clear()
        self.steps += 1
        self._told, self._early = self._early, None

    def _keep(self) -> None:
        """Keep what was read as the step that is ending."""
        passes, step = self._passes, self.steps
        self._read_probes()
        if self._not_finite is None and passes.not_finite is not None:
            self._not_finite = (step, *passes.not_finite)
        if self._probed is None:
            self._probed = passes.front()
        self._history.add(step, passes, self._told)

    def _probe_finiteness(self) -> None:
        """Note the size of one gradient, without waiting for it: Inf and NaN spread to it."""
        if self._probed is None or self._probed.grad is None or self._not_finite is not None:
            return
        self._probes.append((self.steps, self._probed.grad.abs().amax()))
        if len(self._probes) >= _PROBES:
            self._read_probes()

    def _read_probes(self) -> None:
        """Look for the first step whose gradient was not finite, between those that are kept."""
        if self._probes and self._not_finite is None:
            finite = torch.stack([probe for _, probe in self._probes]).isfinite().tolist()
            if not all(finite):
                self._not_finite = self._probes[finite.index(False)][0], "", ""
        self._probes = []

    # What it tells

    def loss(self, value: float | Tensor) -> None:
        """Tell the loss of this step, anywhere between its forward pass and that of the next.

        May be called in every step; it is kept for those that are. Called twice in a step, it
        keeps the later one.
        """
        value = value.detach() if isinstance(value, Tensor) else value
        passes = self._passes
        if self._leader is None:
            if passes.ran and passes.count:  # the next forward pass has run
                self._early = float(value)
            else:
                self._told = float(value)
        elif self._history.wants(self.steps) and (passes.ran or passes.count):
            self._told = float(value)
        else:
            self._history.tell(self.steps - 1, value)

    def dataset(self) -> xr.Dataset:
        """What was seen so far.

        Returns:
            Dimensions ``step``, counted from 0, and ``layer``, 1 to L in the order of the forward
            pass, with their ``name``. Variables, each with its definition in its attributes:
            ``signal`` and ``weight_grad``, norms; ``peak``, the largest absolute output; and
            ``loss``, if it was told. NaN where a layer did not run or got nothing.

        Attributes:
                steps: How many steps there were.
                every: Every how many steps one is kept; ``every_at_first`` before thinning out.
                not_finite_step: The first step with an Inf or NaN, if there is one;
                    ``not_finite_layer`` is where, "" if that is not known, and
                    ``not_finite_cause`` is why.
        """
        attrs: dict = {"steps": self.steps}
        found, bad = self._not_finite, self._history.bad_loss()
        if bad is not None and (found is None or bad < found[0]):
            found = bad, "", ""
        if found is not None:
            told = zip(("step", "layer", "cause"), found, strict=True)
            attrs |= {f"not_finite_{key}": value for key, value in told}
        return self._history.dataset(attrs)

    @property
    def diagnosis(self) -> Diagnosis:
        """What the record says: vanishing, exploding, or an Inf or NaN and where it came first.

        A record knows less than an examination: it sees neither what is missing from the
        gradients nor why. :func:`vgp.examine` does.

        Raises:
            RuntimeError: No step was seen.
        """
        data = self._seen()
        losses = tuple(data.loss.values.tolist()) if "loss" in data else ()
        return Diagnosis(judge(data), None, losses, asked=JUDGED)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the signal over the steps, a line for each layer.

        Args:
            axes: Where; by default a new figure of ``matplotlib.pyplot``.

        Raises:
            RuntimeError: No step was seen.
        """
        return draw(self._seen(), axes)

    def _seen(self) -> xr.Dataset:
        if not self._history.rows:
            raise RuntimeError(
                "no training step was seen. A step runs layers of the model that was given to "
                "watch, and backward() through them, inside the with block; layers inside a "
                "compiled or scripted function are not seen."
            )
        return self.dataset()
