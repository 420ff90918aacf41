"""Healthy: language models, forecasters and other sequence models."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint
from transformers import BertConfig, BertForSequenceClassification

from tests.doctor.case import case

from .parts import mlp, next_token, series, text
from .sound import sound
from .training import learns


def rotate(x):
    """Rotary positions for (batch, heads, time, d)."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 100 ** (-torch.arange(half) / half)
    a, b = x.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


@case(
    None,
    about="GPT of today: RoPE, RMSNorm, SwiGLU, tied head, checkpoints; warm-up from 1 %.",
    facts=[sound("blocks.0", "blocks.3"), learns(to=0.8, factor=100)],
)
def modern_gpt():
    class Block(nn.Module):
        def __init__(self, d, heads=4):
            super().__init__()
            self.heads, self.n1, self.n2 = heads, nn.RMSNorm(d), nn.RMSNorm(d)
            self.qkv, self.o = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
            self.gate, self.up = nn.Linear(d, 2 * d, bias=False), nn.Linear(d, 2 * d, bias=False)
            self.down = nn.Linear(2 * d, d, bias=False)

        def forward(self, x):
            b, t, d = x.shape
            qkv = self.qkv(self.n1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            q, k, v = rotate(qkv[0]), rotate(qkv[1]), qkv[2]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.o(y.transpose(1, 2).reshape(b, t, d))
            h = self.n2(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class GPT(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed, self.head = nn.Embedding(40, d), nn.Linear(d, 40, bias=False)
            self.blocks = nn.ModuleList(Block(d) for _ in range(4))
            self.norm = nn.RMSNorm(d)
            nn.init.normal_(self.embed.weight, std=0.1)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            x = self.embed(ids)
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=False)
            return self.head(self.norm(x))

    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))
    return model, next_token(text()), optimizer


@case(
    None,
    about="BERT fine-tuning: embeddings and the first layer frozen, a dict out, padding masked.",
    facts=[
        sound("bert.encoder.layer.0", "bert.encoder.layer.2", still=("key.bias",)),
        learns(steps=15),
    ],
)
def bert_partly_frozen():
    config = BertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=16, num_labels=2, initializer_range=0.1,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    for part in (model.bert.embeddings, model.bert.encoder.layer[0]):
        part.requires_grad_(False)
    # The stream is seen at the first layer too, since the inputs may want gradients.
    model.bert.embeddings.register_forward_hook(lambda m, args, out: out.requires_grad_())
    ids = torch.randint(60, (24, 12))
    mask = (torch.arange(12) < torch.randint(6, 13, (24, 1))).long()
    batch = {"input_ids": ids, "attention_mask": mask, "labels": (ids[:, 0] > 30).long()}
    wanted = [p for p in model.parameters() if p.requires_grad]
    return model, lambda m: m(**batch)["loss"], torch.optim.AdamW(wanted, lr=2e-3)


@case(
    None,
    about="Forecaster: two-layer LSTM, the next value is read at each of 40 steps.",
    facts=[sound("inp", "head", time="inp"), learns()],
)
def lstm_forecaster():
    class Forecaster(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp = nn.Linear(1, 16)
            self.lstm = nn.LSTM(16, 32, num_layers=2, batch_first=True, dropout=0.1)
            self.head = nn.Linear(32, 1)

        def forward(self, x):
            return self.head(self.lstm(self.inp(x))[0])

    x = series(32, 41)
    model = Forecaster()
    loss = lambda m: F.mse_loss(m(x[:, :-1]), x[:, 1:])  # noqa: E731
    return model, loss, torch.optim.Adam(model.parameters(), lr=5e-3)


@case(
    None,
    about="LoRA in eval mode: the base is frozen, B is 0, so every A has gradient 0 at first.",
    facts=[sound("blocks.0", "blocks.2"), learns()],
)
def lora():
    class LoRA(nn.Module):
        def __init__(self, base, rank=4):
            super().__init__()
            self.base = base.requires_grad_(False)
            self.A = nn.Parameter(torch.randn(rank, base.in_features) / 4)
            self.B = nn.Parameter(torch.zeros(base.out_features, rank))

        def forward(self, x):
            return self.base(x) + 2 * F.linear(F.linear(x, self.A), self.B)

    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.norm, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
            self.mlp = mlp(d, 2 * d, d, act=nn.GELU)
            self.requires_grad_(False)
            self.q, self.v = LoRA(self.q), LoRA(self.v)

        def forward(self, x):
            h = self.norm(x)
            x = x + self.o(F.scaled_dot_product_attention(self.q(h), self.k(h), self.v(h)))
            return x + self.mlp(self.n2(x))

    class Classifier(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed = nn.Embedding(40, d).requires_grad_(False)
            self.blocks = nn.Sequential(*[Block(d) for _ in range(3)])
            self.head = nn.Linear(d, 2)

        def forward(self, ids):
            # As with gradient checkpointing, the embeddings' output wants a gradient.
            return self.head(self.blocks(self.embed(ids).requires_grad_()).mean(1))

    ids = text(32, 12)
    model = Classifier().eval()
    wanted = [p for p in model.parameters() if p.requires_grad]
    loss = lambda m: F.cross_entropy(m(ids), (ids[:, 0] > 20).long())  # noqa: E731
    return model, loss, torch.optim.AdamW(wanted, lr=5e-3)


@case(
    None,
    about="Translation: packed bidirectional encoder, dot attention, padding ignored.",
    facts=[sound("source", "out", spare=("softmax",)), learns()],
)
def packed_translation():
    class Seq2Seq(nn.Module):
        def __init__(self, d=24):
            super().__init__()
            self.source = nn.Embedding(40, d, padding_idx=0)
            self.target = nn.Embedding(40, d, padding_idx=0)
            self.encoder = nn.GRU(d, d // 2, batch_first=True, bidirectional=True)
            self.cell, self.out = nn.GRUCell(2 * d, d), nn.Linear(2 * d, 40)

        def forward(self, source, lengths, target):
            packed = pack_padded_sequence(
                self.source(source), lengths, batch_first=True, enforce_sorted=False
            )
            memory, last = self.encoder(packed)
            memory, _ = pad_packed_sequence(memory, batch_first=True)
            h, context, outs = torch.cat(list(last), 1), memory.mean(1), []
            padded = torch.arange(memory.shape[1]) >= lengths[:, None]
            for word in self.target(target).unbind(1):
                h = self.cell(torch.cat([word, context], 1), h)
                scores = torch.einsum("bsd,bd->bs", memory, h) / 24**0.5
                weights = scores.masked_fill(padded, float("-inf")).softmax(-1)
                context = torch.einsum("bs,bsd->bd", weights, memory)
                outs.append(self.out(torch.cat([h, context], 1)))
            return torch.stack(outs, 2)

    lengths = torch.randint(5, 10, (16,))
    lengths[0] = 9
    source = (1 + text(16, 9, 39)) * (torch.arange(9) < lengths[:, None])
    model = Seq2Seq()

    def loss(model):
        logits = model(source, lengths, source[:, :-1])
        return F.cross_entropy(logits, source[:, 1:], ignore_index=0)

    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-2)


@case(
    None,
    about="Truncated backpropagation: the state is detached every 12 of 48 steps, by design.",
    facts=[sound("embed", "out"), learns()],
)
def truncated_gru():
    class LM(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed, self.gru = nn.Embedding(40, d), nn.GRU(d, d, batch_first=True)
            self.out = nn.Linear(d, 40)

        def forward(self, ids):
            logits, h = [], None
            for chunk in self.embed(ids).split(12, 1):
                states, h = self.gru(chunk, None if h is None else h.detach())
                logits.append(self.out(states))
            return torch.cat(logits, 1)

    model = LM()
    return model, next_token(text(8, 49)), torch.optim.Adam(model.parameters(), lr=5e-3)


@case(
    None,
    about="A diagonal state space by hand, decays .99 to .999: 80 steps and only the last is read.",
    facts=[sound("inp", "read", time="inp"), learns(steps=30)],
)
def state_space():
    class SSM(nn.Module):
        def __init__(self, n=32):
            super().__init__()
            self.inp, self.read = nn.Linear(2, n), mlp(n, n, 3, act=nn.GELU)
            self.log_rate = nn.Parameter(torch.linspace(-7.0, -4.6, n))
            self.gain = nn.Parameter(0.1 * torch.ones(n))

        def forward(self, x):
            decay = torch.exp(-self.log_rate.exp())
            h = 0.0
            for u in self.inp(x).unbind(1):
                h = decay * h + self.gain * u
            return self.read(h)

    y = torch.arange(48) % 3
    x = torch.randn(48, 80, 2) + (y[:, None, None] - 1) * 0.3
    model = SSM()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    return model, lambda m: F.cross_entropy(m(x), y), optimizer


@case(
    None,
    about="Mixture of experts: top 2 of 4, gates exactly 0 for the rest, a balancing loss beside.",
    facts=[sound("embed", "moe", spare=("softmax",)), learns(to=0.8)],
)
def mixture_of_experts():
    class MoE(nn.Module):
        def __init__(self, d, n=4):
            super().__init__()
            self.router = nn.Linear(d, n, bias=False)
            self.experts = nn.ModuleList(mlp(d, 2 * d, d) for _ in range(n))
            self.balance = torch.tensor(0.0)

        def forward(self, x):
            p = self.router(x).softmax(-1)
            top, index = p.topk(2, -1)
            gates = torch.zeros_like(p).scatter(-1, index, top / top.sum(-1, keepdim=True))
            load = (gates > 0).float().mean((0, 1))
            self.balance = len(self.experts) * (load * p.mean((0, 1))).sum()
            return sum(gates[..., i : i + 1] * e(x) for i, e in enumerate(self.experts))

    class LM(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.embed, self.norm = nn.Embedding(40, d), nn.LayerNorm(d)
            self.moe, self.head = MoE(d), nn.Linear(d, 40)

        def forward(self, ids):
            x = self.embed(ids)
            return self.head(x + self.moe(self.norm(x)))

    data = next_token(text())
    model = LM()
    loss = lambda m: data(m) + 0.01 * m.moe.balance  # noqa: E731
    return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-2)
