"""Recurrent nets, scans and loops that look forgetful or endless and are well."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.doctor.case import Loss, Made, case

from . import measure


class CharRNN(nn.Module):
    """Elman language model whose state is detached between chunks."""

    def __init__(self, letters: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.rnn = nn.RNN(width, width, batch_first=True)
        self.head = nn.Linear(width, letters)

    def forward(self, text: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        out, state = self.rnn(self.embed(text), state)
        return self.head(out), state


def every_step_has_signal(model: nn.Module, loss: Loss, _: object) -> None:
    for call in measure.trace(model, loss):
        if call.name == "rnn":
            by_step = call.output.grad.norm(dim=(0, 2))
            assert by_step.min() > 0.05 * by_step.max()


@case(
    None,
    about="character RNN over 120 letters, truncated every 30: a loss at each step, state detached",
    facts=[every_step_has_signal, measure.gradients_arrive(), measure.learns(30, 0.8)],
)
def character_rnn_truncated() -> Made:
    model = CharRNN(12, 48)
    text = torch.arange(121).expand(6, -1) * torch.tensor([[1], [2], [3], [5], [7], [11]]) % 12
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: gradient.clamp(-5, 5))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)

    def loss(m: nn.Module) -> Tensor:
        total, state = torch.zeros(()), None
        for start in range(0, 120, 30):
            logits, state = m(text[:, start : start + 30], state)
            total = total + F.cross_entropy(
                logits.flatten(0, 1), text[:, start + 1 : start + 31].flatten()
            )
            state = state.detach()
        return total

    return model, loss, optimizer


class BiTagger(nn.Module):
    """Bidirectional stacked LSTM on packed sequences, mean over what is not padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 24, 2, batch_first=True, bidirectional=True, dropout=0.1)
        self.head = nn.Linear(48, 3)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            self.embed(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.head(out.sum(1) / lengths.unsqueeze(1))


def padding_gets_nothing(model: nn.Module, loss: Loss, _: object) -> None:
    gradient = measure.of(measure.trace(model, loss), "embed").output.grad
    by_step = gradient[0].norm(dim=1)  # a full row
    assert by_step.min() > 0.01 * by_step.max()
    assert gradient[1, 9:].count_nonzero() == 0


@case(
    None,
    about="bidirectional LSTM, mean-pooled, over rows of very different length, dropout between",
    facts=[padding_gets_nothing, measure.gradients_arrive(), measure.learns(25, 0.97, 5e-3)],
)
def packed_bidirectional_lstm() -> Made:
    model = BiTagger()
    lengths = torch.tensor([60, 9, 3, 44, 60, 21, 1, 33, 12, 5])
    tokens = torch.randint(1, 40, (10, 60)) * (torch.arange(60) < lengths[:, None])
    labels = torch.arange(10) % 3
    return model, lambda m: F.cross_entropy(m(tokens, lengths), labels), None


class Seq2Seq(nn.Module):
    """GRU encoder, GRUCell decoder with additive attention, teacher forcing."""

    def __init__(self, symbols: int, width: int) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(symbols, width), nn.Embedding(symbols, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.cell = nn.GRUCell(2 * width, width)
        self.query, self.key = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.energy = nn.Linear(width, 1, bias=False)
        self.head = nn.Linear(2 * width, symbols)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, h = self.encoder(self.source(source))
        h, keys, logits = h[0], self.key(memory), []
        for token in self.target(target).unbind(1):
            scores = self.energy(torch.tanh(self.query(h).unsqueeze(1) + keys))
            context = (scores.softmax(1) * memory).sum(1)
            h = self.cell(torch.cat([token, context], -1), h)
            logits.append(self.head(torch.cat([h, context], -1)))
        return torch.stack(logits, 1)


def first_source_step_hears(model: nn.Module, loss: Loss, _: object) -> None:
    by_step = measure.of(measure.trace(model, loss), "source").output.grad.norm(dim=(0, 2))
    assert by_step[0] > 0.02 * by_step.max()


@case(
    None,
    about="sequence reversal, 40 steps in and out, attention over the encoder, padded targets",
    facts=[first_source_step_hears, measure.gradients_arrive(), measure.learns(30, 0.97, 3e-3)],
)
def attentive_reversal() -> Made:
    model = Seq2Seq(12, 32)
    source = torch.randint(2, 12, (8, 40))
    answers = source.flip(1)
    answers[4:, 25:] = 0
    given = torch.cat([torch.ones(8, 1, dtype=torch.long), answers[:, :-1]], 1)

    def loss(m: nn.Module) -> Tensor:
        logits = m(source, given)
        return F.cross_entropy(logits.flatten(0, 1), answers.flatten(), ignore_index=0)

    return model, loss, None


class SlowScan(nn.Module):
    """Diagonal linear recurrence with decays exp(-exp(p)) between 0.95 and 0.999."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        rates = torch.linspace(math.log(0.001), math.log(0.05), width)
        self.log_rate = nn.Parameter(rates)
        self.B = nn.Parameter(torch.randn(width, inputs) / inputs**0.5)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 32), nn.GELU())
        self.out = nn.Linear(32, 4)
        self.watch = measure.unwatched

    def forward(self, x: Tensor) -> Tensor:
        decay = torch.exp(-self.log_rate.exp())
        gain = torch.sqrt(1 - decay**2)
        h = x.new_zeros(x.shape[0], len(decay))
        for u in torch.unbind(x @ self.B.T, 1):
            h = decay * h + gain * u
            self.watch(h)
        return self.out(self.head(h))


@case(
    None,
    about="linear recurrent unit, slow decays, 200 steps, only the last state read",
    facts=[
        measure.through_time(0.01, 1.0),
        measure.gradients_arrive(),
        measure.learns(30, 0.8, 1e-2),
    ],
)
def slow_scan_reads_last_state() -> Made:
    model = SlowScan(4, 32)
    x = torch.randn(16, 200, 4)
    y = x[:, :60].mean(1).argmax(1)
    return model, lambda m: F.cross_entropy(m(x), y), None


class Equilibrium(nn.Module):
    """Deep equilibrium: thirty silent iterations, then one with gradients (phantom gradient)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.inject = nn.Linear(inputs, width)
        self.recur = nn.Linear(width, width)
        nn.init.orthogonal_(self.recur.weight, gain=0.7)
        self.norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, 3)

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        return torch.tanh(self.recur(z) + u)

    def forward(self, x: Tensor) -> Tensor:
        u = self.inject(x)
        z = torch.zeros_like(u)
        with torch.no_grad():
            for _ in range(30):
                z = self.step(z, u)
        return self.read(self.norm(self.step(z, u)))


def settles(model: nn.Module, loss: Loss, _: object) -> None:
    u = torch.randn(5, 32)
    z = torch.zeros(5, 32)
    for _ in range(40):
        before, z = z, model.step(z, u).detach()
    assert (z - before).norm() < 1e-4 * z.norm()


@case(
    None,
    about="deep equilibrium net: 30 of its 31 iterations run under no_grad on purpose",
    facts=[settles, measure.gradients_arrive(), measure.steady(), measure.learns(40, 0.7, 5e-3)],
)
def equilibrium_phantom_gradient() -> Made:
    model = Equilibrium(6, 32)
    x = torch.randn(48, 6)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()
    return model, lambda m: F.cross_entropy(m(x), y), None
