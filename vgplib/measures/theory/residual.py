"""Networks with a short path: residual, highway, and how long their signal lives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vgplib import errors
from vgplib.measures.theory._arguments import Numbers, number, plain, whole

ARCHITECTURES = ("feed-forward", "residual", "residual with batch norm")
PARTS = ("encoder", "decoder")


def residual_growth(
    depth: ArrayLike, branch_scale: ArrayLike = 1.0, normalised: bool = False
) -> Numbers:
    """How many times larger the mean square is after so many blocks ``h + s f(h)``.

    A branch f that keeps the mean square, such as He-initialised layers: ``(1 + s^2)^depth``. That
    is 2^depth with s = 1, and at most e with s = 1/sqrt(depth) (Hanin & Rolnick 2018). A branch
    that starts with a norm adds s^2 each time: ``1 + s^2 depth``, and its share of the sum falls
    as 1 / depth: deep blocks are close to the identity (De & Smith 2020). For an input of mean
    square 1 and independent branches.

    Without a norm the squared norm of the gradient grows as much on its way back.

    Args:
        depth: Blocks; a number or an array.
        branch_scale: s; a number or an array.
        normalised: Whether each branch normalises its input.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: A depth is not a whole number >= 1, or a scale is not a finite number >= 0.
    """
    blocks = whole("depth", depth)
    added = number("branch_scale", branch_scale, least=0) ** 2
    return plain(1 + added * blocks if normalised else (1 + added) ** blocks)


def residual_factor(branch_scale: ArrayLike = 1.0) -> Numbers:
    """The factor of the norm of the error signal, going back one block ``h + s f(h)``.

    ``sqrt(1 + s^2)`` where f keeps the norm, as in :func:`residual_growth` without a norm.

    Args:
        branch_scale: s; a number or an array.

    Raises:
        ValueError: A scale is not a finite number >= 0.
    """
    return plain(np.sqrt(1 + number("branch_scale", branch_scale, least=0) ** 2))


def fixup_scale(depth: ArrayLike, branch_layers: ArrayLike = 2) -> Numbers:
    """By what Fixup multiplies the weights of a branch: ``depth^(-1 / (2 m - 2))``.

    Of all its layers but the last, whose weights start at 0 (Zhang et al. 2019).

    Args:
        depth: Residual blocks; a number or an array.
        branch_layers: m, weight layers of a branch, at least 2; a number or an array.

    Raises:
        ValueError: A depth is not a whole number >= 1, or ``branch_layers`` not one >= 2.
    """
    layers = whole("branch_layers", branch_layers, least=2)
    return plain(whole("depth", depth) ** (-1 / (2 * layers - 2)))


def deepnorm_alpha(
    encoder_layers: int = 0, decoder_layers: int = 0, part: str | None = None
) -> float:
    """DeepNorm's alpha: the residual is ``layer_norm(alpha x + f(x))`` (Wang et al. 2022).

    ``(2 N)^(1/4)`` for N layers of an encoder or of a decoder alone. With both, N and M layers:
    ``0.81 (N^4 M)^(1/16)`` in the encoder, ``(3 M)^(1/4)`` in the decoder.

    Args:
        encoder_layers: N; 0 for a decoder alone, as in GPT.
        decoder_layers: M; 0 for an encoder alone, as in BERT.
        part: ``"encoder"`` or ``"decoder"``: which of the two is meant, where there are both.

    Raises:
        ValueError: There are no layers, or no such part.
    """
    n, m, part = _deepnorm(encoder_layers, decoder_layers, part)
    if not (n and m):
        return (2 * (n + m)) ** 0.25
    return 0.81 * (n**4 * m) ** (1 / 16) if part == "encoder" else (3 * m) ** 0.25


def deepnorm_beta(
    encoder_layers: int = 0, decoder_layers: int = 0, part: str | None = None
) -> float:
    """DeepNorm's beta: the gain of the branch's feed-forward, value and output weights.

    ``(8 N)^(-1/4)`` for N layers of an encoder or of a decoder alone. With both, N and M layers:
    ``0.87 (N^4 M)^(-1/16)`` in the encoder, ``(12 M)^(-1/4)`` in the decoder (Wang et al. 2022).

    Args:
        encoder_layers: N; 0 for a decoder alone, as in GPT.
        decoder_layers: M; 0 for an encoder alone, as in BERT.
        part: ``"encoder"`` or ``"decoder"``: which of the two is meant, where there are both.

    Raises:
        ValueError: There are no layers, or no such part.
    """
    n, m, part = _deepnorm(encoder_layers, decoder_layers, part)
    if not (n and m):
        return (8 * (n + m)) ** -0.25
    return 0.87 * (n**4 * m) ** (-1 / 16) if part == "encoder" else (12 * m) ** -0.25


def highway_carry(depth: ArrayLike, transform_bias: ArrayLike) -> Numbers:
    """What the carry gates of a highway network let through: ``(1 - sigmoid(bias))^depth``.

    The direct path ``h + t (f(h) - h)`` alone, with gates t at their bias (Srivastava et al.
    2015).

    Args:
        depth: Layers; a number or an array.
        transform_bias: Bias of the gate t, below 0 to carry; a number or an array.

    Returns:
        A float for numbers, an array for arrays.

    Raises:
        ValueError: A depth is not a whole number >= 1, or a bias is not finite.
    """
    bias = number("transform_bias", transform_bias)
    return plain(np.exp(-whole("depth", depth) * np.logaddexp(0, bias)))


def shattering_correlation(depth: ArrayLike, architecture: str = "feed-forward") -> Numbers:
    """The correlation of the gradients at two unlike inputs of a ReLU network.

    ``2^-depth`` for a feed-forward network, ``(3/4)^depth`` for a residual one, and about
    ``1 / sqrt(depth)`` with batch norm in the branches (Balduzzi et al. 2017). It takes two inputs
    to share a quarter of the units in every layer; in fully connected networks they come to
    share more, and measured values lie above it: 0.30 in place of 0.25 at two layers.

    Args:
        depth: Layers or blocks; a number or an array.
        architecture: ``"feed-forward"``, ``"residual"`` or ``"residual with batch norm"``.

    Raises:
        ValueError: The architecture is unknown, or a depth is not a whole number >= 1.
    """
    kind = errors.choose("architecture", architecture, ARCHITECTURES)
    layers = whole("depth", depth)
    if kind == "residual with batch norm":
        return plain(layers**-0.5)
    return plain((0.5 if kind == "feed-forward" else 0.75) ** layers)


def _deepnorm(encoder: int, decoder: int, part: str | None) -> tuple[int, int, str]:
    """The layers, and which part is meant."""
    n = errors.whole("encoder_layers", encoder, least=0)
    m = errors.whole("decoder_layers", decoder, least=0)
    if not (n or m):
        raise ValueError("DeepNorm needs encoder_layers or decoder_layers above 0.")
    if n and m and part is None:
        raise ValueError("with encoder and decoder, say which: part='encoder' or part='decoder'.")
    there = [name for name, layers in zip(PARTS, (n, m), strict=True) if layers]
    return n, m, errors.choose("part", there[0] if part is None else part, there)
