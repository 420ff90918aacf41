"""Clipping and the first NaN: the experiments measure what they say, and what the page states."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import vgplib as vgp
from vgplib.experiments import clipping_cliff as cliff
from vgplib.experiments import first_nan, look
from vgplib.experiments import what_clipping_does as clipping


@pytest.mark.parametrize(("clip", "limit"), [("norm", 0.3), ("norm", 30.0), ("value", 0.3)])
def test_a_walk_s_gradient_is_clipped_as_pytorch_clips(clip, limit):
    gradient = torch.tensor([3.0, -0.2], dtype=torch.float64)
    parameter = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    parameter.grad = gradient.clone()
    if clip == "norm":
        nn.utils.clip_grad_norm_([parameter], limit)
    else:
        nn.utils.clip_grad_value_([parameter], limit)
    found = cliff.clipped(gradient[None], clip, limit)[0]
    torch.testing.assert_close(found, parameter.grad, rtol=1e-14, atol=0)


def test_the_walk_goes_down_the_slope_of_the_loss():
    """Its gradient is that of differences of the loss, and a step is rate times gradient."""
    found = cliff.walk("none", 0.3, 0.1)
    place, other = (found["place"][k, 0] for k in (0, 1))
    h = 1e-6

    def loss(w, b):
        return cliff.losses(torch.tensor(w).double(), torch.tensor(b).double())[0].item()

    slope = [
        (loss(place[0] + h, place[1]) - loss(place[0] - h, place[1])) / (2 * h),
        (loss(place[0], place[1] + h) - loss(place[0], place[1] - h)) / (2 * h),
    ]
    np.testing.assert_allclose((place - other) / 0.1, slope, rtol=1e-5)
    assert found["gradient"][0, 0] == pytest.approx(np.linalg.norm(slope), rel=1e-5)


def walked(**settings):
    return vgp.readouts("clipping-cliff", **settings)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.3, 0.5])
def test_without_clipping_the_walk_is_thrown_away_and_stays_away(rate):
    """Pascanu et al. 2013, figure 6."""
    jump, end, verdict = walked(clip="none", rate=rate)
    assert jump.value > 10 and verdict.text == "Thrown away"
    assert end.value == pytest.approx((1 - cliff.TARGET) ** 2, abs=1e-3)  # its output is 1
    run = vgp.atlas("clipping-cliff").sel(clip="none", rate=rate, limit=0.3, shows="loss")
    assert run.gradient.isel(seed=0)[-1] < 1e-9 < 25 < run.gradient.max()


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.3, 0.5])
@pytest.mark.parametrize("limit", [0.03, 0.1, 0.3, 1.0])
def test_clipped_no_step_is_longer_than_rate_times_limit(rate, limit):
    by_norm = walked(clip="norm", rate=rate, limit=limit)[0].value
    by_value = walked(clip="value", rate=rate, limit=limit)[0].value
    assert by_norm <= rate * limit * 1.001
    assert by_value <= math.sqrt(2) * rate * limit * 1.001  # two numbers, each cut by itself


def test_clipped_by_norm_or_by_value_the_walk_stays_and_gets_down():
    for clip in ("norm", "value"):
        assert walked(clip=clip)[1].value < 0.03
        assert walked(clip=clip)[2].text == "Stays, and gets down"
    assert walked(clip="none", rate=0.5)[0].value == pytest.approx(14, abs=0.9)  # a question's


def test_it_is_no_bad_luck():
    assert cliff.thrown("none", 0.3, 0.1) > 0.4
    assert cliff.thrown("norm", 0.3, 0.1) == 0


def test_on_the_wall_every_time_step_hears_the_loss_and_only_there():
    exp = vgp.experiments.experiment("clipping-cliff")
    film = look(exp, exp.check({"clip": "none"})).film
    gradient = cliff.walk("none", 0.3, 0.1)["gradient"][:, 0]
    strip = film.strips[list(film.at).index(int(gradient.argmax()))]
    assert min(strip.values) >= 0.02 and max(strip.values) > 50
    assert all(sum(v >= 0.02 for v in early.values) <= 25 for early in film.strips[:3])


def does(**settings):
    return vgp.readouts("what-clipping-does", **settings)


@pytest.mark.parametrize("network", clipping.NETWORKS)
@pytest.mark.parametrize("by", ["norm", "value"])
def test_below_the_limit_nothing_changes_to_the_bit(network, by):
    net = clipping.gradient(network, seed=1)
    before = clipping.flat(net)
    clipping.clip(net, by, 1e4)
    assert torch.equal(clipping.flat(net), before)


@pytest.mark.parametrize("network", clipping.NETWORKS)
def test_by_norm_direction_and_shares_stay(network):
    for limit in (0.001, 0.1):
        run = clipping.run(network=network, by="norm", limit=limit, seed=2)
        assert float(run.cosine) == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(run.after / run.after[-1], run.before / run.before[-1], 1e-12)


def test_by_value_the_direction_turns_and_the_shares_level():
    cosines = [does(by="value", limit=limit)[0].value for limit in (0.001, 0.01, 0.1, 1.0, 10.0)]
    assert cosines == sorted(cosines) and cosines[0] < 0.5 < 0.98 < cosines[-1]
    ratios = [does(by="value", limit=limit)[1].value for limit in (0.001, 0.01, 0.1, 1.0, 10.0)]
    assert ratios == sorted(ratios) and ratios[0] == pytest.approx(1, abs=0.1)
    assert 0.5 < does(by="value", limit=0.1)[0].value < 0.65
    assert does(limit=1000.0)[1].value > 300 and 10 < does(by="value", limit=0.1)[1].value < 25


def test_clipping_makes_nothing_larger():
    for by in ("norm", "value"):
        for network in clipping.NETWORKS:
            run = clipping.run(network=network, by=by, limit=0.001, seed=0)
            assert (run.after <= run.before).all()
    faint = clipping.run(network="sigmoid", by="value", limit=0.001, seed=0)
    assert faint.after[0] == faint.before[0] < 1e-3 < faint.before[-1]


def test_what_clipping_makes_of_inf_and_nan():
    weights = nn.Parameter(torch.zeros(3))

    def clipped(third, **options):
        weights.grad = torch.tensor([3.0, 4.0, third])
        nn.utils.clip_grad_norm_([weights], 1.0, **options)
        return weights.grad

    assert (clipped(math.inf)[:2] == 0).all() and clipped(math.inf)[2].isnan()
    assert clipped(math.nan).isnan().all()
    for third in (math.inf, math.nan):
        with pytest.raises(RuntimeError, match="non-finite"):
            clipped(third, error_if_nonfinite=True)
    weights.grad = torch.tensor([3.0, math.inf, math.nan])
    nn.utils.clip_grad_value_([weights], 1.0)
    assert weights.grad[:2].tolist() == [1, 1] and weights.grad[2].isnan()


def test_clipped_descent_is_faster_on_a_loss_that_is_steep_far_out():
    """Zhang et al. 2020, on x**4 / 4: the counts that the exercise states."""

    def steps(start, rate, limit):
        x, count = start, 0
        while abs(x**3) > 0.01:
            x -= rate * min(x**3, limit)
            count += 1
        return count

    assert steps(10.0, 1 / 300, math.inf) == 3225 and steps(10.0, 1 / 40, 4.0) == 505
    assert steps(100.0, 1 / 30_000, math.inf) == 323_155 and steps(100.0, 1 / 40, 4.0) == 1405


CULPRITS = {
    "log": (0, "log"),
    "norm": (0, "norm"),
    "rate": (0, "mean square"),
    "half": (0, "exp"),
    "sqrt": (1, "root"),
}


@pytest.mark.parametrize("task", CULPRITS)
@pytest.mark.parametrize("seed", range(5))
def test_each_run_breaks_in_its_own_operation_from_every_start(task, seed):
    broken, seen = first_nan.history(task, seed)
    assert broken >= 3
    assert np.isfinite(seen[:-2]).all()
    way, place = first_nan.first(seen[-2, :2])
    assert (way, first_nan.RUNS[task].names[place]) == CULPRITS[task]
    assert first_nan.first(seen[-1, :2]) is not None


def test_what_a_chain_passes_back_is_autograd_s_gradient_of_its_input():
    run = first_nan.RUNS["half"]
    weights = torch.randn(64, 10, generator=torch.Generator().manual_seed(0)).requires_grad_()
    x = torch.rand(32, 64, generator=torch.Generator().manual_seed(1))
    y = torch.arange(32) % 10
    on, back, _ = first_nan.passes(run, [weights], x, y)
    loss = nn.functional.cross_entropy(x @ weights, y)
    (gradient,) = torch.autograd.grad(loss, weights)
    assert on[-1] == pytest.approx(loss.item(), rel=1e-4)
    assert back[0] == pytest.approx(gradient.abs().max().item(), rel=1e-3)


def test_what_went_into_a_log_or_a_root_is_0():
    """What the bench shows as the smallest number, in each of the five."""
    for task, place in (("log", 2), ("sqrt", 2)):
        found = vgp.atlas("first-nan")["size"].sel(task=task, step=0, evidence="smallest")
        assert (found.isel(operation=place) == 0).all()
        assert (found.isel(operation=0) > 0).all()


def test_where_all_is_finite_forward_the_loss_is_a_fine_number():
    sizes = vgp.atlas("first-nan")["size"].sel(task="sqrt", step=0)
    assert np.isfinite(sizes.sel(evidence="forward").dropna("operation", how="all")).all()
    backward = sizes.sel(evidence="backward").isel(operation=slice(0, 5))
    assert np.isinf(backward.isel(operation=3)).all()  # the root
    assert np.isnan(backward.isel(operation=2)).all()  # the squares


def test_anomaly_mode_walks_past_an_inf_and_the_doctor_names_the_cause():
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 8, 64, generator=generator)
    right[3] = left[3]
    model = nn.Linear(64, 16)

    def loss(net):
        return (net(left) - net(right)).square().sum(dim=1).sqrt().mean()

    assert loss(model).isfinite()
    with (
        torch.autograd.set_detect_anomaly(True),
        pytest.warns(UserWarning, match="Error detected in PowBackward0"),
        pytest.raises(RuntimeError, match="PowBackward0"),
    ):
        loss(model).backward()
    said = str(vgp.examine(model, loss))
    assert "nan" in said and "root" in said
