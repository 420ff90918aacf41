"""The chooser: all of its paths, and that what it says is what was measured."""

import collections
import gzip
import html
import json
import re

import pytest
import torch
from torch import nn

import vgplib as vgp
from tools.environment import ROOT
from vgplib.experiments.choosing.advice import LEVELS
from vgplib.experiments.choosing.rules import ADVICE, RULES, paths, questions, recommend
from vgplib.experiments.recipe import Recipe, course
from vgplib.experiments.remedies import REMEDIES
from vgplib.experiments.remedy_costs import of_all
from vgplib.lesson import chooser

PATHS = list(paths())
SICK = {"network": "plain", "size": "short", "has": "sigmoid", "wrong": "guesses"}


def right(row):
    return vgp.readouts("training-race", row=row)[0].value


def test_every_path_ends_in_one_to_three_pieces_of_advice_and_all_are_given_somewhere():
    given = collections.Counter()
    for path in PATHS:
        found = recommend(**path)
        assert 1 <= len(found) <= 3, path
        assert len(set(found)) == len(found), path
        given.update(found)
    assert len(PATHS) == 540
    assert set(given) == set(ADVICE)


def test_nothing_contradicts_what_may_be_changed_and_more_freedom_is_never_less_help():
    for path in PATHS:
        allowed = LEVELS.index(path["change"])
        for name in recommend(**path):
            assert LEVELS.index(ADVICE[name].level) <= allowed, (path, name)
        if path["change"] != "training" and path["wrong"] == "guesses":
            assert recommend(**path) != ["ask"] or path["has"] in ("sigmoid", "rnn"), path


def test_every_rule_is_used():
    used = {
        next(r for r in RULES if r.fits(*(p[k] for k in ("network", "size", "has", "wrong"))))
        for p in PATHS
    }
    assert used == set(RULES)


@pytest.mark.parametrize("change", ["training", "start", "network", "kind"])
def test_for_the_sick_network_it_recommends_what_learned_in_the_race(change):
    found = recommend(**SICK, change=change)
    rows = [ADVICE[name].row for name in found if name not in ("ask", "measure")]
    assert all(right(row) >= 0.8 for row in rows), found
    # Where it has nothing to offer, nothing in the race learned without a change to more.
    trained = [n for n, r in REMEDIES.items() if r.changes in ("training", "machine")]
    assert (found == ["ask"]) == (change == "training")
    assert max(map(right, trained)) < 0.5


@pytest.mark.parametrize("name", ADVICE)
def test_what_shows_an_advice_shows_that_it_helps(name):
    advice = ADVICE[name]
    if advice.shown is None:
        assert name in {"clip", "adam", "recurrent_orthogonal", "keep", "measure", "ask"}
        return
    where, setting = advice.shown
    verdict = vgp.readouts(where, **setting)[2]
    if name == "relu_orthogonal":  # fewer steps than with He's weights, 32 layers deep
        steps = [
            vgp.readouts(where, activation="relu", initialiser=start)[1].value
            for start in ("orthogonal", "he")
        ]
        assert steps[0] < steps[1]
    elif name in ("warm_up", "identity"):
        assert "part" in verdict.text
    else:
        assert verdict.tone == "good", verdict
    page = ROOT / "chapters" / f"{chooser.BENCHES[where]}.ipynb"
    assert f'"{where}' in page.read_text("utf-8").replace('\\"', '"')


def test_no_advice_for_a_signal_that_fades_is_one_that_left_the_race_guessing():
    guessed = {name for name in REMEDIES if right(name) < 0.5}
    for path in PATHS:
        if path["wrong"] == "guesses":
            assert not {ADVICE[name].row for name in recommend(**path)} & (guessed - {"group_norm"})
    # Group norm is for ReLU, and a batch of any size.
    assert vgp.readouts("normalisation", network="relu", norm="group", batch=4)[2].tone == "good"


def test_costs_and_rates_are_the_measured_ones():
    costs = of_all()
    for name, advice in ADVICE.items():
        said = chooser.cost(advice)
        if advice.row:
            for number, kind in re.findall(r"([\d.]+) times the (parameters|time|memory)", said):
                assert float(number) == pytest.approx(costs[advice.row][kind], abs=0.051), name
            dear = {kind for kind, value in costs[advice.row].items() if not 0.9 < value < 1.1}
            assert all(kind in said for kind in dear), (name, said)
        assert ("{rate}" in advice.settings) <= (advice.rates is not None), name
    assert "rate around 0.1." in vgp.chooser().spec["advice"]["skip"]["settings"]


def test_costs_of_cells_are_their_parameters():
    count = {
        kind: sum(p.numel() for p in kind(8, 32).parameters()) for kind in (nn.RNN, nn.GRU, nn.LSTM)
    }
    assert count[nn.GRU] == 3 * count[nn.RNN]
    assert count[nn.LSTM] == 4 * count[nn.RNN]


@pytest.mark.parametrize("code", sorted({advice.code for advice in ADVICE.values()}))
def test_the_code_runs_and_every_parameter_gets_a_gradient(code, capsys):
    space: dict = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        exec(compile(code, "advice", "exec"), space)
        model = space.get("model")
        if model is None:  # the search has a model for each rate
            assert min(space["found"].values()) < max(space["found"].values())
            return
        first = next(model.parameters())
        shape = {4: (16, 1, 8, 8), 2: (16, first.shape[1])}[first.ndim]
        if any(isinstance(m, nn.MultiheadAttention) for m in model.modules()):
            shape = (4, 16, 32)
        elif isinstance(model, nn.RNNBase):
            shape = (20, 4, 8)
        model.zero_grad()
        out = model(torch.randn(shape))
        out = out[0] if isinstance(out, tuple) else out
        out.square().mean().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name


def test_the_numbers_in_the_code_are_the_theory_s():
    for name, activation in (("fitted", "sigmoid"), ("elu_fitted", "elu")):
        (gain,) = re.findall(r"std=([\d.]+)", ADVICE[name].code)
        assert float(gain) == pytest.approx(vgp.theory.gain(activation, "backward"), rel=0.01)


# What no atlas has: twenty layers of sigmoid, one start each.
@pytest.mark.parametrize(
    ("network", "rate", "learns"),
    [
        ({"path": "skip"}, 0.1, True),
        ({"norm": "batch"}, 0.03, True),
        ({"initialiser": "fitted"}, 0.3, False),
    ],
)
def test_twenty_sigmoid_layers(network, rate, learns):
    recipe = Recipe("", {**network, "depth": 20})
    assert (course(recipe, rate, 0, "test", False)["accuracy"][-1] > 0.8) == learns


def explodes(change, seed):
    """Whether twelve ReLU layers with twice He's weights, one thing changed, blow up or learn."""
    x, y, _, _ = (torch.tensor(v) if not torch.is_tensor(v) else v for v in vgp.networks.digits())
    x = x.float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = []
        for _ in range(12):
            parts += [nn.Linear(64, 64), nn.LayerNorm(64)][: 2 if change == "norm" else 1]
            parts.append(nn.ReLU())
        model = nn.Sequential(*parts, nn.Linear(64, 10))
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
                layer.weight.data.mul_(1.0 if change == "he" else 2.0)
        adam = change == "adam"
        optimizer = (
            torch.optim.Adam(model.parameters(), 1e-3)
            if adam
            else torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
        )
        for _ in range(300):
            pick = torch.randint(len(x), (64,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[pick]), y[pick]).backward()
            if change == "clip":
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            out = model(x)
        return (out.argmax(1) == y).float().mean().item() if out.isfinite().all() else 0.0


def test_what_it_says_to_a_network_that_blows_up_is_what_happens():
    found = {
        change: sum(explodes(change, seed) for seed in range(2)) / 2
        for change in ("nothing", "he", "norm", "clip", "adam")
    }
    assert found["nothing"] < 0.2  # NaN, or nothing left to turn on
    assert min(found["he"], found["norm"]) > 0.9
    assert min(found["clip"], found["adam"]) > 0.4
    assert max(found["clip"], found["adam"]) < min(found["he"], found["norm"])


def test_what_the_reasons_say_of_numbers():
    elu, relu = (vgp.readouts("activation-race", row=row)[0].value for row in ("elu", "relu"))
    assert elu > relu + 0.05
    rates = [
        vgp.readouts("remedy-rates", row=row)[0].value for row in REMEDIES if right(row) >= 0.9
    ]
    assert max(rates) / min(rates) == pytest.approx(30)
    tried = vgp.atlas("memory-rates").accuracy.sel(task="adding").mean("seed").fillna(0)
    works = {row: int((tried.sel(row=row) > 0.8).sum()) for row in ("lstm", "lstm_chrono")}
    assert works["lstm_chrono"] > works["lstm"]
    assert vgp.readouts("gates", memory="gru", bias=4, length=50)[1].value > 0.25


def test_orthogonal_recurrent_weights_never_enlarge_and_large_ones_do():
    longest = {}
    for start in ("orthogonal", "large"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = nn.RNN(8, 32, nonlinearity="relu", dtype=torch.float64)
            nn.init.orthogonal_(net.weight_hh_l0)
            if start == "large":
                nn.init.normal_(net.weight_hh_l0, std=2.5 / 32**0.5)
            x = 0.1 * torch.randn(40, 4, 8, dtype=torch.float64)
        h, kept = torch.zeros(1, 4, 32, dtype=torch.float64).requires_grad_(), []
        for step in x:
            _, h = net(step[None], h)
            kept.append(h)
        grads = torch.autograd.grad(h.sum(), kept)
        longest[start] = max(g.norm().item() for g in grads) / grads[-1].norm().item()
    assert longest["orthogonal"] <= 1 + 1e-9
    assert longest["large"] > 2


def test_as_text_it_asks_or_answers():
    assert "What goes wrong?" in repr(vgp.chooser())
    said = repr(vgp.chooser(**SICK, change="network"))
    assert repr(vgp.chooser(change="network", **SICK)) == said  # in whatever order
    assert said.startswith("1. A skip connection around each layer")
    with pytest.raises(ValueError, match="'change' is not answered"):
        vgp.chooser(**SICK)
    with pytest.raises(ValueError, match="unknown has 'lstm'.*'sigmoid'"):
        vgp.chooser(**{**SICK, "has": "lstm"}, change="start")
    with pytest.raises(ValueError, match="unknown question 'depth'"):
        vgp.chooser(depth=3)


def test_on_a_page_it_is_small_and_says_all_without_a_script():
    made = vgp.chooser()
    page = made.still()
    assert len(gzip.compress(page.encode())) < 60_000
    assert json.loads(json.dumps(made.spec)) == made.spec
    still = page.split("</script>")[1]
    for advice in ADVICE.values():
        assert html.escape(advice.label) in still
    assert still.count("<table>") == sum(
        len(questions(network)["wrong"].options) for network in made.spec["questions"]
    )
