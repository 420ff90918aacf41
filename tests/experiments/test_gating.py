"""Gated memories: the experiment measures what it says, and what the page on gates states holds."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import vgplib as vgp
from vgplib.experiments import gates
from vgplib.experiments import steps as training
from vgplib.measures import theory
from vgplib.networks import Deep, Recurrent, gaussian

X = gaussian(7 * 3, gates.INPUTS, seed=4).reshape(7, 3, gates.INPUTS)


@pytest.mark.parametrize(("kind", "unroll"), [("lstm", gates.lstm), ("gru", gates.gru)])
def test_step_by_step_it_is_pytorch_s_own_layer(kind, unroll):
    cell = Recurrent(gates.INPUTS, gates.WIDTH, kind, seed=2).cell
    (memories, _), state = unroll(cell, X)
    states, last = cell(X)
    torch.testing.assert_close(state, states[-1], rtol=1e-12, atol=1e-14)
    expected = last[1][0] if kind == "lstm" else last[0]
    torch.testing.assert_close(memories[-1], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "unroll"), [("lstm", gates.lstm), ("gru", gates.gru)])
def test_without_recurrent_weights_the_gates_are_the_only_way_back(kind, unroll):
    """Then the signal is exactly their product, and it's the theory's."""
    cell = Recurrent(gates.INPUTS, gates.WIDTH, kind, seed=2).cell
    nn.init.zeros_(cell.weight_hh_l0)
    (memories, keep), state = unroll(cell, X)
    signal = torch.autograd.grad(state.sum(), [memories[0], memories[-1]])
    product = torch.as_tensor(theory.gate_path(torch.stack(keep[1:]).detach().flatten(1).numpy()))
    expected = signal[1] * product.reshape(signal[1].shape)
    torch.testing.assert_close(signal[0], expected, rtol=1e-12, atol=0)


def test_a_highway_s_states_and_gates_are_those_of_its_layers():
    net = Deep(8, 16, 4, "sigmoid", "xavier", path="highway", seed=3)
    (states, keep), last = gates.highway(net, gaussian(5, 8, seed=1))
    torch.testing.assert_close(net.readout(last), net(gaussian(5, 8, seed=1)), rtol=1e-12, atol=0)
    for k in (1, 2, 3):
        made = net.activation(net.hidden[k](states[k - 1]))
        mixed = (1 - keep[k]) * made + keep[k] * states[k - 1]
        torch.testing.assert_close(states[k], mixed, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("memory", ["lstm", "lstm_coupled", "gru", "highway"])
def test_the_bias_is_the_whole_bias_of_the_gate_that_keeps(memory):
    """In the middle of its gates; they scatter with what comes in, by a few hundredths."""
    (_, keep), _ = gates.unrolled(memory, 2.0, 6, seed=0)
    middle = torch.stack(keep[1:]).median().item()
    assert middle == pytest.approx(1 / (1 + np.exp(-2)), abs=0.03)


def gate(place, **settings):
    return vgp.readouts("gates", **settings)[place].value


KINDS = ("lstm", "lstm_coupled", "gru", "highway")


def test_the_gates_alone_do_not_say_what_arrives_in_an_lstm():
    assert gate(1, bias=0) > 1000 * gate(0, bias=0)  # "thousands of times more"
    assert gate(1, bias=0) < 1e-9  # "still next to nothing"
    assert 34 < gate(1, bias=2) / gate(0, bias=2) < 37  # a question's "about 35 times"
    for bias in (4, 5, 6):  # "louder than it set out", in each of the five
        runs = vgp.atlas("gates").signal.sel(memory="lstm", bias=bias, length=50)
        assert (runs.sel(hop=1) / runs.sel(hop=50)).min() > 1
    assert gate(0, bias=4) == pytest.approx(0.4, abs=0.05) and 0.65 < gate(0, bias=5) < 0.75


@pytest.mark.parametrize("memory", ["lstm_coupled", "gru", "highway"])
def test_where_little_is_written_the_gates_say_it_all(memory):
    assert gate(1, memory=memory, bias=4) == pytest.approx(gate(0, memory=memory, bias=4), rel=0.1)
    # One bias, one length: about the same, whatever carries it.
    assert gate(1, memory=memory, bias=4) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("memory", KINDS)
@pytest.mark.parametrize("length", [10, 25, 50, 100])
def test_the_further_the_gate_is_open_the_more_arrives(memory, length):
    biases = [0, 1, 2, 3, 4, 5]
    arrives = [gate(1, memory=memory, bias=b, length=length) for b in biases]
    assert all(less < more for less, more in itertools.pairwise(arrives))


def test_twice_the_layers_square_what_a_highway_passes():
    fifty, hundred = (gate(1, memory="highway", bias=4, length=n) for n in (50, 100))
    assert hundred == pytest.approx(fifty**2, rel=0.1)


@pytest.mark.parametrize(("path", "learns"), [("highway", True), ("plain", False)])
def test_fifty_sigmoid_layers_learn_the_digits_if_their_gates_start_nearly_shut(path, learns):
    """Srivastava et al. 2015, at a tenth of their depth and less."""
    x, y, x_test, y_test = training.data()
    net = Deep(64, 64, 50, "sigmoid", "xavier", path=path, seed=1)
    with torch.no_grad():
        for gate in (p.gate for p in net.paths if path == "highway"):
            gate.bias.fill_(-4)
    rule = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in training.taken(net, rule, x, y, steps=100, seed=1):
        pass
    right = training.accuracy(net, x_test, y_test)
    assert right > 0.8 if learns else right < 0.2


def test_a_forget_bias_of_1_is_enough_for_ten_steps_and_not_for_fifty():
    assert gate(1, bias=1, length=10) > 0.02 and gate(1, bias=1, length=50) < 1e-3


@pytest.mark.parametrize("bias", [1.0, 3.0, 6.0])
def test_a_memory_lasts_1_plus_e_to_its_bias_steps(bias):
    """Then a good third is left: e to the minus one, the more exactly, the longer it lasts."""
    lasts = 1 + np.exp(bias)
    left = theory.mean_gate(bias) ** lasts
    assert left == pytest.approx(np.exp(-1), abs=0.06) and left < np.exp(-1)
    assert theory.chrono_bias(lasts, 1.0) == pytest.approx(bias, rel=1e-12)


def test_a_gru_has_three_quarters_of_an_lstm_s_weights():
    sizes = [
        sum(p.numel() for p in Recurrent(32, 32, kind).parameters()) for kind in ("gru", "lstm")
    ]
    assert 4 * sizes[0] == 3 * sizes[1]


def heard_at(places, seed):
    """How loud each place hears the loss in one layer of attention."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        attention = nn.MultiheadAttention(32, 4, dtype=torch.float64)
    x = gaussian(places * 8, 32, seed=1000 + seed).reshape(places, 8, 32).requires_grad_()
    output, _ = attention(x[-1:], x, x)
    (signal,) = torch.autograd.grad(output.square().sum(), x)
    return signal.norm(dim=(1, 2))


def test_one_layer_of_attention_is_one_hop_at_any_distance():
    """A place's share is a matter of luck and of how many there are, not of how far back it is."""
    few, many = ([heard_at(places, seed) for seed in range(5)] for places in (16, 1024))
    for runs in (few, many):
        assert 1 / 2 < np.median([run[0] / run[-2] for run in runs]) < 2
    assert np.median([run[0] for run in many]) < np.median([run[0] for run in few]) / 10


def works(row):
    """At how many learning rates all starts learn to add."""
    found = vgp.atlas("memory-rates").accuracy.sel(row=row, task="adding")
    return int((found >= 0.5).all("seed").sum())


def right(row, task="adding"):
    return vgp.readouts("memory-race", row=row, task=task)[0].value


def test_gated_cells_learn_the_adding_problem_and_a_plain_one_never_does():
    """Hochreiter & Schmidhuber 1997."""
    assert all(right(row) > 0.8 for row in ("lstm", "lstm_forget_1", "lstm_chrono", "gru"))
    assert right("rnn") < 0.25 and works("rnn") == 0


def test_chrono_works_at_more_learning_rates_and_a_forget_bias_of_1_hardly_does():
    """Tallec & Ollivier 2018; not Jozefowicz et al. 2015, nor Le et al. 2015."""
    plain, one, chrono, gru = map(works, ("lstm", "lstm_forget_1", "lstm_chrono", "gru"))
    assert abs(one - plain) <= 1 and max(one, plain) < min(chrono, gru)
    assert right("irnn") < right("lstm") - 0.2


def test_a_gru_starts_as_faintly_as_an_lstm_and_learns_before_it_as_chrono_does():
    race = vgp.atlas("memory-race").sel(task="adding", shows="accuracy").median("seed")
    faint = (race.signal.isel(place=0) / race.signal.isel(place=-1)).isel(record=0)
    assert faint.sel(row="gru") < 1e-6 and faint.sel(row="lstm") < 1e-6
    learnt = (race.accuracy >= 0.5).argmax("record")
    for row in ("gru", "lstm_chrono"):
        assert learnt.sel(row=row) < learnt.sel(row="lstm") < 14


def test_the_lstm_guesses_first_and_learns_once_its_gates_have_opened():
    """In a fresh one, next to nothing of the signal is left over forty steps."""
    run = vgp.atlas("memory-race").sel(row="lstm", task="adding", shows="accuracy").median("seed")
    heard = run.signal.isel(place=0) / run.signal.isel(place=-1)
    assert heard[0] < 1e-6
    assert run.accuracy[len(run.record) // 4] < 0.4 < 0.8 < run.accuracy[-1]
    assert heard[-1] > 1000 * heard[0]
