"""Recurrent networks of one layer: depth in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vgplib import errors
from vgplib.networks.initialisers import positive

CELLS: dict[str, type[nn.RNNBase]] = {
    "rnn": nn.RNN,
    "irnn": nn.RNN,
    "lstm": nn.LSTM,
    "lstm_forget_1": nn.LSTM,
    "lstm_chrono": nn.LSTM,
    "gru": nn.GRU,
}


class Recurrent(nn.Module):
    """One recurrent layer as PyTorch initialises it, with a gain on the recurrent matrix.

    Every parameter is drawn from U(+-1/sqrt(width)), PyTorch's default. PyTorch's global random
    state is left as it was, and the same seed gives the same network.

    Attributes:
        cell: The ``nn.RNN`` (tanh or ReLU), ``nn.LSTM`` or ``nn.GRU``.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        cell: str,
        gain: float = 1.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        longest: int | None = None,
    ) -> None:
        """Build and initialise the network.

        Args:
            inputs: Features of one time step.
            width: Units of the hidden state.
            cell: ``"rnn"`` (tanh), ``"irnn"`` (ReLU, the identity as recurrent matrix: Le et al.
                2015), ``"lstm"``, ``"lstm_forget_1"`` (an LSTM whose forget gate starts with a bias
                of 1), ``"lstm_chrono"`` (one whose gates start so that units remember for 1 to
                ``longest`` steps: Tallec & Ollivier 2018) or ``"gru"``.
            gain: Multiplies the recurrent matrix ``weight_hh`` (of every gate).
            seed: Of the weights.
            dtype: Of the parameters.
            longest: For ``"lstm_chrono"``: over how many steps the task asks to remember, from 2.

        Raises:
            ValueError: The cell is unknown, a number is out of range, or ``longest`` is missing.
        """
        super().__init__()
        kind = CELLS[errors.choose("cell", cell, CELLS)]
        inputs = errors.whole("inputs", inputs)
        width = errors.whole("width", width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(errors.whole("seed", seed, least=0))
            # Drawn in float64 and rounded: the same seed gives the same weights in every format.
            options = {"nonlinearity": "relu"} if cell == "irnn" else {}
            self.cell = kind(inputs, width, dtype=torch.float64, **options)
            lags = torch.rand(width, dtype=torch.float64)
        with torch.no_grad():
            self.cell.weight_hh_l0.mul_(positive("gain", gain))
            # PyTorch adds two biases; an LSTM's gates are in the order input, forget, cell, output.
            if cell == "irnn":
                nn.init.eye_(self.cell.weight_hh_l0).mul_(gain)
                for bias in (self.cell.bias_ih_l0, self.cell.bias_hh_l0):
                    bias.zero_()
            elif cell == "lstm_forget_1":
                self.cell.bias_ih_l0[width : 2 * width] = 1.0
                self.cell.bias_hh_l0[width : 2 * width] = 0.0
            elif cell == "lstm_chrono":
                forget = (1 + (errors.whole("longest", longest, least=2) - 2) * lags).log()
                self.cell.bias_hh_l0.zero_()
                self.cell.bias_ih_l0.zero_()
                self.cell.bias_ih_l0[width : 2 * width] = forget
                self.cell.bias_ih_l0[:width] = -forget
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
