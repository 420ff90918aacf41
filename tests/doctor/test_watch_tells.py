"""Watching a training loop: what it tells in the end, and that it leaves nothing behind."""

import copy
import io
import math
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks

from tests.doctor.loops import CLOSE, X, Y, loss_of, mlp, recorded, train
from vgplib.doctor.watching.watch import watch


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


def test_a_loss_that_is_no_number_is_a_finding_where_gradients_are_zero():
    net, nothing = mlp(), torch.full_like(Y, -100)  # every label is ignored: 0 / 0
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with watch(net, every=2) as watched:
        for step in range(6):
            optimizer.zero_grad()
            value = loss_of(net, X, nothing if step == 4 else Y)
            value.backward()
            optimizer.step()
            watched.loss(value)
    (finding,) = watched.diagnosis.findings
    assert finding.condition == "nan" and finding.evidence["step"] == 4


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
