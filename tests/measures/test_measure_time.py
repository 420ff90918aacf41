"""Recurrent layers: the signal along time, which parameters hide."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import vgplib as vgp
from vgplib.networks import CELLS, Recurrent, gaussian


def inputs(steps, batch=2, features=3, seed=0):
    return gaussian(steps * batch, features, seed).reshape(steps, batch, features)


@pytest.mark.parametrize("cell", CELLS)
def test_the_signal_against_finite_differences(cell):
    net, x = Recurrent(3, 4, cell, gain=1.5, seed=1, longest=6), inputs(6)
    v = gaussian(1, 4, seed=5)[0]

    def loss(model, x=x):
        return (model(x)[-1] @ v).mean()

    data = vgp.measure(net, loss)
    assert list(data.step) == [1, 2, 3, 4, 5, 6] and list(data.recurrent.values) == ["cell"]
    h = 1e-6
    for t in range(6):
        squares = 0.0
        for i in range(x[t].numel()):
            moved = [x.clone(), x.clone()]
            for sign, copy in zip((1, -1), moved, strict=True):
                copy[t].view(-1)[i] += sign * h
            above, below = (loss(net, copy).item() for copy in moved)
            squares += ((above - below) / (2 * h)) ** 2
        assert data.step_signal[0, t].item() == pytest.approx(math.sqrt(squares), rel=1e-5)


class ByCell(nn.Module):
    """The same recurrence as ``nn.RNN``, a cell at a time; with another input layer before it."""

    def __init__(self, kind, whole):
        super().__init__()
        self.cell = kind(3, 4, dtype=torch.float64)
        with torch.no_grad():
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(self.cell, name).copy_(getattr(whole, f"{name}_l0"))

    def forward(self, x):
        state, out = None, []
        for step in x:
            state = self.cell(step, state)
            out.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(out)


@pytest.mark.parametrize(
    ("whole", "cell"), [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)]
)
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_cell_in_a_loop_is_measured_like_the_whole_layer(whole, cell, batch_first):
    torch.manual_seed(3)
    layer = whole(3, 4, dtype=torch.float64, batch_first=batch_first)
    x = inputs(7)
    one = vgp.measure(
        layer,
        lambda m: (
            m(x.transpose(0, 1) if batch_first else x)[0].transpose(0, int(batch_first))[-1].sum()
        ),
    )
    loop = vgp.measure(ByCell(cell, layer), lambda m: m(x)[-1].sum())
    assert loop.step_signal.values == pytest.approx(one.step_signal.values, rel=1e-10)
    assert loop.attrs["factor_per_step"] == pytest.approx(one.attrs["factor_per_step"], rel=1e-10)
    assert list(loop.kind.values) == ["recurrent"] * 7 and list(one.kind.values) == ["recurrent"]


def test_packed_sequences_are_read_step_by_step():
    torch.manual_seed(0)
    layer = nn.LSTM(3, 4, dtype=torch.float64)
    x = inputs(5, batch=2)
    pack = nn.utils.rnn.pack_padded_sequence(x, [5, 5])
    plain = vgp.measure(layer, lambda m: m(x)[1][0].sum())
    packed = vgp.measure(layer, lambda m: m(pack)[1][0].sum())
    assert packed.step_signal.values == pytest.approx(plain.step_signal.values, rel=1e-10)


class ByHand(nn.Module):
    """A linear recurrence with a hand-written loop: ``h_t = decay * h_{t-1} + x_t``."""

    def __init__(self, decay, width=3):
        super().__init__()
        self.recur = nn.Linear(width, width, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.recur.weight.copy_(decay * torch.eye(width, dtype=torch.float64))

    def forward(self, x):
        h = torch.zeros_like(x[0])
        for step in x:
            h = self.recur(h) + step
        return h


@settings(max_examples=10)
@given(decay=st.floats(0.3, 1.7), steps=st.integers(4, 30))
def test_a_linear_recurrence_fades_by_its_factor_and_has_a_row_for_each_use(decay, steps):
    data = vgp.measure(ByHand(decay), lambda m: m(inputs(steps)).sum())
    assert list(data.name.values) == ["recur"] * steps
    assert data.attrs["factor_per_step"] == pytest.approx(decay, rel=1e-9)
    assert data.step_ratio.item() == pytest.approx(decay ** (steps - 1), rel=1e-9)
    assert data.signal.values == pytest.approx(data.step_signal[0].values)


def test_vanishing_in_time_is_told_by_the_uses_and_hidden_by_the_parameter():
    torch.manual_seed(0)
    net = ByHand(0.6, width=32)
    data = vgp.measure(net, lambda m: m(inputs(40, batch=8, features=32)).pow(2).mean())
    uses, whole = data.weight_grad.values, data.parameter_grad.item()
    assert whole > 0.5 * uses.max()  # the parameter looks healthy
    assert uses[-5:].sum() / uses.sum() > 0.85  # and nearly all of it is from the last steps
    assert uses[1] < 1e-6 * uses[-1]


def test_the_gradients_of_all_uses_add_up_to_the_parameters():
    net = ByHand(0.8, width=1)
    data = vgp.measure(net, lambda m: m(torch.ones(6, 1, 1, dtype=torch.float64)).sum())
    # of one weight, with every contribution positive, the norms add up too
    assert data.weight_grad.sum().item() == pytest.approx(data.parameter_grad.item(), rel=1e-12)


def test_steps_that_the_loss_does_not_see_have_signal_0():
    data = vgp.measure(Recurrent(3, 4, "rnn"), lambda m: m(inputs(5))[2].sum())
    signal = data.step_signal[0]
    assert all(signal[:3] > 0) and not any(signal[3:])
    assert math.isnan(data.step_ratio.item()) and 0 < data.attrs["factor_per_step"] < 1


def test_what_is_not_finite_is_named_and_no_factor_made_of_it():
    # in float32 the gradient reaches 1e30 and then overflows, while h stays 0
    net = ByHand(1e30).float()
    data = vgp.measure(net, lambda m: m(torch.zeros(60, 2, 3)).sum())
    assert data.attrs["first_non_finite"] == "signal at recur"
    assert math.isnan(data.attrs["factor_per_step"]) and math.isnan(data.step_ratio.item())


def test_stacked_layers_of_two_modules_are_told_apart():
    torch.manual_seed(0)

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.low = nn.GRU(3, 4, dtype=torch.float64)
            self.high = nn.LSTM(4, 4, dtype=torch.float64)

        def forward(self, x):
            return self.high(self.low(x)[0])[0]

    data = vgp.measure(Stack(), lambda m: m(inputs(8))[-1].sum())
    assert list(data.recurrent.values) == ["low", "high"]
    assert data.step_signal.shape == (2, 8) and bool((data.step_signal > 0).all())
    assert data.weight_grad.notnull().all()
