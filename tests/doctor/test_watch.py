"""Watching a training loop: what counts as a step, and what is read in it."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.loops import CLOSE, X, Y, loss_of, mlp, recorded, train
from vgplib.doctor.watching.watch import watch

# What is read


def test_it_keeps_what_record_reads_in_every_tenth_step():
    rows = recorded(mlp(), 21)
    net = mlp()
    with watch(net, every=10) as watched:
        train(net, 21)
    data = watched.dataset()
    assert data.step.values.tolist() == [0, 10, 20] and watched.steps == 21
    assert list(data.name.values) == ["0", "2", "4"]
    for i, step in enumerate((0, 10, 20)):
        assert data.signal.values[i] == pytest.approx(rows[step][0], rel=CLOSE)
        assert data.weight_grad.values[i] == pytest.approx(rows[step][1], rel=CLOSE)


def test_the_peak_is_the_largest_output():
    net = mlp(1)
    with torch.no_grad():
        outputs = [net[0](X), net(X)]
    with watch(net) as watched:
        train(net, 1)
    assert watched.dataset().peak.values[0] == pytest.approx(
        [z.abs().max().item() for z in outputs]
    )


def test_training_is_what_it_is_without():
    plain, watched = mlp(), mlp()
    train(plain, 7)
    with watch(watched, every=2):
        train(watched, 7)
    assert all(map(torch.equal, plain.parameters(), watched.parameters()))


def test_large_outputs_weights_that_are_made_and_changes_in_place_are_read():
    torch.manual_seed(0)
    wide = nn.utils.parametrizations.weight_norm(nn.Linear(6, 4000))  # 48,000 entries
    net = nn.Sequential(wide, nn.ReLU(inplace=True), nn.Linear(4000, 3))
    z = F.linear(X, net[0].weight, net[0].bias).detach().requires_grad_()
    loss_of(net[1:], z * 1).backward()
    with watch(net) as watched:
        train(net, 1)
    data = watched.dataset()
    assert list(data.name.values) == ["0", "2"]
    assert data.signal.values[0, 0] == pytest.approx(z.grad.norm().item(), rel=CLOSE)
    assert data.weight_grad.values[0, 0] > 0


# What a step is


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_gradients_that_are_added_up_are_one_step(parts, every, to_none):
    """Of a mean over 12 samples in equal parts, signals are those of all 12 at once."""
    whole, net = mlp(), mlp()
    rows = recorded(whole, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(net, every) as watched:
        for _ in range(4):
            for x, y in zip(X.chunk(parts), Y.chunk(parts), strict=True):
                (loss_of(net, x, y) / parts).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=to_none)
    data = watched.dataset()
    assert data.step.values.tolist() == list(range(0, 4, every)) and watched.steps == 4
    for signal, gradient, step in zip(data.signal, data.weight_grad, data.step, strict=True):
        assert signal.values == pytest.approx(rows[int(step)][0], rel=CLOSE)
        assert gradient.values == pytest.approx(rows[int(step)][1], rel=CLOSE)


def test_passes_without_a_backward_pass_leave_no_trace():
    plain, net = mlp(), mlp()

    def evaluate(_step):
        net.eval()
        loss_of(net, 100 * X)  # with gradients, as one forgets to switch off
        with torch.no_grad():
            loss_of(net, 100 * X)
        net.train()

    with watch(plain, every=2) as alone:
        train(plain, 5)
    with watch(net, every=2) as watched:
        train(net, 5, between=evaluate)
    assert watched.dataset().equals(alone.dataset())


def test_two_passes_before_one_backward_count_once():
    net = mlp()
    with watch(net, every=1) as watched:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        for _ in range(2):
            optimizer.zero_grad()
            (loss_of(net) + loss_of(net)).backward()
            optimizer.step()
    once = recorded(mlp(), 1)[0][0]
    # Both runs have the same signal; together they have sqrt(2) times its norm.
    expected = [math.sqrt(2) * s for s in once]
    assert watched.dataset().signal.values.tolist() == [
        pytest.approx(expected, rel=CLOSE) for _ in range(2)
    ]


def by_hand(net, steps, clear, watched=None, when=""):
    for _ in range(steps):
        if clear == "zero before backward":
            value = loss_of(net)
            net.zero_grad(set_to_none=False)
        else:
            value = loss_of(net)
        if when == "before":
            watched.loss(value)
        value.backward()
        with torch.no_grad():
            for p in net.parameters():
                p.data -= 0.1 * p.grad
                if clear == "none after":
                    p.grad = None
                elif clear == "zero after":
                    p.grad.zero_()
        if when == "after":
            watched.loss(value)


@pytest.mark.parametrize("clear", ["none after", "zero after", "zero before backward"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_without_an_optimizer_steps_are_told_by_cleared_gradients(clear, when):
    rows, net = recorded(mlp(), 9), mlp()
    with watch(net, every=4) as watched:
        by_hand(net, 9, clear, watched, when)
    data = watched.dataset()
    assert data.step.values.tolist() == [0, 4, 8] and watched.steps == 9
    for i, step in enumerate((0, 4, 8)):
        assert data.signal.values[i] == pytest.approx(rows[step][0], rel=CLOSE)
        assert data.weight_grad.values[i] == pytest.approx(rows[step][1], rel=CLOSE)
    losses, other = [], mlp()
    train(other, 9, between=lambda _: losses.append(loss_of(other).item()))
    # The loss after step 3 is that of step 4's own forward pass.
    assert data.loss.values[1:] == pytest.approx([losses[3], losses[7]], rel=CLOSE)


def test_steps_that_a_gradient_scaler_skips_are_none():
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1000)
    with watch(net, every=1) as watched:
        for step in range(8):
            optimizer.zero_grad()
            factor = math.inf if step in (0, 1, 5) else 1.0
            scaler.scale(loss_of(net) * factor).backward()
            scaler.step(optimizer)
            scaler.update()
    data = watched.dataset()
    assert watched.steps == 5 and data.step.values.tolist() == [0, 1, 2, 3, 4]
    assert bool((data.signal > 0).all()) and bool(data.signal.max() < math.inf)
    assert watched.diagnosis.healthy


def test_lbfgs_which_calls_its_closure_makes_one_step_of_it():
    net = mlp()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        value = loss_of(net)
        value.backward()
        return value

    with watch(net, every=1) as watched:
        for _ in range(3):
            optimizer.step(closure)
    assert watched.steps == 3 and watched.dataset().sizes["step"] == 3


def test_two_optimizers_that_take_turns_make_one_step_and_another_can_take_over():
    net, other = mlp(), mlp()
    first, second = (torch.optim.SGD(net[i].parameters(), lr=0.1) for i in (0, 4))
    stranger = torch.optim.SGD(other.parameters(), lr=0.1)
    with watch(net, every=1) as watched:
        for _ in range(3):
            net.zero_grad()
            loss_of(net).backward()
            first.step()
            second.step()
            stranger.step()
        assert watched.steps == 3
        train(net, 4, second)  # the first one is not used any more
        assert watched.steps == 7


def test_a_loop_with_checkpoints_recurrence_and_parts_that_run_alone():
    torch.manual_seed(0)
    net = nn.ModuleDict({"rnn": nn.LSTM(6, 5), "cell": nn.Linear(5, 5), "head": nn.Linear(5, 3)})

    def compute(x, again):
        states, _ = net["rnn"](x[:, None])
        h = states[-1]
        for _ in range(3):
            h = again(h)
        return F.cross_entropy(net["head"](h), Y[:1])

    def watching(again):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        with watch(net) as watched:  # the whole is never called
            optimizer.zero_grad()
            compute(X, again).backward()
            optimizer.step()
        return watched.dataset()

    plain = watching(lambda h: net["cell"](h).tanh())
    assert list(plain.name.values) == ["rnn", "cell", "head"]
    for reentrant in (True, False):
        cell = lambda h: checkpoint(lambda h: net["cell"](h).tanh(), h, use_reentrant=reentrant)  # noqa: B023, E731
        again = watching(cell)
        assert list(again.name.values) == list(plain.name.values)
        assert again.signal.values == pytest.approx(plain.signal.values, rel=CLOSE)
        assert again.weight_grad.values == pytest.approx(plain.weight_grad.values, rel=CLOSE)


def test_layers_that_run_only_sometimes_have_their_place_and_nan():
    net = mlp(3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(net, every=1) as watched:
        for step in range(4):
            optimizer.zero_grad()
            loss_of(net if step % 2 else nn.Sequential(*net[:2], *net[4:])).backward()
            optimizer.step()
    data = watched.dataset()
    assert list(data.name.values) == ["0", "2", "4", "6"]
    assert data.signal.isnull().values.sum(1).tolist() == [1, 0, 1, 0]
    assert bool(data.signal[0].isnull()[1])
