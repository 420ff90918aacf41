"""Sick along time, and graphs and sets that grow or blur with every round."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import (
    collapsed,
    forward_grows,
    signal_falls,
    signal_grows,
    silent,
    time_falls,
    time_grows,
)


class LastStep(nn.Module):
    """Embed a sequence, run it through a recurrent layer, classify the last output."""

    def __init__(self, cell=nn.LSTM, vocabulary=50, width=32, classes=2, **options):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.rnn = cell(width, width, batch_first=True, **options)
        self.classifier = nn.Linear(width, classes)

    def forward(self, tokens):
        states, _ = self.rnn(self.embedding(tokens))
        return self.classifier(states[:, -1])


@case(
    "temporal_vanishing",
    about="reviews of 200 words, an LSTM as PyTorch makes it, the sentiment in the first words",
    facts=[time_falls("rnn")],
)
def sentiment_lstm_long_reviews():
    model = LastStep(num_layers=2, dropout=0.1)
    tokens = torch.randint(0, 50, (16, 200))
    labels = (tokens[:, 0] > 24).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(tokens), labels), optimizer


class Translator(nn.Module):
    """Sequence to sequence with one context vector, cells called by hand."""

    def __init__(self, width=24, letters=12):
        super().__init__()
        self.emb = nn.Embedding(letters, width)
        self.encoder = nn.RNNCell(width, width)
        self.decoder = nn.GRUCell(width, width)
        self.out = nn.Linear(width, letters)

    def forward(self, src, tgt):
        h = torch.zeros(src.size(0), self.encoder.hidden_size)
        for token in src.unbind(1):
            h = self.encoder(self.emb(token), h)
        logits = []
        for token in tgt.unbind(1):
            h = self.decoder(self.emb(token), h)
            logits.append(self.out(h))
        return torch.stack(logits, 1)


@case(
    "temporal_vanishing",
    about="a translator's context vector has forgotten the first letters of a long word",
    facts=[signal_falls("rnn_tanh_cell")],
)
def seq2seq_context_vector():
    src = torch.randint(0, 12, (16, 60))
    tgt = torch.cat([torch.zeros(16, 1, dtype=torch.long), src[:, :5]], 1)
    return (
        Translator(),
        lambda m: F.cross_entropy(m(src, tgt[:, :-1]).transpose(1, 2), tgt[:, 1:]),
        None,
    )


class BothWays(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 20, batch_first=True, bidirectional=True)
        self.head = nn.Linear(40, 3)

    def forward(self, series, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(series, lengths, batch_first=True)
        _, h = self.gru(packed)
        return self.head(torch.cat([h[0], h[1]], dim=-1))


def middle_is_unseen(model, loss, optimizer):
    """Each direction reads from its end; what lies in between reaches neither."""
    kept = []
    handle = model.register_forward_pre_hook(
        lambda m, args: (kept.append(args[0].clone().requires_grad_()), (kept[0], args[1]))[1]
    )
    loss(model).backward()
    handle.remove()
    steps = kept[0].grad.norm(dim=(0, 2))
    return bool(steps[150] * 1e3 < steps[0] and steps[150] * 1e3 < steps[-20:].max())


@case(
    "temporal_vanishing",
    about="a bidirectional GRU over packed series of about 300 steps, final states only",
    facts=[middle_is_unseen],
)
def bidirectional_gru_packed():
    series, lengths = torch.randn(8, 300, 6), torch.arange(300, 284, -2)
    labels = torch.randint(0, 3, (8,))
    return BothWays(), lambda m: F.cross_entropy(m(series, lengths), labels), None


@case(
    "temporal_exploding",
    also=(),
    about="a ReLU RNN that started as 1.25 times the identity",
    facts=[time_grows("rnn")],
)
def relu_rnn_beyond_identity():
    class Adder(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(2, 40, nonlinearity="relu", batch_first=True)
            nn.init.normal_(self.rnn.weight_ih_l0, std=0.01)
            self.rnn.weight_hh_l0.data = 1.25 * torch.eye(40)
            nn.init.zeros_(self.rnn.bias_ih_l0)
            nn.init.zeros_(self.rnn.bias_hh_l0)
            self.fc = nn.Linear(40, 1)

        def forward(self, x):
            return self.fc(self.rnn(x)[1][-1])

    x = torch.stack([torch.rand(32, 60), torch.zeros(32, 60)], -1)
    x[:, ::30, 1] = 1
    y = (x[..., 0] * x[..., 1]).sum(1, keepdim=True)
    return Adder(), lambda m: F.mse_loss(m(x), y), None


class Reservoir(nn.Module):
    def __init__(self, width=64, gain=2.0):
        super().__init__()
        self.J = nn.Parameter(gain * torch.randn(width, width) / width**0.5)
        self.B = nn.Parameter(0.1 * torch.randn(width, 3))
        self.C = nn.Parameter(torch.randn(1, width) / width**0.5)

    def forward(self, drive):
        h = drive.new_zeros(drive.shape[0], self.J.shape[0])
        for t in range(drive.shape[1]):
            h = torch.tanh(F.linear(h, self.J) + F.linear(drive[:, t], self.B))
        return F.linear(h, self.C)


@case(
    "temporal_exploding",
    about="a cell loop in the chaotic regime: bounded states, gradients that grow for 120 steps",
    facts=[signal_grows("tanh")],
)
def chaotic_cell_loop():
    drive, target = torch.randn(16, 120, 3), torch.randn(16, 1)
    return Reservoir(), lambda m: F.mse_loss(m(drive), target), None


class SumAggregation(nn.Module):
    """GIN on a graph where everybody is everybody's neighbour."""

    def __init__(self, rounds=4, width=32):
        super().__init__()
        self.encode = nn.Linear(7, width)
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(rounds)
        )
        self.eps = nn.Parameter(torch.zeros(rounds))
        self.read = nn.Linear(width, 1)

    def forward(self, nodes, edges):
        h = self.encode(nodes)
        source, target = edges
        for i, mlp in enumerate(self.mlps):
            sums = torch.zeros_like(h).index_add(0, target, h[source])
            h = mlp((1 + self.eps[i]) * h + sums)
        return self.read(h).mean()


@case(
    "forward_exploding",
    also=("exploding", "rank_collapse", "dead_relu"),
    about="sum aggregation on a complete graph of 120 nodes multiplies by 120 each round",
    facts=[forward_grows("linear"), signal_grows("linear"), collapsed("linear"), silent("relu")],
)
def gin_on_complete_graph():
    edges = torch.cartesian_prod(torch.arange(120), torch.arange(120)).t()
    nodes = torch.randn(120, 7) + 0.5
    return SumAggregation(), lambda m: (m(nodes, edges) - 1.0).square(), None


@case(
    "forward_exploding",
    also=("exploding",),
    about="a mixer whose stream is never normalised inside; only a last norm hides its size",
    facts=[forward_grows("linear"), signal_grows("linear", last=-2)],
)
def mixer_without_inner_norm():
    class Mixer(nn.Module):
        def __init__(self, tokens=16, width=32, depth=12):
            super().__init__()
            self.token_mixers = nn.ModuleList(nn.Linear(tokens, tokens) for _ in range(depth))
            self.channel_mixers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 4)
            for layer in [*self.token_mixers, *self.channel_mixers]:
                nn.init.orthogonal_(layer.weight, gain=1.4)

        def forward(self, x):
            for across, within in zip(self.token_mixers, self.channel_mixers, strict=True):
                x = x + F.gelu(across(x.transpose(1, 2)).transpose(1, 2))
                x = x + F.gelu(within(x))
            return self.head(self.norm(x).mean(1))

    x, y = torch.randn(16, 16, 32), torch.randint(0, 4, (16,))
    return Mixer(), lambda m: F.cross_entropy(m(x), y), None


@case(
    "rank_collapse",
    about="twenty-four rounds of graph convolution: all nodes are one (oversmoothing)",
    facts=[collapsed("linear")],
)
def oversmoothed_gcn():
    class GCN(nn.Module):
        def __init__(self, adjacency, depth=24, width=16):
            super().__init__()
            self.register_buffer("A", adjacency)
            self.W = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(depth))
            for layer in self.W:
                nn.init.orthogonal_(layer.weight)
            self.out = nn.Linear(width, 3)

        def forward(self, x):
            for layer in self.W:
                x = F.leaky_relu(layer(self.A @ x), 0.5) * 1.2
            return self.out(x)

    links = (torch.rand(40, 40) < 0.2).float()
    A = ((links + links.t()) > 0).float() + torch.eye(40)
    A = A / A.sum(1, keepdim=True)
    x, y = torch.randn(40, 16), torch.randint(0, 3, (40,))
    train = torch.arange(40) < 20
    return GCN(A), lambda m: F.cross_entropy(m(x)[train], y[train]), None


class PureAttention(nn.Module):
    def __init__(self, depth=12, width=32, heads=4):
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.attention = nn.ModuleList(
            nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.head = nn.Linear(width, 30)

    def forward(self, tokens):
        x = self.embed(tokens)
        for attend, norm in zip(self.attention, self.norms, strict=True):
            x = norm(attend(x, x, x, need_weights=False)[0])
        return self.head(x)


def tokens_are_one(model, loss, optimizer):
    """Within each sequence, the vectors that the head reads are equal to 10⁻³."""
    kept = []
    handle = model.head.register_forward_pre_hook(lambda m, args: kept.append(args[0].detach()))
    loss(model)
    handle.remove()
    x = kept[0]
    return bool((x - x.mean(1, keepdim=True)).norm() < 1e-3 * x.norm())


@case(
    "rank_collapse",
    about="attention and norm, but no residual: a tagger gives all words one vector",
    facts=[tokens_are_one],
)
def attention_without_residual():
    tokens = torch.randint(0, 30, (8, 20))
    return (
        PureAttention(),
        lambda m: F.cross_entropy(m(tokens).flatten(0, 1), (tokens.flatten() + 1) % 30),
        None,
    )
