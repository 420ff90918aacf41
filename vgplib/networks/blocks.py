"""ResNet's blocks, for vectors: two linear maps in each branch, and the way around both.

:class:`~vgplib.networks.deep.Deep` leads a way around every single layer. Where published networks
are reproduced, their own blocks are needed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vgplib import errors
from vgplib.networks.initialisers import initialise, positive
from vgplib.networks.norms import norm as make_norm
from vgplib.networks.paths import PATHS
from vgplib.networks.paths import path as make_path


class Blocks(nn.Module):
    """A first layer, blocks ``relu(path(h, norm(W2 relu(norm(W1 h)))))``, and a linear read-out.

    That is the block of He et al. (2016), with linear maps in place of convolutions.

    Attributes:
        first: The linear map of the first layer.
        branches: What each block adds: two maps, a norm behind each, a ReLU in between.
        paths: The way around each branch.
        readout: The linear read-out.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        blocks: int,
        norm: str | None = None,
        path: str = "skip",
        gain: float = 1.0,
        zero: bool = False,
        outputs: int = 10,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Build and initialise it, with He's weights; the global random state is left as it was.

        Args:
            inputs: Input features.
            width: Units in each layer.
            blocks: How many; each has two linear maps.
            norm: A name in ``NORMS``, or None.
            path: A name in ``PATHS``, but ``"dense"``.
            gain: Multiplies the first map of each branch; Fixup's is
                ``vgp.theory.fixup_scale(blocks)``.
            zero: Whether the second map of each branch, and the read-out, start at 0, as Fixup's.
            outputs: Features of the read-out.
            seed: Of the weights.
            dtype: Of the parameters; weights are drawn in float64 and rounded.

        Raises:
            ValueError: A name is unknown, or a number is out of range.
        """
        super().__init__()
        inputs, width = errors.whole("inputs", inputs), errors.whole("width", width)
        blocks, outputs = errors.whole("blocks", blocks), errors.whole("outputs", outputs)
        errors.choose("path", path, [name for name in PATHS if name != "dense"])
        positive("gain", gain)
        generator = torch.Generator().manual_seed(errors.whole("seed", seed, least=0))

        def linear(fan_in: int, fan_out: int, gain: float, zero: bool = False) -> nn.Linear:
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
            initialise(layer, "he", gain, generator)
            if zero:
                nn.init.zeros_(layer.weight)
            return layer

        def normed() -> nn.Module:
            return make_norm(norm, width, dtype) if norm else nn.Identity()

        self.first = linear(inputs, width, 1.0)
        self.branches = nn.ModuleList(
            nn.Sequential(
                linear(width, width, gain),
                normed(),
                nn.ReLU(),
                linear(width, width, 1.0, zero),
                normed(),
            )
            for _ in range(blocks)
        )
        self.paths = nn.ModuleList(
            make_path(path, width, blocks, generator, dtype) for _ in range(blocks)
        )
        self.readout = linear(width, outputs, 1.0, zero)

    def states(self, x: Tensor) -> list[Tensor]:
        """What the first layer and each block hand on, shape ``(batch, width)`` each.

        Args:
            x: Shape ``(batch, inputs)``, of the network's dtype.
        """
        found = [self.first(x).relu()]
        for branch, path in zip(self.branches, self.paths, strict=True):
            found.append(path(found[-1], branch(found[-1])).relu())
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The read-out, shape ``(batch, outputs)``, of inputs of shape ``(batch, inputs)``."""
        return self.readout(self.states(x)[-1])
