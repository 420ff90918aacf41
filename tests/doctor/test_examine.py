"""The examination itself: it touches nothing, takes any model, and refuses with a reason."""

import contextlib
import copy
import math
import random
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp


def batch(n=32, width=16, classes=4):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, width, generator=generator)
    return x, torch.randint(classes, (n,), generator=generator)


def net(*between):
    torch.manual_seed(0)
    layers = between or (nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1))
    return nn.Sequential(nn.Linear(16, 16), nn.ReLU(), *layers, nn.Linear(16, 4))


def entropy(model):
    x, y = batch()
    return F.cross_entropy(model(x), y)


def state_of(model, optimizer):
    """Everything that an examination could change."""
    return (
        copy.deepcopy(model.state_dict()),
        [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        [m.training for m in model.modules()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        copy.deepcopy(optimizer.state_dict()),
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state()[1].copy(),
    )


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("training", [True, False])
def test_model_optimizer_and_random_states_are_left_to_the_bit(training):
    model = net().train(training)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seen = []
    model[0].register_forward_hook(lambda *_: seen.append(1))
    entropy(model).backward()
    optimizer.step()
    before = state_of(model, optimizer)
    parameters = [id(p) for p in model.parameters()]

    vgp.examine(model, entropy, optimizer=optimizer)

    assert same(before, state_of(model, optimizer))
    assert parameters == [id(p) for p in model.parameters()]


def test_nothing_is_changed_either_when_the_loss_raises():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = state_of(model, optimizer)

    def loss(model):
        model(batch()[0])
        raise KeyError("labels")

    with pytest.raises(KeyError, match="labels"):
        vgp.examine(model, loss, optimizer=optimizer)
    assert same(before, state_of(model, optimizer))


def test_the_same_model_gets_the_same_diagnosis_twice():
    model = net(*(m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())))
    first, second = vgp.examine(model, entropy), vgp.examine(model, entropy)
    assert [(f.condition, f.where, f.evidence) for f in first.findings] == [
        (f.condition, f.where, f.evidence) for f in second.findings
    ]
    assert first.conditions >= {"vanishing"}


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_loss_times_a_constant_changes_no_verdict(factor):
    healthy = net()
    sick = net(*(m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())))
    for model in (healthy, sick):
        plain = vgp.examine(model, entropy).conditions
        assert vgp.examine(model, lambda m: factor * entropy(m)).conditions == plain


def test_names_are_those_of_the_model():
    model = net(*(m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())))
    (finding, *_) = vgp.examine(model, entropy).findings
    for name in finding.where:
        assert model.get_submodule(name) is not None


class Keeps(nn.Module):
    """Keeps a result with a history, and a lock, in its attributes."""

    def __init__(self):
        super().__init__()
        self.inner = net()
        self.lock = threading.Lock()
        self.last = None

    def forward(self, x):
        with self.lock:
            self.last = self.inner(x)
        return self.last


def test_attributes_that_refuse_to_be_copied_are_no_obstacle():
    model = Keeps()
    entropy(model)
    assert vgp.examine(model, entropy).healthy
    model.lock = contextlib.nullcontext()
    assert vgp.examine(model, entropy).healthy


def test_lazily_made_parameters_are_made_on_the_copy():
    model = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(4))
    assert vgp.examine(model, entropy).healthy
    assert isinstance(model[0].weight, nn.parameter.UninitializedParameter)


def test_compiled_parallel_and_tied_models_are_examined():
    def compiler(*_):
        raise AssertionError("something was compiled, for which not every machine has a compiler")

    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    compiled = torch.compile(model, backend=compiler)
    assert vgp.examine(compiled, entropy, optimizer=optimizer).healthy
    assert vgp.examine(nn.DataParallel(model), entropy).healthy
    tied = net(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    tied[4].weight = tied[2].weight
    assert vgp.examine(tied, entropy).healthy


def test_a_distributed_model_is_examined_by_the_model_inside(tmp_path):
    where = f"file://{tmp_path / 'meeting'}"
    torch.distributed.init_process_group("gloo", init_method=where, rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(net())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        diagnosis = vgp.examine(model, entropy, optimizer=optimizer)
        assert diagnosis.healthy and "model.module" in diagnosis.notes[0]
        assert set(diagnosis.measured.name.values) <= dict(model.module.named_modules()).keys()
        entropy(model).backward()  # and goes on as before
        optimizer.step()
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_formats(dtype):
    x, y = batch()

    def loss(model):
        return F.cross_entropy(model(x.to(dtype)).float(), y)

    assert vgp.examine(net().to(dtype), loss).healthy


def test_an_optimizer_that_needs_a_closure():
    model = net(nn.Linear(16, 16), nn.Tanh())
    diagnosis = vgp.examine(model, entropy, optimizer=torch.optim.LBFGS(model.parameters()))
    assert diagnosis.healthy and not diagnosis.notes
    assert diagnosis.losses[-1] < diagnosis.losses[0]


def test_an_optimizer_under_a_schedule():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1e-6, total_iters=100)
    diagnosis = vgp.examine(model, entropy, optimizer=optimizer)
    assert diagnosis.healthy and not diagnosis.notes  # it starts low by design
    assert schedule.last_epoch == 0 and not optimizer.state


def test_a_loss_that_draws_another_batch_each_time():
    x, y = batch(256)

    def loss(model):
        rows = torch.randint(256, (32,))
        return F.cross_entropy(model(x[rows]), y[rows])

    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    assert vgp.examine(model, loss, optimizer=optimizer).healthy


def test_bad_use_is_refused_with_its_reason():
    model = net()
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, not function"):
        vgp.examine(entropy, entropy)
    with pytest.raises(TypeError, match="loss must be a function of the model, not Tensor"):
        vgp.examine(model, torch.zeros(()))
    with pytest.raises(ValueError, match="steps must be at least 1, not 0"):
        vgp.examine(model, entropy, steps=0)
    with pytest.raises(ValueError, match="holds none of the model's parameters"):
        vgp.examine(model, entropy, optimizer=torch.optim.SGD(net().parameters(), lr=0.1))
    with pytest.raises(ValueError, match="run the model that it is given"):
        other = net()
        vgp.examine(model, lambda _: entropy(other))
    with pytest.raises(ValueError, match=r"not one of shape \(32,\)"):
        x, y = batch()
        vgp.examine(model, lambda m: F.cross_entropy(m(x), y, reduction="none"))
    with pytest.raises(ValueError, match="without .item"):
        vgp.examine(model, lambda m: entropy(m).item())


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (math.nan, "finite number above 0, not nan"),
        (math.inf, "finite number above 0, not inf"),
        (-0.1, "finite number above 0, not -0.1.*maximize=True"),
        (torch.tensor(math.nan), "finite number above 0, not nan"),
        (0.0, "rate is 0: no step changes anything"),
        (1e-12, "rate of 1e-12 the steps changed no weight"),
    ],
)
def test_a_learning_rate_that_shows_nothing_is_refused(rate, message):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = rate
    with pytest.raises(ValueError, match=message):
        vgp.examine(model, entropy, optimizer=optimizer)


def test_a_rate_of_0_at_the_start_of_a_schedule_or_for_some_of_the_weights_is_none_to_refuse():
    model = net()
    warming = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(warming, lambda step: step / 100)
    assert warming.param_groups[0]["lr"] == 0
    assert vgp.examine(model, entropy, optimizer=warming).healthy
    *hidden, last = model.parameters()
    partly = torch.optim.SGD([{"params": hidden}, {"params": [last], "lr": 0.0}], lr=0.1)
    assert vgp.examine(model, entropy, optimizer=partly).healthy


@pytest.mark.parametrize("model", [nn.Tanh(), nn.Sequential(), nn.Dropout()], ids=str)
@pytest.mark.parametrize("differentiable", [False, True])
def test_a_model_of_which_nothing_could_be_measured_is_refused(model, differentiable):
    x = batch()[0].requires_grad_(differentiable)
    with pytest.raises(ValueError, match="nothing (could be measured|to measure)"):
        vgp.examine(model, lambda model: model(x).square().mean())


def test_more_steps_than_asked_for_only_where_they_are_cheap():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    assert len(vgp.examine(model, entropy, optimizer=optimizer, steps=2).losses) == 1 + 4 * 2


def test_the_rules_are_a_table_with_every_condition_once():
    table = vgp.doctor.rules()
    assert table.index.is_unique
    assert set(table.index) == set(vgp.doctor.conditions.CONDITIONS)
    assert table[["evidence", "source"]].map(len).min().min() > 0


class Policy(nn.Module):
    """A mean that is learned, and a deviation that a clamp may cut off."""

    def __init__(self, log_std, limit):
        super().__init__()
        self.mean = nn.Linear(16, 2)
        self.log_std = nn.Parameter(torch.full((2,), log_std))
        self.limit = limit

    def forward(self, x):
        return torch.distributions.Normal(self.mean(x), self.log_std.clamp(max=self.limit).exp())


@pytest.mark.parametrize(("log_std", "limit", "is_stuck"), [(3.0, 2.0, True), (0.5, 2.0, False)])
def test_a_scale_beyond_its_clamp_is_stuck(log_std, limit, is_stuck):
    torch.manual_seed(0)
    x, _ = batch()
    actions = torch.randn(len(x), 2)
    diagnosis = vgp.examine(Policy(log_std, limit), lambda m: -m(x).log_prob(actions).sum(1).mean())
    found = [f.where for f in diagnosis.findings if f.condition == "zero_gradient"]
    assert found == ([("log_std",)] if is_stuck else [])


def test_a_loss_that_refuses_a_far_move_tells_nothing():
    """A rate that must be positive: the model is examined all the same."""

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = nn.Linear(16, 1)
            self.shift = nn.Parameter(torch.tensor(0.0))

        def forward(self, x):
            # The shift is added and taken away, but what is between must be positive.
            rate = torch.distributions.Poisson(torch.tensor(1.0) + self.shift).rate
            return self.mean(x) + (rate - rate.detach()) * 0

    x, _ = batch()
    diagnosis = vgp.examine(Counts(), lambda m: m(x).square().mean())
    assert "zero_gradient" not in diagnosis.conditions
