"""Gradients that are not numbers, that never arrive, or that nobody asked for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertForSequenceClassification

from tests.doctor.case import case
from tests.doctor.seventh_ward.measure import depends, fixed, none
from tests.doctor.seventh_ward.sick_parts import (
    adam,
    classify,
    mlp,
    pictures,
    regress,
    sentences,
    table,
)
from tests.doctor.seventh_ward.sick_training_facts import holds, not_finite


@case(
    "nan",
    cause="singular derivative",
    about="a contrastive pair loss takes the root of a squared distance that is 0 for one pair",
    facts=[not_finite(loss=False)],
)
def siamese_with_an_equal_pair():
    left, right = torch.randn(32, 1, 40), torch.randn(32, 1, 40)
    same = (torch.arange(32) % 2).float()
    right[5] = left[5]
    model = nn.Sequential(
        *(nn.Conv1d(1, 8, 5), nn.ELU(), nn.MaxPool1d(2), nn.Conv1d(8, 8, 5), nn.ELU()),
        *(nn.Flatten(), nn.LazyLinear(16)),
    )
    model(left)

    def loss(m):
        distance = (m(left) - m(right)).pow(2).sum(1).sqrt()
        return (same * distance**2 + (1 - same) * F.relu(2 - distance) ** 2).mean()

    return model, loss, adam(model)


@case(
    "nan",
    cause="NaN in the data",
    about="one missing value in a column of a table",
    facts=[not_finite(loss=True)],
)
def table_with_a_missing_value():
    x, y = table(64, 9, 2)
    x[17, 3] = float("nan")
    model = mlp([9, 32, 16, 2], nn.ReLU)
    return model, classify(x, target=y), torch.optim.AdamW(model.parameters(), 1e-3)


class Moves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(9, 32), nn.Tanh())
        self.pi, self.v = nn.Linear(32, 9), nn.Linear(32, 1)

    def forward(self, board: Tensor, legal: Tensor) -> dict[str, Tensor]:
        h = self.body(board)
        logits = self.pi(h).masked_fill(~legal, float("-inf"))
        return {"policy": logits.softmax(-1), "value": self.v(h).squeeze(-1)}


@case(
    "nan",
    cause=("singular derivative", "loss choice"),
    about="actor-critic: the entropy is p log p, where illegal moves have p = 0",
    facts=[not_finite(loss=True)],
)
def entropy_of_illegal_moves():
    board = torch.randint(-1, 2, (64, 9)).float()
    board[:, 0] = 0
    legal, reward = board == 0, torch.randn(64)
    move = torch.multinomial(legal.float(), 1)
    model = Moves()

    def loss(m):
        out = m(board, legal)
        p, advantage = out["policy"], reward - out["value"]
        actor = -(p.gather(1, move).log().squeeze(1) * advantage.detach()).mean()
        entropy = -(p * p.log()).sum(1).mean()
        return actor + 0.5 * advantage.pow(2).mean() - 0.01 * entropy

    return model, loss, adam(model, 7e-4)


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(36, 48), nn.SiLU(), nn.Linear(48, 12))
        self.decoder = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, 36))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


@case(
    "nan",
    cause="NaN in the weights",
    about="a VAE from a checkpoint of a run that had broken: one entry of one weight is NaN",
    facts=[not_finite(loss=True, weight="decoder.0.weight")],
)
def vae_from_a_broken_checkpoint():
    x = pictures(32, 1, 6, 4)[0].flatten(1)
    model = VAE()
    model.decoder[0].weight.data[7, 2] = float("nan")

    def loss(m):
        out, mu, logvar = m(x)
        prior = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return F.mse_loss(out, x, reduction="sum") / len(x) + prior

    return model, loss, adam(model)


class Denoiser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(3, 16, bidirectional=True, batch_first=True)
        self.decoder = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.encoder(x)
        return self.decoder(torch.from_numpy(h.detach().numpy()))


@case(
    "no_gradient",
    cause="detached",
    about="a denoiser takes its features through numpy, between encoder and decoder",
    facts=[none("encoder.weight_ih_l0", matter=True, alive=("decoder.weight",))],
)
def features_through_numpy():
    clean = torch.sin(torch.linspace(0, 6, 30)[None, :, None] + 6 * torch.rand(16, 1, 3))
    model = Denoiser()
    return model, regress(clean + 0.3 * torch.randn_like(clean), target=clean), adam(model)


def backward_misses(model: nn.Module, loss) -> bool:
    loss(model).backward()
    return all(p.grad is None for p in model.parameters())


@case(
    "no_gradient",
    cause="detached",
    about="the loss is wrapped again: `torch.tensor(loss.item(), requires_grad=True)`",
    facts=[holds(backward_misses), holds(lambda m, loss: depends(m, loss, ("0.weight",)))],
)
def loss_wrapped_again():
    x, y = table(64, 12, 3)
    model = mlp([12, 32, 32, 3], nn.ReLU)

    def loss(m):
        return torch.tensor(F.cross_entropy(m(x), y).item(), requires_grad=True)

    return model, loss, torch.optim.SGD(model.parameters(), 0.1)


class Translate(nn.Module):
    """Encoder, attention, decoder; but the decoder is handed the state, not the context."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.v = nn.Linear(width, 1, bias=False)
        self.cell = nn.GRUCell(2 * width, width)
        self.out = nn.Linear(width, words)

    def attend(self, h: Tensor, memory: Tensor) -> Tensor:
        score = self.v(torch.tanh(self.query(h)[:, None] + self.key(memory)))
        return (score.softmax(1) * memory).sum(1)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, state = self.encoder(self.embed(source))
        h, scores = state[0], []
        for word in self.embed(target).unbind(1):
            context = self.attend(h, memory)  # noqa: F841
            h = self.cell(torch.cat([word, h], 1), h)
            scores.append(self.out(h))
        return torch.stack(scores, 2)


@case(
    "no_gradient",
    cause="unused",
    about="a translator computes its attention context and then concatenates the wrong variable",
    facts=[none("query.weight", "v.weight", matter=False, alive=("cell.weight_hh",))],
)
def translator_that_drops_its_context():
    source = sentences(16, 9, 30)
    target = source.flip(1)
    model = Translate(30, 24)
    return model, classify(source, target[:, :-1], target=target[:, 1:]), adam(model)


class Experts(nn.Module):
    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, experts, bias=False)
        self.up = nn.Parameter(torch.randn(experts, width, 2 * width) / width**0.5)
        self.down = nn.Parameter(torch.randn(experts, 2 * width, width) / (2 * width) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        choice = F.one_hot(self.gate(x).argmax(-1), len(self.up)).to(x.dtype)
        h = F.silu(torch.einsum("bd,edf->bef", x, self.up))
        return x + torch.einsum("be,bef,efd->bd", choice, h, self.down)


@case(
    "no_gradient",
    cause=("non-differentiable operation", "detached"),
    about="a mixture of experts picks by the argmax alone; the router's score weighs nothing",
    facts=[none("1.gate.weight", "2.gate.weight", matter=True, alive=("1.up", "2.down"))],
)
def router_behind_an_argmax():
    x, y = table(128, 10, 4)
    model = nn.Sequential(nn.Linear(10, 16), Experts(16, 4), Experts(16, 4), nn.Linear(16, 4))
    return model, classify(x, target=y), None


@case(
    "frozen",
    cause="not trainable",
    about="a small BERT: the loop that was to freeze the body froze the new head as well",
    facts=[fixed()],
)
def bert_frozen_with_its_head():
    size = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    model = BertForSequenceClassification(BertConfig(vocab_size=60, **size))
    ids = sentences(8, 12, 60)
    for p in model.parameters():
        p.requires_grad = False
    return (
        model,
        lambda m: m(input_ids=ids, labels=ids[:, 0] % 2).loss,
        torch.optim.AdamW(model.parameters(), 5e-5),
    )


@case(
    "frozen",
    cause="not trainable",
    about="a leftover line keeps the third of five convolutions from training",
    facts=[fixed("4.weight", "4.bias", alive=("0.weight", "2.weight", "6.weight", "8.weight"))],
)
def one_convolution_left_frozen():
    x, y = pictures(16, 3, 10, 4)
    layers: list[nn.Module] = []
    for wide in (3, 12, 12, 12, 12):
        layers += [nn.Conv2d(wide, 12, 3, padding=1), nn.LeakyReLU(0.1)]
    model = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(48, 4))
    model[4].requires_grad_(False)
    return model, classify(x, target=y), None
