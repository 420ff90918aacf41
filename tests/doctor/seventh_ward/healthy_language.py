"""Healthy models that read and write: decoders, attention, adapters, word vectors, long text."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from tests.doctor.case import case
from tests.doctor.seventh_ward.healthy_data import RMSNorm, letters
from tests.doctor.seventh_ward.sound import learns, open_units, recalls, steady, train, wired


def rotate(x: Tensor) -> Tensor:
    """Rotary positions for ``(batch, heads, time, width)``."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[2])[:, None] * 100.0 ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


class DecoderBlock(nn.Module):
    """Pre-norm attention with rotary positions, then SwiGLU; both without biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, t, d = x.shape
        parts = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = rotate(q) @ rotate(k).mT / math.sqrt(d // self.heads) + mask[:t, :t]
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Decoder(nn.Module):
    """Tied embedding, weights of 0.02, branches scaled by depth, a mask of -inf in a buffer."""

    def __init__(self, symbols: int = 40, width: int = 48, depth: int = 4) -> None:
        super().__init__()
        self.token = nn.Embedding(symbols, width)
        self.blocks = nn.ModuleList(DecoderBlock(width, 4) for _ in range(depth))
        self.norm = RMSNorm(width)
        self.head = nn.Linear(width, symbols, bias=False)
        self.head.weight = self.token.weight
        self.register_buffer("mask", torch.full((64, 64), float("-inf")).triu(1))
        for name, p in self.named_parameters():
            if p.ndim > 1:
                ends = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * depth) if ends else 0.02)

    def forward(self, text: Tensor) -> Tensor:
        x = self.token(text)
        for block in self.blocks:
            x = checkpoint(block, x, self.mask, use_reentrant=False)
        return self.head(self.norm(x))


@case(
    None,
    about="a Llama-like decoder, checkpointed, at step 0 of its warm-up: the rate is exactly 0",
    facts=[wired(), steady("token", "norm"), open_units(), learns()],
)
def decoder_at_rate_zero():
    model = Decoder()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    text = letters(8, 33, 40)

    def loss(m: nn.Module) -> Tensor:
        return F.cross_entropy(m(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())

    return model, loss, optimizer


class Translator(nn.Module):
    """PyTorch's own post-norm encoder-decoder with sine positions."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(16, 32, padding_idx=0)
        self.core = nn.Transformer(32, 4, 2, 2, 64, dropout=0.1, batch_first=True)
        self.head = nn.Linear(32, 16)
        place = torch.arange(16)[:, None] * 50.0 ** (-torch.arange(16) / 16)
        self.register_buffer("place", torch.cat([place.sin(), place.cos()], 1))
        for p in self.core.parameters():
            if p.ndim > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        a, b = (self.token(s) + self.place[: s.shape[1]] for s in (source, target))
        future = torch.ones(target.shape[1], target.shape[1]).triu(1).bool()
        empty = source == 0
        return self.head(self.core(a, b, None, future, None, empty, target == 0, empty))


@case(
    None,
    about="nn.Transformer, post-norm, padded and masked, in the middle of its training",
    facts=[
        wired(idle=("*.in_proj_bias",)),
        steady("token", "core.decoder.layers.1"),
        open_units(),
        learns(steps=30, to=0.85, draws=2),
    ],
)
def masked_translator():
    source = torch.randint(2, 16, (20, 8))
    source[torch.arange(8) >= torch.randint(4, 9, (20, 1))] = 0
    target = torch.cat([torch.ones(20, 1, dtype=torch.long), source.roll(1, 1)], 1)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9)

    def loss(m: nn.Module) -> Tensor:
        scores = m(source, target[:, :-1])
        return F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=0)

    train(model, loss, optimizer, 5)
    return model, loss, optimizer


class Bahdanau(nn.Module):
    """A packed bidirectional encoder, additive attention, and a decoder cell in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(14, 24, padding_idx=0)
        self.encoder = nn.GRU(24, 24, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(24 + 48, 32)
        self.query, self.key = nn.Linear(32, 24), nn.Linear(48, 24, bias=False)
        self.score = nn.Linear(24, 1, bias=False)
        self.head = nn.Linear(32, 14)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.token(source), lengths, True, enforce_sorted=False)
        memory, _ = pad_packed_sequence(self.encoder(packed)[0], True, total_length=10)
        keys, state, scores = self.key(memory), memory.new_zeros(len(source), 32), []
        for word in self.token(target).unbind(1):
            match = self.score(torch.tanh(self.query(state)[:, None] + keys)).squeeze(2)
            weight = match.masked_fill(source == 0, float("-inf")).softmax(1)
            context = torch.einsum("nt,ntd->nd", weight, memory)
            state = self.cell(torch.cat([word, context], 1), state)
            scores.append(self.head(state))
        return torch.stack(scores, 1)


@case(
    None,
    about="seq2seq with attention over packed sequences; the loss is an eighth, for accumulation",
    facts=[wired(), recalls("encoder"), recalls("cell"), open_units(), learns()],
)
def seq2seq_with_attention():
    lengths = torch.randint(5, 11, (32,))
    source = letters(32, 10, 12) + 2
    source[torch.arange(10) >= lengths[:, None]] = 0
    target = torch.cat([torch.ones(32, 1, dtype=torch.long), source], 1)
    model = Bahdanau()

    def loss(m: nn.Module) -> Tensor:
        scores = m(source, lengths, target[:, :-1])
        each = F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=0)
        return each / 8

    return model, loss, torch.optim.Adam(model.parameters(), lr=5e-3)


class Adapter(nn.Module):
    """LoRA around a frozen linear layer; the second factor starts at 0."""

    def __init__(self, base: nn.Linear, rank: int = 4) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 2.0 * (x @ self.a.T) @ self.b.T


@case(
    None,
    about="a frozen BERT with LoRA: A has gradient 0 at first, the weights around it have none",
    facts=[
        wired(dark=("*.a",)),
        steady("bert.encoder.layer.0", "bert.encoder.layer.2"),
        open_units(),
        learns(to=0.9),
    ],
)
def bert_with_adapters():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=32, attn_implementation="eager",
        initializer_range=0.1,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    model.requires_grad_(False).classifier.requires_grad_(True)
    for layer in model.bert.encoder.layer:
        attention = layer.attention.self
        attention.query, attention.value = Adapter(attention.query), Adapter(attention.value)
    y = torch.arange(32) % 2
    words = torch.where(y[:, None] == 0, letters(32, 16, 50), torch.randint(50, (32, 16)))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-3)
    return model, lambda m: m(input_ids=words, labels=y).loss, optimizer


class SkipGram(nn.Module):
    """word2vec with negative samples: sparse gradients, context vectors from 0."""

    def __init__(self, words: int = 300, width: int = 24) -> None:
        super().__init__()
        self.centre = nn.Embedding(words, width, sparse=True)
        self.context = nn.Embedding(words, width, sparse=True)
        nn.init.uniform_(self.centre.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.context.weight)

    def forward(self, centre: Tensor, context: Tensor) -> Tensor:
        return torch.einsum("nd,nkd->nk", self.centre(centre), self.context(context))


@case(
    None,
    about="word2vec as published: context vectors start at 0, most rows are not in the batch",
    facts=[wired(dark=("centre.weight",)), learns(steps=100)],
)
def skip_gram_with_sparse_rows():
    topic = torch.randint(6, (400,))
    centre, context = (topic + 6 * torch.randint(20, (400,)) for _ in range(2))
    pairs = torch.cat([context[:, None], torch.randint(120, (400, 5))], 1)
    truth = torch.zeros(400, 6).index_fill(1, torch.tensor([0]), 1.0)
    model = SkipGram()

    def loss(m: nn.Module) -> Tensor:
        each = F.binary_cross_entropy_with_logits(m(centre, pairs), truth, reduction="none")
        return each.sum(1).mean()

    return model, loss, torch.optim.SparseAdam(list(model.parameters()), lr=0.02)


class LongReader(nn.Module):
    """An LSTM cell over a long text; every 30 steps the past is cut off."""

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.token = nn.Embedding(symbols, 16)
        self.cell = nn.LSTMCell(16, 40)
        self.head = nn.Linear(40, symbols)

    def forward(self, text: Tensor) -> Tensor:
        state, scores = None, []
        for t, letter in enumerate(self.token(text).unbind(1)):
            if t and t % 30 == 0:
                state = tuple(s.detach() for s in state)
            state = self.cell(letter, state)
            scores.append(self.head(state[0]))
        return torch.stack(scores, 1)


@case(
    None,
    about="truncated backpropagation over 90 steps with a loss at each of them",
    facts=[wired(), recalls("cell"), learns(steps=15, to=0.85)],
)
def truncated_long_reader():
    text = letters(12, 91, 12)
    model = LongReader(12)

    def loss(m: nn.Module) -> Tensor:
        return F.cross_entropy(m(text[:, :-1]).transpose(1, 2), text[:, 1:])

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=500)
    return model, loss, optimizer
