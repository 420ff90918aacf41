"""How much of the tanh inside a recurrent layer is flat, against PyTorch's own computation."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp
from vgplib.doctor.evidence.recurrent_saturation import flat_share

FLAT = 0.95**0.5  # beyond, 1 - h^2 is below 0.05


@pytest.mark.parametrize("batch_first", [False, True])
def test_of_a_plain_layer_it_is_the_share_of_its_own_output(batch_first):
    torch.manual_seed(0)
    layer = nn.RNN(5, 8, batch_first=batch_first)
    x = 3 * torch.randn(4, 9, 5)
    expected = (layer(x)[0].abs() > FLAT).float().mean().item()
    assert 0.1 < expected < 0.9
    assert flat_share(layer, x) == pytest.approx(expected, abs=1e-6)


def test_of_an_lstm_and_a_gru_it_is_that_of_the_candidate():
    """With the input gate open and the state kept out, what is shown is the candidate itself."""
    torch.manual_seed(0)
    x = 6 * torch.randn(6, 4, 5)
    gru, lstm = nn.GRU(5, 8), nn.LSTM(5, 8)
    with torch.no_grad():
        gru.bias_ih_l0[8:16] -= 50  # z = 0: the state is the candidate
        lstm.bias_ih_l0[:8] += 50  # i = 1
        lstm.bias_ih_l0[8:16] -= 50  # f = 0
        lstm.bias_ih_l0[24:] += 50  # o = 1: the state is tanh(candidate)
    expected = (gru(x)[0].abs() > FLAT).float().mean().item()
    assert 0.1 < expected < 0.9
    assert flat_share(gru, x) == pytest.approx(expected, abs=1e-6)
    expected = (lstm(x)[0].abs() > math.tanh(FLAT)).float().mean().item()
    assert 0.1 < expected < 0.9
    assert flat_share(lstm, x) == pytest.approx(expected, abs=1e-6)


def test_projections_packed_sequences_and_cells_are_read_and_relu_has_none():
    x = torch.randn(6, 4, 5)
    packed = nn.utils.rnn.pack_padded_sequence(100 * x, [6, 5, 3, 1])
    assert flat_share(nn.LSTM(5, 8, proj_size=3, num_layers=2, bidirectional=True), 100 * x) > 0.9
    assert flat_share(nn.GRU(5, 8), packed.data) > 0.9
    assert flat_share(nn.LSTMCell(5, 8), 100 * x[0]) > 0.9
    assert flat_share(nn.GRUCell(5, 8, bias=False), 0.01 * x[0]) == 0
    assert math.isnan(flat_share(nn.RNN(5, 8, nonlinearity="relu"), x))
    assert math.isnan(flat_share(nn.Linear(5, 8), x))


class Forecast(nn.Module):
    """The next price from the last thirty."""

    def __init__(self, kind):
        super().__init__()
        self.memory = kind(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, prices):
        return self.head(self.memory(prices)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_raw_prices_saturate_a_recurrent_layer_and_scaled_ones_do_not(kind):
    torch.manual_seed(0)
    prices = 4000 + 50 * torch.randn(32, 31, 1).cumsum(1)
    model = Forecast(kind)
    raw = vgp.examine(model, lambda m: F.mse_loss(m(prices[:, :-1]) * 4000, prices[:, -1]))
    (finding,) = [f for f in raw.findings if f.condition == "saturation"]
    assert finding.where == ("memory",) and finding.cause == "input scale"
    scaled = (prices - prices.mean()) / prices.std()
    seen = vgp.examine(model, lambda m: F.mse_loss(m(scaled[:, :-1]), scaled[:, -1]))
    assert "saturation" not in seen.conditions
