import math

import pytest
import torch
from torch import nn

from vgplib.networks import CELLS, Recurrent, gaussian


@pytest.mark.parametrize("cell", CELLS)
def test_it_is_pytorch_s_own_layer_with_its_default_initialisation(cell):
    torch.manual_seed(3)
    theirs = {"rnn": nn.RNN, "gru": nn.GRU}.get(cell, nn.LSTM)(4, 6, dtype=torch.float64)
    ours = Recurrent(4, 6, cell, seed=3)
    x = gaussian(5 * 2, 4, seed=0).reshape(5, 2, 4)
    assert ours(x).shape == (5, 2, 6)
    if cell != "lstm_forget_1":
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


def test_the_gain_multiplies_the_recurrent_matrix_alone():
    one, two = Recurrent(3, 4, "gru").cell, Recurrent(3, 4, "gru", gain=2.0).cell
    assert torch.equal(2 * one.weight_hh_l0, two.weight_hh_l0)
    assert torch.equal(one.weight_ih_l0, two.weight_ih_l0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_format_gets_the_same_weights_rounded_and_the_global_state_is_left(cell, dtype):
    before = torch.get_rng_state()
    exact, rounded = Recurrent(3, 4, cell, seed=9), Recurrent(3, 4, cell, seed=9, dtype=dtype)
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
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        Recurrent(**({"inputs": 2, "width": 3, "cell": "rnn"} | change))
