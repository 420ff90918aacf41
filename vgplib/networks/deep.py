"""A deep network put together from parts: a linear map, a norm, an activation, a way around."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vgplib import errors
from vgplib.networks.activations import activation as find_activation
from vgplib.networks.initialisers import initialise
from vgplib.networks.norms import norm as make_norm
from vgplib.networks.norms import normalise_weights
from vgplib.networks.paths import PATHS
from vgplib.networks.paths import path as make_path


class Deep(nn.Module):
    """``depth`` hidden layers and a read-out; layer l is ``path(h, phi(norm(W h + b)))``.

    The first layer has no way around it: inputs are not as wide as layers are. Without a norm and
    with the path ``"plain"`` it is a :class:`~vgplib.networks.feedforward.FeedForward`, to the bit.

    Attributes:
        hidden: The linear maps of the hidden layers, in order.
        norms: What stands behind each: a norm, or ``nn.Identity``.
        paths: The ways around each layer but the first.
        readout: The linear read-out.
        sums: How the names of those modules begin that hand an activation its input.
        activation: The :class:`~vgplib.networks.activations.Activation` of the hidden layers.
        slopes: With ``"prelu"``, an ``nn.PReLU`` for each hidden layer, which learns its slope;
            else empty.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        depth: int,
        activation: str,
        initialiser: str = "lecun",
        gain: float = 1.0,
        norm: str | None = None,
        path: str = "plain",
        outputs: int = 10,
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
            gain: Multiplies the hidden weights; with weight norm it is the length of each row.
            norm: A name in ``NORMS``, between the linear map and the activation; or None.
            path: A name in ``PATHS``.
            outputs: Features of the read-out.
            seed: Of the weights.
            dtype: Of the parameters; weights are drawn in float64 and rounded.

        Raises:
            ValueError: A name is unknown, or a number is out of range.
        """
        super().__init__()
        self.activation = find_activation(activation)
        inputs, width = errors.whole("inputs", inputs), errors.whole("width", width)
        depth, outputs = errors.whole("depth", depth), errors.whole("outputs", outputs)
        generator = torch.Generator().manual_seed(errors.whole("seed", seed, least=0))

        def linear(fan_in: int, fan_out: int, gain: float) -> nn.Linear:
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
            initialise(layer, initialiser, gain, generator)
            return layer

        grows = errors.choose("path", path, PATHS) == "dense"
        fans = [inputs] + [width * (k if grows else 1) for k in range(1, depth + 1)]
        self.hidden = nn.ModuleList(linear(fan, width, gain) for fan in fans[:-1])
        self.norms = nn.ModuleList(
            make_norm(norm, width, dtype) if norm else nn.Identity() for _ in range(depth)
        )
        if norm == "weight":
            for layer in self.hidden:
                normalise_weights(layer, gain)
        learned = range(depth if activation == "prelu" else 0)
        self.slopes = nn.ModuleList(nn.PReLU(dtype=dtype) for _ in learned)
        self.sums = "norms." if norm and norm != "weight" else "hidden."
        self.readout = linear(fans[-1], outputs, 1.0)
        self.paths = nn.ModuleList(
            make_path(path, width, depth - 1, generator, dtype) for _ in range(depth - 1)
        )

    def states(self, x: Tensor) -> list[Tensor]:
        """What each hidden layer hands on, the first nearest the input.

        Args:
            x: Shape ``(batch, inputs)``, of the network's dtype.

        Returns:
            Tensors of shape ``(batch, width)``; along a dense path they grow by ``width``.
        """
        found: list[Tensor] = []
        for k, (linear, norm) in enumerate(zip(self.hidden, self.norms, strict=True)):
            z = norm(linear(found[-1] if found else x))
            y = self.slopes[k](z) if self.slopes else self.activation(z)
            found.append(self.paths[k - 1](found[-1], y) if k else y)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The read-out, shape ``(batch, outputs)``, of inputs of shape ``(batch, inputs)``."""
        return self.readout(self.states(x)[-1])
