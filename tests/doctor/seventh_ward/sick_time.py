"""The error signal falls or grows along time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from tests.doctor.case import case
from tests.doctor.seventh_ward.measure import in_time, signal
from tests.doctor.seventh_ward.sick_parts import adam, classify, regress, sentences


class LastStep(nn.Module):
    """A recurrent layer read at its last step."""

    def __init__(self, layer: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.rnn = layer
        self.fc = nn.Linear(layer.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(x)[0][:, -1])


@case(
    "temporal_vanishing",
    cause=("recurrent weight", "saturating activation", "initialisation too small"),
    about="a tanh RNN must recall the sign of the first of a hundred inputs",
    facts=[in_time("rnn", below=1e-3)],
)
def rnn_over_a_hundred_steps():
    x = torch.randn(64, 100, 4)
    model = LastStep(nn.RNN(4, 32, batch_first=True), 2)
    return model, classify(x, target=(x[:, 0, 0] > 0).long()), adam(model)


class Reviews(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(200, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, 32, num_layers=2, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(32, 1)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        x = self.embedding(batch["ids"])
        packed = pack_padded_sequence(x, batch["lengths"], batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        return self.out(self.dropout(hidden[-1])).squeeze(-1)


@case(
    "temporal_vanishing",
    cause=("forget gate", "recurrent weight"),
    about="a review classifier: two LSTM layers over packed texts of up to 100 words, last state",
    facts=[in_time("lstm", below=1e-3)],
)
def packed_lstm_over_long_reviews():
    ids, lengths = sentences(16, 100, 199) + 1, torch.randint(50, 101, (16,))
    lengths[0] = 100
    ids[torch.arange(100) >= lengths[:, None]] = 0
    batch, target = {"ids": ids, "lengths": lengths}, (ids[:, 0] > 100).float()
    model = Reviews()
    return model, lambda m: F.binary_cross_entropy_with_logits(m(batch), target), adam(model)


class Critic(nn.Module):
    """The value of an episode, after its last observation."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(5, 24)
        self.cell = nn.GRUCell(24, 24)
        self.value = nn.Linear(24, 1)

    def forward(self, observations: Tensor) -> Tensor:
        h = observations.new_zeros(observations.shape[1], 24)
        for seen in F.elu(self.encode(observations)):
            h = self.cell(seen, h)
        return self.value(h).squeeze(-1)


@case(
    "temporal_vanishing",
    cause=("forget gate", "recurrent weight"),
    about="a critic in float64 steps a GRU cell through an episode whose return its start decides",
    facts=[signal("cell", "cell", below=1e-3)],
)
def gru_cell_critic_of_long_episodes():
    seen = torch.randn(60, 16, 5, dtype=torch.float64)
    return Critic().double(), regress(seen, target=seen[0, :, 0].tanh()), None


@case(
    "temporal_exploding",
    cause=("recurrent weight", "initialisation too large"),
    about="a tanh RNN whose parameters are all drawn with a standard deviation of 0.2",
    facts=[in_time("rnn", above=1e3)],
)
def rnn_with_large_recurrent_weights():
    x = torch.randn(32, 60, 6)
    model = LastStep(nn.RNN(6, 128, batch_first=True), 3)
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return model, classify(x, target=x[:, -1, :3].argmax(1)), None


class Forecast(nn.Module):
    """Reads a series, then writes its continuation from the last state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.GRU(1, width)
        self.decoder = nn.GRUCell(1, width)
        self.head = nn.Linear(width, 1)

    def forward(self, series: Tensor) -> Tensor:
        h = self.encoder(series)[1][0]
        y, written = series[-1], []
        for _ in range(4):
            h = self.decoder(y, h)
            y = self.head(h)
            written.append(y)
        return torch.stack(written)


@case(
    "temporal_exploding",
    cause=("recurrent weight", "initialisation too large"),
    about="a GRU forecaster; each gate's recurrent weights are orthogonal with a gain of 5",
    facts=[in_time("encoder", dim=0, above=1e3)],
)
def gru_forecaster_with_gain_five():
    t = torch.arange(84.0)[:, None, None]
    series = torch.sin(0.2 * t + 6 * torch.rand(1, 16, 1)) + 0.05 * torch.randn(84, 16, 1)
    model = Forecast(48)
    for gate in model.encoder.weight_hh_l0.data.chunk(3):
        nn.init.orthogonal_(gate, gain=5)
    return model, regress(series[:80], target=series[80:]), None
