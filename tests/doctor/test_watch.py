"""Watching a training loop: what counts as a step, what is read in it, and what is left behind."""

import copy
import io
import math
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks
from torch.utils.checkpoint import checkpoint

import vgplib as vgp
from vgplib.doctor.watch import watch

X, Y = torch.randn(12, 6, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3
CLOSE = 1e-5  # relative: float32 sums over the batch, in another order


def mlp(depth=2, activation=nn.Tanh):
    torch.manual_seed(0)
    hidden = [module for _ in range(depth) for module in (nn.Linear(6, 6), activation())]
    return nn.Sequential(*hidden, nn.Linear(6, 3))


def loss_of(net, x=X, y=Y):
    return F.cross_entropy(net(x), y)


def train(net, steps, optimizer=None, between=lambda step: None):
    optimizer = optimizer or torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        loss_of(net).backward()
        optimizer.step()
        between(step)


def recorded(net, steps):
    """Signals and weight gradients of every step, as ``vgp.record`` reads them."""
    optimizer, seen = torch.optim.SGD(net.parameters(), lr=0.1), vgp.record(net)
    rows = []
    for _ in range(steps):
        optimizer.zero_grad()
        with seen:
            loss_of(net).backward()
        rows.append((seen.signal, seen.weight_grad))
        optimizer.step()
    return rows


def hooks(net):
    kinds = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
    return [h for m in net.modules() for kind in kinds for h in getattr(m, kind).values()] + [
        h for p in net.parameters() for h in (p._backward_hooks or {}).values()
    ]


def everywhere():
    """The hooks that are on all modules and on all optimizers there are."""
    return [
        *torch.nn.modules.module._global_forward_hooks,
        *_global_optimizer_post_hooks,
    ]


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


@settings(max_examples=15, deadline=None)
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


# What is told


def test_the_loss_is_that_of_its_step_wherever_it_is_told():
    tables = []
    for place in ("forward", "backward", "step"):
        net = mlp()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with watch(net, every=2) as watched:
            for _ in range(7):
                optimizer.zero_grad()
                value = loss_of(net)
                for done in ("forward", "backward", "step"):
                    if done == "backward":
                        value.backward()
                    elif done == "step":
                        optimizer.step()
                    if done == place:
                        watched.loss(value if done == "step" else value.item())
        tables.append(watched.dataset())
    assert tables[0].loss.values[0] == pytest.approx(loss_of(mlp()).item())
    assert tables[0].equals(tables[1]) and tables[0].equals(tables[2])
    assert list(tables[0].loss.values) == sorted(tables[0].loss.values, reverse=True)


def test_a_long_run_is_thinned_out():
    net = mlp(1)
    with watch(net, every=1, most=10) as watched:
        train(net, 100)
    data = watched.dataset()
    assert data.attrs["every_at_first"] == 1 and data.attrs["every"] == 16
    assert data.step.values.tolist() == list(range(0, 100, 16)) and data.attrs["steps"] == 100


def test_vanishing_and_exploding_are_found_and_a_healthy_net_is_not_accused():
    def watched(net, rate):
        with watch(net, every=2) as seen:
            train(net, 9, torch.optim.SGD(net.parameters(), lr=rate))
        return seen.diagnosis

    sick = watched(mlp(8, nn.Sigmoid), 0.1)
    assert sick.conditions == {"vanishing"}
    finding = sick.findings[0]
    assert finding.where[0] == "0" and finding.evidence["signal, first over last"] < 1e-3
    wild = mlp(12, nn.Identity)
    for layer in wild[:-1:2]:
        nn.init.orthogonal_(layer.weight, 3.0)  # 3 ** 11 from the last hidden layer to the first
    finding = watched(wild, 0.0).findings[0]
    assert finding.condition == "exploding" and finding.where[0] == "0"
    assert 3**8 < finding.evidence["signal, first over last"] < 3**12
    assert watched(mlp(), 0.1).healthy
    zero_head = mlp()
    nn.init.zeros_(zero_head[-1].weight)  # zero signals at the first step, by design
    assert watched(zero_head, 0.1).healthy


@pytest.mark.parametrize("every", [1, 10])
def test_the_first_step_and_layer_with_nan_are_told(every):
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(net, every) as watched:
        for step in range(25):
            optimizer.zero_grad()
            z = net[1](net[0](X)) * (math.nan if step == 13 else 1.0)
            F.cross_entropy(net[2:](z), Y).backward()
            optimizer.step()
    finding = watched.diagnosis.findings[0]
    assert finding.condition == "nan" and finding.evidence["step"] == 13
    assert finding.where == (("2",) if every == 1 else ())  # the place is read in kept steps only


def test_where_nan_comes_from():
    def finding(net, compute, steps=1):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with watch(net, every=1) as watched:
            for _ in range(steps):
                optimizer.zero_grad()
                compute(net).backward()
                optimizer.step()
        (found,) = watched.diagnosis.findings
        return found.where, found.cause

    assert finding(mlp(), lambda m: loss_of(m, X * math.nan)) == (("0",), "NaN in the data")
    spoiled = mlp()
    spoiled[2].weight.data[0, 0] = math.nan
    assert finding(spoiled, loss_of) == (("2",), "NaN in the weights")
    assert finding(mlp(), lambda m: loss_of(m) * math.nan) == ((), "")
    root = lambda m: m[2:](m[1](m[0](X) * 0).abs().sqrt()).square().mean()  # noqa: E731
    assert finding(mlp(), root) == (("0",), "singular derivative")


# What is left behind


def test_nothing_is_left_on_the_model_and_a_copy_inside_the_block_is_clean():
    net, before = mlp(), everywhere()
    with watch(net, every=1) as watched:
        train(net, 2)
        saved = pickle.loads(pickle.dumps(net))
        torch.save(net, io.BytesIO())
        average = copy.deepcopy(net)
        loss_of(average).backward()
        assert not hooks(net) + hooks(saved) + hooks(average)
        train(net, 2)
    assert everywhere() == before and not hooks(net)
    assert watched.steps == 4 and watched.dataset().sizes["step"] == 4
    loss_of(net).backward()
    assert watched.steps == 4


def test_an_exception_leaves_nothing_and_keeps_the_step_in_which_it_came():
    net, before = mlp(), everywhere()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="non-finite"), watch(net, every=10) as watched:
        for step in range(20):
            optimizer.zero_grad()
            (loss_of(net) * (math.inf if step == 10 else 1)).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)
            optimizer.step()
    assert everywhere() == before and not hooks(net)
    assert watched.diagnosis.findings[0].evidence["step"] == 10


def test_a_pass_that_fails_and_is_caught_is_forgotten():
    rows, net = recorded(mlp(), 3), mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def fail(_gradient):
        raise MemoryError

    with watch(net, every=1) as watched:
        for step in range(3):
            optimizer.zero_grad()
            hidden = net[:2](X)
            if step == 1:
                hidden.register_hook(fail)
                with pytest.raises(MemoryError):
                    F.cross_entropy(net[2:](hidden), Y).backward()
                optimizer.zero_grad()
            loss_of(net).backward()
            optimizer.step()
    signals = watched.dataset().signal.values
    assert [row.tolist() for row in signals] == [pytest.approx(r[0], rel=CLOSE) for r in rows]


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, not list"):
        watch([1])
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        watch(mlp(), every=0)
    with pytest.raises(ValueError, match="the model is compiled"):
        watch(torch.compile(mlp(), backend="eager"))
    part = mlp()
    part[0].compile(backend="eager")
    with pytest.raises(ValueError, match="the model is compiled"):
        watch(part)
    with watch(mlp()) as watched:
        train(mlp(), 2)
        with pytest.raises(RuntimeError, match="is on already"):
            watched.__enter__()
    with pytest.raises(RuntimeError, match="no training step was seen"):
        watched.diagnosis  # noqa: B018
    with pytest.raises(RuntimeError, match="no training step was seen"):
        watched.plot()


def test_the_picture_has_a_line_for_each_layer_and_marks_where_numbers_end():
    net = mlp(6)
    net[2].weight.data[0, 0] = math.nan
    with watch(net, every=1) as watched:
        train(net, 3)
    axes = watched.plot()
    assert len(axes.lines) == 7 + 1 and axes.get_yscale() == "log"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == "layer 1, 0" and labels[-1] == "Inf or NaN, step 0"
