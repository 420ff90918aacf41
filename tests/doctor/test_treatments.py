"""Treatments of weights, biases and inputs: each does to a model what its name says."""

import math

import pytest
import torch
from torch import nn

import vgplib as vgp
from tests.doctor.material import he, mlp, on_digits, refused, treat
from tests.doctor.patients import PATIENTS, Handmade, Reader, recall


def ratio(model, loss):
    return vgp.measure(model, loss).attrs["ratio"]


def test_weights_before_relu_get_he_s_variance():
    net = mlp(2, nn.ReLU, lambda w: nn.init.constant_(w, 0.1))
    treat("reinitialise", net, on_digits())
    # 4096 normal numbers: their variance is right within 4 standard errors, 9 %.
    assert net[2].weight.var().item() == pytest.approx(2 / 64, rel=0.09)
    assert not net[2].bias.any()


def test_weights_behind_their_inputs_get_the_variance_of_their_own_fan_in():
    net = Handmade()
    net.hidden[0] = nn.Parameter(torch.zeros(64, 256))  # 64 inputs
    net.hidden[1] = nn.Parameter(torch.zeros(256, 64))  # 256 inputs
    treat("reinitialise", net, on_digits())
    assert net.hidden[0].var().item() == pytest.approx(2 / 64, rel=0.05)
    assert net.hidden[1].var().item() == pytest.approx(2 / 256, rel=0.05)


@pytest.mark.parametrize("key", ["reinitialise", "orthogonal"])
def test_sigmoid_layers_get_gain_4_and_act_as_tanh_layers(key):
    net, loss, *_ = PATIENTS["sigmoid_net"]()
    assert ratio(net, loss) < 1e-3
    treat(key, net, loss)
    assert ratio(net, loss) > 0.1


def test_only_the_layers_that_a_local_finding_names_are_drawn_anew():
    net = mlp(3, nn.ReLU, he)
    kept = net[4].weight.clone()
    drawn = net[2].weight.clone()
    treat("reinitialise", net, on_digits(), condition="dead_relu", where=("2",))
    assert torch.equal(net[4].weight, kept) and not torch.equal(net[2].weight, drawn)


def test_copies_part_when_they_are_drawn_anew():
    net, loss, *_, where = PATIENTS["constant"]()
    treat("reinitialise", net, loss, condition="symmetry", where=where)
    assert len(net[0].weight.unique(dim=0)) == 64


def test_only_broken_weights_are_drawn_anew():
    net, loss, *_ = PATIENTS["broken_weight"]()
    kept = net[0].weight.clone()
    treat("reinitialise", net, loss, condition="nan")
    assert torch.isfinite(net[2].weight).all() and torch.equal(net[0].weight, kept)
    assert math.isfinite(loss(net).item())


@pytest.mark.parametrize("cell", [nn.RNN(2, 8), nn.LSTM(2, 8), nn.GRU(2, 8), nn.LSTMCell(2, 8)])
def test_recurrent_matrices_become_orthogonal_gate_by_gate(cell):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x):
            return self.cell(x)[0].sum()

    x = torch.randn(3, 2) if isinstance(cell, nn.LSTMCell) else torch.randn(3, 4, 2)
    net = Net()
    treat("recurrent_orthogonal", net, lambda m: m(x))
    weight = next(p for key, p in cell.named_parameters() if "weight_hh" in key)
    for gate in weight.split(8):
        assert torch.allclose(gate @ gate.T, torch.eye(8), atol=1e-5)


def test_a_matrix_in_a_loop_through_time_becomes_orthogonal():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.carry = nn.Linear(2, 8), nn.Linear(8, 8)

        def forward(self, x):
            h = torch.zeros(len(x), 8)
            for step in x.unbind(1):
                h = torch.tanh(self.read(step) + self.carry(h))
            return h.mean()

    net, x = Loop(), torch.randn(4, 6, 2)
    treat("recurrent_orthogonal", net, lambda m: m(x))
    carry = net.carry.weight
    assert torch.allclose(carry @ carry.T, torch.eye(8), atol=1e-5)


@pytest.mark.parametrize(("kind", "keep"), [(nn.LSTM, 1.0), (nn.GRU, 2.0)])
def test_the_gate_that_keeps_the_state_starts_open(kind, keep):
    net = Reader(kind(2, 8, batch_first=True))
    treat("forget_bias", net, recall(5))
    bias = net.cell.bias_ih_l0 + net.cell.bias_hh_l0
    assert torch.equal(bias[8:16], torch.full((8,), keep))


def test_chrono_biases_span_the_length_of_the_sequence():
    net = Reader(nn.LSTM(2, 512, batch_first=True))
    treat("chrono_bias", net, recall(40))
    bias = (net.cell.bias_ih_l0 + net.cell.bias_hh_l0).detach()
    enter, keep = bias[:512], bias[512:1024]
    assert torch.equal(enter, -keep)
    # Of 512 uniform times the longest is above 35 of 39 but with a chance of 1e-24.
    assert keep.min() >= 0 and math.log(35) < keep.max() <= math.log(39)


def test_input_of_any_scale_reaches_the_first_layer_at_scale_1():
    net, loss, *_ = PATIENTS["raw_input"]()
    met = []
    treat("input_scale", net, loss)
    net[0].register_forward_hook(lambda module, args, out: met.append(args[0]))
    loss(net)
    assert met[0].mean().abs() < 0.01 and 0.8 < met[0].std() <= 1.01  # some pixels never change


def test_words_have_no_scale():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    assert "whole numbers" in refused("input_scale", net, lambda m: m(torch.tensor([1])).sum())[0]


class Fused(nn.Module):
    """Attention whose query, key and value come from one layer."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(16, 48)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return torch.softmax(q @ k.transpose(1, 2), -1) @ v


class Behind(nn.Module):
    """A layer whose weight stands behind its input, as in GPT-2."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.randn(16, 48) / 4),
            nn.Parameter(torch.zeros(48)),
        )

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(0, -2), self.weight).view(*x.shape[:-1], 48)


@pytest.mark.parametrize("kind", ["apart", "fused", "fused behind", "PyTorch's own"])
def test_attention_s_logits_are_brought_back(kind):
    net, loss, *_ = PATIENTS["large_logits"]()
    x = torch.randn(8, 8, 16, generator=torch.Generator().manual_seed(0))
    if kind == "fused":
        net, loss = Fused(), lambda m: m(x).mean()
        net.qkv.weight.data[:16] *= 40
    elif kind == "fused behind":
        net, loss = Fused(), lambda m: m(x).mean()
        net.qkv = Behind()
        net.qkv.weight.data[:, :16] *= 40
    elif kind == "PyTorch's own":
        net = nn.TransformerEncoderLayer(16, 4, 32, dropout=0, batch_first=True)
        loss = lambda m: m(x)[0, 0, 0]  # noqa: E731
        net.self_attn.in_proj_weight.data[:16] *= 40
    before = vgp.measure(net, loss).saturated
    treat("scale_logits", net, loss, condition="saturation")
    after = vgp.measure(net, loss).saturated
    worst = int(before.argmax("layer"))
    assert before[worst] > 0.5 and after[worst] < before[worst] / 3
