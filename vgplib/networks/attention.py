"""Small transformers put together from parts: attention, a pair of maps, and where the norm stands.

A layer is two blocks, one around each kind of branch. A block says how its input and its branch are
put together: that alone differs between the transformers that are compared.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgplib import errors
from vgplib.networks.initialisers import initialise, positive

NORM_STANDS = ("after", "before")


class Linear(nn.Linear):
    """Xavier's weights from a generator of one's own, biases 0."""

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        gain: float,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(fan_in, fan_out, device="meta", dtype=dtype)
        self.to_empty(device="cpu")
        initialise(self, "xavier", gain, generator)


class Attention(nn.Module):
    """Each token looks at all of them, with ``heads`` heads (Vaswani et al. 2017)."""

    def __init__(
        self,
        width: int,
        heads: int,
        gain: float,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        """Build it; ``gain`` multiplies values and output, which carry the signal."""
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads={heads}, not {width}.")
        self.heads = heads
        self.query = Linear(width, width, 1.0, generator, dtype)
        self.key = Linear(width, width, 1.0, generator, dtype)
        self.value = Linear(width, width, gain, generator, dtype)
        self.output = Linear(width, width, gain, generator, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` and the result: shape ``(batch, length, width)``."""
        query, key, value = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(query, key, value)
        return self.output(seen.transpose(1, 2).flatten(2))


class Pair(nn.Module):
    """Two linear maps with a ReLU between them, for each token alone; four times as wide inside."""

    def __init__(
        self, width: int, gain: float, generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.first = Linear(width, 4 * width, gain, generator, dtype)
        self.second = Linear(4 * width, width, gain, generator, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` and the result: shape ``(batch, length, width)``."""
        return self.second(self.first(x).relu())


class Block(nn.Module):
    """A branch, a norm, and the way around them."""

    def __init__(
        self, branch: nn.Module, width: int, norm: str, alpha: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.branch, self.before, self.alpha = branch, norm == "before", alpha
        self.norm = nn.LayerNorm(width, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """``norm(alpha x + branch(x))``, or ``alpha x + branch(norm(x))`` with the norm before.

        ``x`` and the result have the shape ``(batch, length, width)``.
        """
        if self.before:
            return self.alpha * x + self.branch(self.norm(x))
        return self.norm(self.alpha * x + self.branch(x))


class Transformer(nn.Module):
    """Tokens in, a score for each token of the vocabulary out, at each place of the sequence.

    Attributes:
        layers: Each two blocks: attention, then a pair of linear maps.
        norm: Of the last state, where no block ends in one.
        readout: A linear map to the scores.
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        width: int,
        depth: int,
        norm: str,
        alpha: float = 1.0,
        gain: float = 1.0,
        heads: int = 2,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Build and initialise it; PyTorch's global random state is left as it was.

        Args:
            vocabulary: Different tokens.
            length: Of a sequence.
            width: Features of a token's state; a multiple of ``heads``.
            depth: Layers.
            norm: Where a block has its layer norm: ``"after"`` the sum of path and branch
                (post-norm), or ``"before"`` the branch (pre-norm).
            alpha: Multiplies the path around each branch. DeepNorm's is
                ``vgp.theory.deepnorm_alpha(depth)``.
            gain: Multiplies the weights of a branch that carry its signal, which are all but those
                of queries and keys. DeepNorm's is ``vgp.theory.deepnorm_beta(depth)``.
            heads: Of each attention.
            seed: Of the weights.
            dtype: Of the parameters; weights are drawn in float64 and rounded.

        Raises:
            ValueError: The place of the norm is unknown, or a number is out of range.
        """
        super().__init__()
        errors.choose("norm", norm, NORM_STANDS)
        alpha, gain = positive("alpha", alpha), positive("gain", gain)
        vocabulary, length = errors.whole("vocabulary", vocabulary), errors.whole("length", length)
        width, depth = errors.whole("width", width), errors.whole("depth", depth)
        heads = errors.whole("heads", heads)
        generator = torch.Generator().manual_seed(errors.whole("seed", seed, least=0))

        def drawn(rows: int) -> nn.Parameter:
            values = torch.randn(rows, width, dtype=torch.float64, generator=generator)
            return nn.Parameter((values / 2**0.5).to(dtype))

        def block(branch: nn.Module) -> Block:
            return Block(branch, width, norm, alpha, dtype)

        self.tokens, self.places = drawn(vocabulary), drawn(length)
        self.layers = nn.ModuleList(
            nn.Sequential(
                block(Attention(width, heads, gain, generator, dtype)),
                block(Pair(width, gain, generator, dtype)),
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, dtype=dtype) if norm == "before" else nn.Identity()
        self.readout = Linear(width, vocabulary, 1.0, generator, dtype)

    def states(self, tokens: Tensor) -> list[Tensor]:
        """What each layer hands on, the first nearest the input.

        Args:
            tokens: Whole numbers below ``vocabulary``, shape ``(batch, length)``.

        Returns:
            Tensors of shape ``(batch, length, width)``.
        """
        state = self.tokens[tokens] + self.places
        found = []
        for layer in self.layers:
            state = layer(state)
            found.append(state)
        return found

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores, shape ``(batch, length, vocabulary)``; for ``tokens`` see :meth:`states`."""
        return self.readout(self.norm(self.states(tokens)[-1]))
