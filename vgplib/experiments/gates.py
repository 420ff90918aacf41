"""A memory behind a gate: what the gate alone would keep of the error signal, and what arrives.

Protocol: Gaussian inputs, a batch of 8, float64, before training; the loss reads the last state
only. Recurrent layers have 32 units and PyTorch's weights. The highway network has 64 units a
layer, sigmoid, Xavier's weights. All of the gate that keeps the memory start with one bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from vgplib.engine.experiment import Choice, Experiment, Settings, Slider
from vgplib.experiments.reading import (
    SEEDS_OF_MANY,
    back,
    back_axis,
    band,
    heard,
    ratio_readout,
    relative,
    verdict,
)
from vgplib.experiments.view import Axis, Scale, View
from vgplib.networks.data import gaussian
from vgplib.networks.deep import Deep
from vgplib.networks.recurrent import Recurrent

if TYPE_CHECKING:
    import xarray as xr

WIDTH, INPUTS, BATCH, LONGEST = 32, 8, 8, 100
HIGHWAY_WIDTH = 64
DOMAIN = (1e-8, 100.0)

# The memory after each hop, and the gate that each hop kept the memory before it by: tensors of
# shape (batch, units), and of that shape or a number.
Unrolled = tuple[list[Tensor], list[Tensor]]


def lstm(cell: nn.LSTM, x: Tensor) -> tuple[Unrolled, Tensor]:
    """An LSTM step by step: its memories and forget gates, and its last state.

    Args:
        cell: Of one layer.
        x: Shape ``(steps, batch, inputs)``.
    """
    state = memory = x.new_zeros(x.shape[1], cell.hidden_size)
    memories, gates = [], []
    for entry in x:
        sums = entry @ cell.weight_ih_l0.T + cell.bias_ih_l0
        sums = sums + state @ cell.weight_hh_l0.T + cell.bias_hh_l0
        write, keep, new, read = sums.chunk(4, dim=1)
        keep = torch.sigmoid(keep)
        memory = keep * memory + torch.sigmoid(write) * torch.tanh(new)
        state = torch.sigmoid(read) * torch.tanh(memory)
        memories.append(memory)
        gates.append(keep)
    return (memories, gates), state


def gru(cell: nn.GRU, x: Tensor) -> tuple[Unrolled, Tensor]:
    """A GRU step by step, whose memory is its state; see :func:`lstm`."""
    state = x.new_zeros(x.shape[1], cell.hidden_size)
    memories, gates = [], []
    for entry in x:
        given = (entry @ cell.weight_ih_l0.T + cell.bias_ih_l0).chunk(3, dim=1)
        own = (state @ cell.weight_hh_l0.T + cell.bias_hh_l0).chunk(3, dim=1)
        keep = torch.sigmoid(given[1] + own[1])
        new = torch.tanh(given[2] + torch.sigmoid(given[0] + own[0]) * own[2])
        state = (1 - keep) * new + keep * state
        memories.append(state)
        gates.append(keep)
    return (memories, gates), state


def highway(net: Deep, x: Tensor) -> tuple[Unrolled, Tensor]:
    """A highway network layer by layer: what it carries is what its gates don't let through."""
    states = net.states(x)
    gates = [1 - torch.sigmoid(p.gate(h)) for p, h in zip(net.paths, states, strict=False)]
    return (states, [torch.ones_like(states[0]), *gates]), states[-1]


def _gate(cell: nn.RNNBase, place: int, bias: float) -> None:
    """Set the total bias of one gate of a recurrent layer: PyTorch adds two."""
    units = slice(place * WIDTH, (place + 1) * WIDTH)
    cell.bias_ih_l0[units], cell.bias_hh_l0[units] = bias, 0.0


def unrolled(memory: str, bias: float, length: int, seed: int) -> tuple[Unrolled, Tensor]:
    """One network with its gates set, applied to one random input."""
    if memory == "highway":
        width = HIGHWAY_WIDTH
        net = Deep(width, width, length, "sigmoid", "xavier", path="highway", seed=seed)
        with torch.no_grad():
            for path in net.paths:
                path.gate.bias.fill_(-bias)
        return highway(net, gaussian(BATCH, width, seed=1000 + seed))
    x = gaussian(length * BATCH, INPUTS, seed=1000 + seed).reshape(length, BATCH, INPUTS)
    cell = Recurrent(INPUTS, WIDTH, "gru" if memory == "gru" else "lstm", seed=seed).cell
    with torch.no_grad():
        _gate(cell, 1, bias)  # the forget gate of an LSTM, the update gate of a GRU
        if memory == "lstm_coupled":
            _gate(cell, 0, -bias)
    return gru(cell, x) if memory == "gru" else lstm(cell, x)


def run(*, memory: str, bias: float, length: int, seed: int) -> xr.Dataset:
    """The error signal at the memory after each hop: all of it, and by way of the gates alone."""
    import xarray as xr

    (memories, gates), state = unrolled(memory, bias, length, seed)
    v = gaussian(1, state.shape[1], seed=2000 + seed)
    whole = torch.autograd.grad((state * v).sum(dim=1).mean(), memories)
    alone = [whole[-1]]
    for gate in reversed(gates[1:]):
        alone.append(alone[-1] * gate)
    return xr.Dataset(
        {
            "signal": ("hop", [g.norm().item() for g in whole]),
            "gates_alone": ("hop", [g.norm().item() for g in reversed(alone)]),
        },
        coords={"hop": np.arange(length) + 1},
    )


def view(data: xr.Dataset, *, memory: str, bias: float, length: int) -> View:
    """Both signals at each hop, relative to the last one."""
    del memory, bias
    whole, alone = relative(data["signal"].values), relative(data["gates_alone"].values)
    arrives = float(np.median(whole[:, 0]))
    return View(
        x=back_axis(LONGEST, "hops back from the loss"),
        y=Axis("error signal, relative to the last hop", DOMAIN, log=True),
        series=(
            band("all paths", back(length), whole),
            band("the gates alone", back(length), alone, role="second"),
        ),
        readouts=(
            ratio_readout("The gates alone keep", float(np.median(alone[:, 0]))),
            ratio_readout("Really arrives", arrives),
            verdict(arrives),
        ),
        strip=heard(np.median(whole, axis=0), "hops", LONGEST, ends=("first", "loss")),
    )


def scale(start: Settings, shown: tuple[str, ...]) -> Scale:
    """Room for the longest only where the length can be changed."""
    return Scale(DOMAIN, LONGEST if "length" in shown else start["length"])


EXPERIMENT = Experiment(
    name="gates",
    title="What the gate keeps, and what arrives",
    controls=(
        Choice(
            "memory",
            "Memory",
            {
                "lstm": "LSTM",
                "lstm_coupled": "LSTM, input gate nearly shut",
                "gru": "GRU",
                "highway": "highway network",
            },
        ),
        Slider("bias", "Bias of the gate that keeps", (-2, -1, 0, 1, 2, 3, 4, 5, 6), step=0.1),
        Slider("length", "Length", (10, 25, 50, LONGEST), 1, "hops", whole=True),
    ),
    start={"memory": "lstm", "bias": 2, "length": 50},
    run=run,
    view=view,
    scale=scale,
    caption=(
        "How large the error signal is, hop by hop (a time step of the memory, or a layer), "
        f"compared with the last. Before training. {SEEDS_OF_MANY}"
    ),
)
