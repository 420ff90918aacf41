"""What the experiments on networks before training share when many runs go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgplib.engine.batched import Network, measure_batch
from vgplib.engine.block import Shape
from vgplib.networks.data import gaussian

if TYPE_CHECKING:
    import xarray as xr


def projected(
    shape: Shape,
    activation: str,
    networks: Sequence[Network],
    loss_factor: float | Sequence[float] = 1.0,
    weight_gradients: bool = True,
) -> xr.Dataset:
    """Each network with the Gaussian inputs and the Gaussian v of its seed, as ``run`` has them.

    Arguments and result are those of :func:`vgplib.engine.batched.measure_batch`.
    """
    seeds = {net.seed for net in networks}
    x = {s: gaussian(shape.batch, shape.inputs, seed=1000 + s).to(shape.dtype) for s in seeds}
    v = {s: gaussian(1, shape.width, seed=2000 + s).to(shape.dtype) for s in seeds}
    return measure_batch(
        shape,
        activation,
        networks,
        [x[net.seed] for net in networks],
        [v[net.seed] for net in networks],
        loss_factor=loss_factor,
        weight_gradients=weight_gradients,
    )
