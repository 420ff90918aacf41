"""The plain feed-forward network: the bench on which most of the course is measured."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vgplib import errors
from vgplib.networks.activations import activation as find_activation
from vgplib.networks.initialisers import initialise


class FeedForward(nn.Module):
    """``depth`` hidden layers ``h_l = phi(W_l h_{l-1} + b_l)``, and a linear read-out if asked for.

    The weights come from a generator of the network's own: PyTorch's global random state is left
    as it was, and the same seed gives the same network.

    Attributes:
        hidden: The hidden layers, in order.
        readout: The linear read-out, or None.
        activation: The :class:`~vgplib.networks.activations.Activation` of the hidden layers.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        depth: int,
        activation: str,
        initialiser: str = "lecun",
        gain: float = 1.0,
        bias: bool = True,
        outputs: int | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Build and initialise the network.

        Args:
            inputs: Input features.
            width: Units in each hidden layer.
            depth: Hidden layers.
            activation: A name in ``ACTIVATIONS``.
            initialiser: A name in ``INITIALISERS``, for the hidden layers and the read-out.
            gain: Multiplies the hidden weights; with ``"lecun"`` it is sigma_w.
            bias: Whether layers have biases.
            outputs: Features of the read-out, or None for no read-out.
            seed: Of the weights.
            dtype: Of the parameters; weights are drawn in float64 and rounded.

        Raises:
            ValueError: A name is unknown, or a number is out of range.
        """
        super().__init__()
        self.activation = find_activation(activation)
        inputs = errors.whole("inputs", inputs)
        width = errors.whole("width", width)
        depth = errors.whole("depth", depth)
        generator = torch.Generator().manual_seed(errors.whole("seed", seed, least=0))

        def linear(fan_in: int, fan_out: int, gain: float) -> nn.Linear:
            # skip_init: nn.Linear would draw from the global generator, in vain
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, bias=bias, dtype=dtype)
            initialise(layer, initialiser, gain, generator)
            return layer

        self.hidden = nn.ModuleList(
            linear(inputs if i == 0 else width, width, gain) for i in range(depth)
        )
        self.readout = (
            None if outputs is None else linear(width, errors.whole("outputs", outputs), 1.0)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the read-out, or the last hidden activation where there is none.

        Args:
            x: Shape ``(batch, inputs)``, of the network's dtype.

        Returns:
            Shape ``(batch, outputs)`` or ``(batch, width)``.
        """
        for layer in self.hidden:
            x = self.activation(layer(x))
        return x if self.readout is None else self.readout(x)
