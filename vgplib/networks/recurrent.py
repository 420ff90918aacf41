"""Recurrent networks of one layer: depth in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vgplib import errors
from vgplib.networks.initialisers import positive

CELLS: dict[str, type[nn.RNNBase]] = {
    "rnn": nn.RNN,
    "lstm": nn.LSTM,
    "lstm_forget_1": nn.LSTM,
    "gru": nn.GRU,
}


class Recurrent(nn.Module):
    """One recurrent layer as PyTorch initialises it, with a gain on the recurrent matrix.

    Every parameter is drawn from U(+-1/sqrt(width)), PyTorch's default. PyTorch's global random
    state is left as it was, and the same seed gives the same network.

    Attributes:
        cell: The ``nn.RNN`` (tanh), ``nn.LSTM`` or ``nn.GRU``.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        cell: str,
        gain: float = 1.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Build and initialise the network.

        Args:
            inputs: Features of one time step.
            width: Units of the hidden state.
            cell: ``"rnn"`` (tanh), ``"lstm"``, ``"lstm_forget_1"`` (an LSTM whose forget gate
                starts with a bias of 1) or ``"gru"``.
            gain: Multiplies the recurrent matrix ``weight_hh`` (of every gate).
            seed: Of the weights.
            dtype: Of the parameters.

        Raises:
            ValueError: The cell is unknown, or a number is out of range.
        """
        super().__init__()
        kind = CELLS[errors.choose("cell", cell, CELLS)]
        inputs = errors.whole("inputs", inputs)
        width = errors.whole("width", width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(errors.whole("seed", seed, least=0))
            # Drawn in float64 and rounded: the same seed gives the same weights in every format.
            self.cell = kind(inputs, width, dtype=torch.float64)
        with torch.no_grad():
            self.cell.weight_hh_l0.mul_(positive("gain", gain))
            if cell == "lstm_forget_1":
                # PyTorch adds two biases; gates are in the order input, forget, cell, output.
                self.cell.bias_ih_l0[width : 2 * width] = 1.0
                self.cell.bias_hh_l0[width : 2 * width] = 0.0
        self.cell.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Return the hidden state after every step, starting from a hidden state of 0.

        Args:
            x: Shape ``(steps, batch, inputs)``, of the network's dtype.

        Returns:
            Shape ``(steps, batch, width)``.
        """
        states, _ = self.cell(x)
        return states
