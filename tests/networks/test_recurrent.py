import math

import pytest
import torch
from torch import nn

from vgplib.measures import theory
from vgplib.networks import CELLS, Recurrent, gaussian

LONGEST = 20


@pytest.mark.parametrize("cell", CELLS)
def test_it_is_pytorch_s_own_layer_with_its_default_initialisation(cell):
    torch.manual_seed(3)
    theirs = {"rnn": nn.RNN, "gru": nn.GRU}.get(cell, nn.LSTM)(4, 6, dtype=torch.float64)
    ours = Recurrent(4, 6, cell, seed=3, longest=LONGEST)
    x = gaussian(5 * 2, 4, seed=0).reshape(5, 2, 4)
    assert ours(x).shape == (5, 2, 6)
    if cell in ("rnn", "lstm", "gru"):  # the others start elsewhere: see below
        assert torch.equal(ours(x), theirs(x)[0])
        assert all(p.abs().max() <= 1 / math.sqrt(6) for p in ours.parameters())


def test_the_forget_gate_starts_with_a_total_bias_of_one():
    # PyTorch's LSTM has two biases, which it adds: 1 in both would be a bias of 2.
    width = 6
    cell = Recurrent(4, width, "lstm_forget_1").cell
    total = cell.bias_ih_l0 + cell.bias_hh_l0
    assert torch.equal(total[width : 2 * width], torch.ones(width, dtype=torch.float64))
    plain = Recurrent(4, width, "lstm").cell
    for gate in (0, 2, 3):
        of_gate = slice(gate * width, (gate + 1) * width)
        assert torch.equal(total[of_gate], (plain.bias_ih_l0 + plain.bias_hh_l0)[of_gate])


def test_chrono_lets_units_remember_for_1_to_the_longest_and_writes_as_little_as_it_forgets():
    width = 400
    cell = Recurrent(4, width, "lstm_chrono", longest=LONGEST).cell
    total = (cell.bias_ih_l0 + cell.bias_hh_l0).detach()
    write, keep, new, read = total.chunk(4)
    assert torch.equal(write, -keep)
    assert not new.any() and not read.any()
    assert keep.min() >= 0 and keep.max() <= theory.chrono_bias(LONGEST, 1.0)
    # 400 uniform lengths: their quartiles scatter by about a twentieth of the range.
    for quantile in (0.25, 0.5, 0.75):
        length = keep.exp().quantile(quantile).item()
        expected = math.exp(theory.chrono_bias(LONGEST, quantile))
        assert length == pytest.approx(expected, abs=0.1 * LONGEST)
    assert torch.equal(cell.weight_hh_l0, Recurrent(4, width, "lstm").cell.weight_hh_l0)


@pytest.mark.parametrize("gain", [1.0, 0.99, 1.01])
def test_a_relu_layer_with_the_identity_hands_its_signal_back_times_its_gain(gain):
    """Le et al. 2015: while all units are on, that is all a step does to it."""
    cell = Recurrent(2, 4, "irnn", gain=gain, seed=1).cell
    start = torch.full((1, 3, 4), 2.0, dtype=torch.float64, requires_grad=True)
    _, end = cell(torch.zeros(500, 3, 2, dtype=torch.float64), start)
    (signal,) = torch.autograd.grad(end.sum(), start)
    expected = theory.linear_recurrence(gain, 500)
    torch.testing.assert_close(signal, torch.full_like(signal, expected), rtol=1e-11, atol=0)


def test_the_gain_multiplies_the_recurrent_matrix_alone():
    one, two = Recurrent(3, 4, "gru").cell, Recurrent(3, 4, "gru", gain=2.0).cell
    assert torch.equal(2 * one.weight_hh_l0, two.weight_hh_l0)
    assert torch.equal(one.weight_ih_l0, two.weight_ih_l0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_format_gets_the_same_weights_rounded_and_the_global_state_is_left(cell, dtype):
    before = torch.get_rng_state()
    exact, rounded = (
        Recurrent(3, 4, cell, seed=9, longest=LONGEST, **format)
        for format in ({}, {"dtype": dtype})
    )
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(exact.parameters(), rounded.parameters(), strict=True):
        assert torch.equal(a.to(dtype), b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "lstn"}, "unknown cell 'lstn'. Did you mean 'lstm'"),
        ({"gain": -1.0}, "gain must be above 0, not -1.0"),
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"inputs": 0}, "inputs must be at least 1, not 0"),
        ({"cell": "lstm_chrono"}, "longest must be a whole number of at least 2, not None"),
        ({"cell": "lstm_chrono", "longest": 1}, "longest must be at least 2, not 1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        Recurrent(**({"inputs": 2, "width": 3, "cell": "rnn"} | change))
