import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vgplib.measures.time import measure_time
from vgplib.networks import CELLS, Recurrent, gaussian


def inputs(steps, batch=2, features=3, seed=0):
    return gaussian(steps * batch, features, seed).reshape(steps, batch, features)


@pytest.mark.parametrize("cell", CELLS)
def test_the_signal_against_finite_differences(cell):
    net, x = Recurrent(3, 4, cell, gain=1.5, seed=1), inputs(6)
    v = gaussian(1, 4, seed=5)[0]

    def loss(states):
        return (states[-1] @ v).mean()

    data = measure_time(net, x, loss)
    assert list(data.step) == [1, 2, 3, 4, 5, 6]
    h = 1e-6
    for t in range(6):
        squares = 0.0
        for i in range(x[t].numel()):
            moved = [x.clone(), x.clone()]
            for sign, copy in zip((1, -1), moved, strict=True):
                copy[t].view(-1)[i] += sign * h
            above, below = (loss(net(copy)).item() for copy in moved)
            squares += ((above - below) / (2 * h)) ** 2
        assert data.signal[t].item() == pytest.approx(math.sqrt(squares), rel=1e-5)


class Decay(torch.nn.Module):
    """The linear recurrence ``h_t = decay * h_{t-1} + x_t``."""

    def __init__(self, decay):
        super().__init__()
        self.decay = decay

    def forward(self, x):
        states = [x[0]]
        for step in x[1:]:
            states.append(self.decay * states[-1] + step)
        return torch.stack(states)


@settings(max_examples=10, deadline=None)
@given(decay=st.floats(0.3, 1.7), steps=st.integers(3, 30))
def test_a_linear_recurrence_fades_by_its_factor(decay, steps):
    attrs = measure_time(Decay(decay), inputs(steps), lambda states: states[-1].sum()).attrs
    assert attrs["factor_per_step"] == pytest.approx(decay, rel=1e-9)
    assert attrs["ratio"] == pytest.approx(decay ** (steps - 1), rel=1e-9)


def test_the_network_is_left_as_it_was():
    net, x = Recurrent(3, 4, "lstm"), inputs(5)
    before = [p.detach().clone() for p in net.parameters()]
    with torch.no_grad():
        measure_time(net, x, lambda states: states[-1].sum())
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert all(p.grad is None for p in net.parameters()) and not x.requires_grad


def test_steps_that_the_loss_does_not_see_have_signal_0():
    data = measure_time(Recurrent(3, 4, "rnn"), inputs(5), lambda states: states[2].sum())
    assert all(data.signal[:3] > 0) and not any(data.signal[3:])
    assert math.isnan(data.attrs["ratio"])
    assert 0 < data.attrs["factor_per_step"] < 1


def test_what_is_not_finite_is_named():
    def explode(states):
        return states[-1].sum()

    steps = inputs(60).float()
    data = measure_time(Decay(1e30), torch.zeros_like(steps), explode)
    assert data.attrs["first_non_finite"] == "signal at step 58"  # 1e30 at 59 is the last finite
    assert math.isnan(data.attrs["ratio"]) and math.isnan(data.attrs["factor_per_step"])
    assert measure_time(Decay(1e30), steps, explode).attrs["first_non_finite"] == "loss"


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda states: states, "scalar tensor, not one of shape"),
        (lambda states: states.sum().item(), "scalar tensor, not float"),
        (lambda states: states.detach().sum(), "detached"),
        (lambda states: torch.ones(1, requires_grad=True).sum(), "does not depend on the inputs"),
    ],
)
def test_a_loss_that_cannot_be_measured_says_why(loss, message):
    with pytest.raises(ValueError, match=message):
        measure_time(Recurrent(3, 4, "rnn"), inputs(5), loss)
