"""Races: tuned alike, what diverges is data, and what the text states about remedies holds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vgplib as vgp
from vgplib.experiments import memory_race, races, recipe, remedies, remedy_costs
from vgplib.measures.layers import measure

# At most and at least this share of test digits right, after 300 steps: guessing is 0.1.
GUESSES, LEARNS = 0.2, 0.9


def right(row):
    return vgp.readouts("training-race", row=row)[0].value


@pytest.mark.parametrize(
    "row",
    [
        "nothing",
        "clip",
        "clip_low",
        "clip_value",
        "hardware",
        "batch_16",
        "decay",
        "decay_large",
        "loss_1000",
        "layer_norm",
        "rms_norm",
        "group_norm",
        "he",
        "orthogonal",
        "lsuv",
    ],
)
def test_what_does_not_help_the_sick_network_still_guesses(row):
    assert right(row) <= GUESSES


@pytest.mark.parametrize(
    "row",
    [
        "relu_he",
        "tanh",
        "tanh_orthogonal",
        "fitted",
        "batch_norm",
        "skip",
        "resnet",
        "highway",
        "dense",
        "greedy",
        "depth_2",
    ],
)
def test_what_helps_the_sick_network_learns_the_digits(row):
    assert right(row) >= LEARNS


def test_what_reaches_layer_1_before_training_tells_who_learns():
    """But for those that change the step, and ReZero, which has no signal to compare."""
    reaches = remedies.reaching_layer_1()
    assert np.isnan(reaches.pop("rezero"))
    told = {row: share for row, share in reaches.items() if row not in ("adam", "by_layer")}
    most_that_guesses = max(share for row, share in told.items() if right(row) <= GUESSES)
    least_that_learns = min(share for row, share in told.items() if right(row) >= 0.8)
    assert most_that_guesses < 0.003 and least_that_learns > 0.02


def test_a_search_uses_other_random_starts_and_other_images_than_the_race():
    assert remedies.EXPERIMENT.seeds <= races.FIRST_TO_CHOOSE
    parts = [recipe.images(part)[0] for part in ("train", "choose", "test")]
    assert [len(x) for x in parts] == [1120, 280, 397]
    flat = {tuple(image.tolist()) for x in parts for image in x}
    # Two of the images are alike, pixel by pixel, in scikit-learn's own data.
    assert len(flat) >= sum(map(len, parts)) - 2


def test_the_chosen_rate_is_the_one_with_most_right_and_of_equal_ones_the_smallest():
    data = vgp.atlas("remedy-rates")["accuracy"].sel(row="relu_he")
    chosen = races.chosen_rate(remedies.SEARCH, {"row": "relu_he"})
    means = data.fillna(0).mean("seed")
    assert means.sel(rate=chosen) == means.max()
    assert (means.sel(rate=slice(None, chosen))[:-1] < means.max()).all()


def test_a_run_that_diverges_stays_in_the_data():
    """ReLU at rate 3 ends as NaN, and is counted with none right."""
    ends = recipe.course(remedies.REMEDIES["relu_he"].recipe, 3.0, 0, "choose", watch=False)
    assert np.isnan(ends["accuracy"][-1])
    lost = np.array([[False, True, True], [False, False, False], [False, False, True]])
    said = races._judged(0.95, lost, np.array([0, 20, 40]))
    assert said.note == "2 of 3 runs diverged, by step 30"


def test_every_remedy_names_a_place_on_the_way_and_where_it_fails():
    for name, remedy in remedies.REMEDIES.items():
        assert remedy.touches in remedies.FACTORS, name
        assert remedy.recipe.label, name
        assert 0 < len(remedy.fails) <= 49, name  # pandas cuts what is longer


def test_clipping_by_norm_leaves_the_first_layer_its_share():
    net = remedies.REMEDIES["clip_low"].recipe.build(seed=0)
    x, y = recipe.images("train")
    F.cross_entropy(net(x), y).backward()
    first, last = net.hidden[0].weight, net.hidden[-1].weight
    before = (first.grad.norm() / last.grad.norm()).item()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.01)
    after = (first.grad.norm() / last.grad.norm()).item()
    assert after == pytest.approx(before, rel=1e-12)


def test_fitted_weights_and_greedy_pre_training_bring_the_signal_to_layer_1():
    x, y = recipe.images("train")

    def share(row):
        net = remedies.REMEDIES[row].recipe.build(seed=0)
        signal = measure(net, lambda m: F.cross_entropy(m(x), y))["signal"].values
        return signal[0] / signal[7]

    assert share("nothing") < 1e-3
    assert share("fitted") > 0.02
    assert share("greedy") > 0.1


def test_costs_are_counted_exactly_and_the_baseline_costs_itself():
    found = remedy_costs.run(row="dense", seed=0)
    # Layer k of 8 takes 64 k inputs, and the read-out 512; all have biases.
    dense = 64 * 65 + sum(64 * (64 * k + 1) for k in range(1, 8)) + 10 * 513
    plain = 8 * 64 * 65 + 10 * 65
    assert found["parameters"].item() == pytest.approx(dense / plain, rel=1e-12)
    assert remedy_costs.run(row="nothing", seed=0)["memory"].item() == 1
    memory = remedy_costs.run(row="batch_16", seed=0)["memory"].item()
    assert memory == pytest.approx(16 / 64, rel=1e-3)


def test_auxiliary_losses_have_read_outs_that_are_counted_and_trained():
    one = remedies.REMEDIES["heads"].recipe
    net = one.build(seed=0)
    heads = one.readouts(net, seed=0)
    assert len(heads) == 7
    x, y = recipe.images("train")
    one.loss(net, heads, x[:64], y[:64]).backward()
    assert all(head.weight.grad.norm() > 0 for head in heads)


def test_sequences_of_the_adding_problem_mark_two_numbers_and_ask_for_their_sum():
    x, answers = memory_race.sums(50, torch.Generator().manual_seed(0))
    assert x.shape == (40, 50, 2)
    assert (x[:20, :, 1].sum(0) == 1).all()
    assert (x[20:, :, 1].sum(0) == 1).all()
    assert torch.equal((x[..., 0] * x[..., 1]).sum(0), answers)


def test_rows_of_digits_are_the_images_from_top_to_bottom():
    x, y = memory_race.rows("test")
    assert x.shape == (8, 397, 8)
    images, labels = recipe.images("test")
    assert torch.equal(x.transpose(0, 1).reshape(397, 64), images)
    assert torch.equal(y, labels)
