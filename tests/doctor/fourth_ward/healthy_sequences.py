"""Healthy models of sequences."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from . import facts as true


class Layer(nn.Module):
    def __init__(self, width, heads, depth):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for fc in (self.c_attn, self.c_fc, self.c_proj, self.c_out):
            last = fc in (self.c_proj, self.c_out)
            nn.init.normal_(fc.weight, 0, 0.02 / math.sqrt(2 * depth) if last else 0.02)
            nn.init.zeros_(fc.bias)

    def forward(self, x):
        q, k, v = (
            self.c_attn(self.ln_1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(mixed.transpose(1, 2).flatten(2))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class TinyGPT(nn.Module):
    def __init__(self, vocabulary=96, width=64, depth=4):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(32, width)
        self.h = nn.ModuleList(Layer(width, 4, depth) for _ in range(depth))
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight
        for table in (self.wte, self.wpe):
            nn.init.normal_(table.weight, 0, 0.02)

    def forward(self, input_ids, labels):
        x = self.wte(input_ids) + self.wpe.weight[: input_ids.shape[1]]
        for layer in self.h:
            x = layer(x)
        logits = self.lm_head(self.ln_f(x))
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return {"loss": loss, "logits": logits}


@case(
    None,
    about="GPT: 0.02 init, tied head, labels of -100, most words and positions unused",
    facts=true.SOUND,
)
def tiny_gpt():
    words = torch.arange(16).add(torch.arange(8)[:, None]) % 20
    labels = words.clone()
    labels[:, :5] = -100
    net = TinyGPT()
    batch = {"input_ids": words, "labels": labels}
    return net, lambda m: m(**batch)["loss"], torch.optim.AdamW(net.parameters(), 3e-4)


class CharRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(28, 16), nn.RNN(16, 48)
        self.out = nn.Linear(48, 28)

    def forward(self, text):
        return self.out(self.rnn(self.embed(text))[0])


@case(
    None,
    about="character model on a tanh RNN: 100 steps, a loss at each",
    facts=[true.given, true.nowhere_zero, true.keeps_its_size, true.learns, true.keeps_along_time],
)
def char_rnn():
    text = (torch.arange(101)[:, None] * torch.arange(1, 13) // 3) % 28
    net = CharRNN()

    def loss(model):
        return F.cross_entropy(model(text[:-1]).flatten(0, 1), text[1:].flatten())

    return net, loss, torch.optim.Adam(net.parameters(), 2e-3)


class LongMemory(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(2, 32, batch_first=True), nn.Linear(32, 1)
        with torch.no_grad():
            self.lstm.bias_ih_l0[32:64] = 4.0

    def forward(self, x):
        return self.fc(self.lstm(x)[1][0][-1])


@case(
    None,
    about="adding problem, 100 steps, read at the last; the forget gate's bias is 4",
    facts=[true.given, true.nowhere_zero, true.learns, true.keeps_along_time],
)
def adding_problem():
    number, mark = torch.rand(64, 100), torch.zeros(64, 100)
    mark[torch.arange(64), torch.arange(64) % 50] = 1
    mark[torch.arange(64), 50 + torch.arange(64) % 50] = 1
    x, y = torch.stack([number, mark], 2), (number * mark).sum(1, keepdim=True)
    net = LongMemory()
    return net, lambda m: F.mse_loss(m(x), y), torch.optim.Adam(net.parameters(), 1e-2)


class Truncated(nn.Module):
    def __init__(self, chunk=10):
        super().__init__()
        self.gru, self.out, self.chunk = nn.GRU(3, 24, batch_first=True), nn.Linear(24, 3), chunk

    def forward(self, x):
        h, outputs = None, []
        for piece in x.split(self.chunk, 1):
            y, h = self.gru(piece, h)
            outputs.append(self.out(y))
            h = h.detach()
        return torch.cat(outputs, 1)


@case(None, about="truncated backpropagation through time, next-value forecast", facts=true.SOUND)
def truncated_gru():
    time = torch.arange(81)[None, :, None] * torch.tensor([0.1, 0.2, 0.3])
    wave = torch.sin(time + torch.arange(16)[:, None, None])
    return Truncated(), lambda m: F.mse_loss(m(wave[:, :-1]), wave[:, 1:]), None


class AttentiveTranslator(nn.Module):
    def __init__(self, words=24, width=24):
        super().__init__()
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.encoder = nn.GRU(width, width, bidirectional=True, batch_first=True)
        self.bridge, self.cell = nn.Linear(2 * width, width), nn.GRUCell(3 * width, width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(2 * width, width)
        self.energy, self.out = nn.Linear(width, 1, bias=False), nn.Linear(width, words)

    def forward(self, source, target):
        memory, last = self.encoder(self.embed(source))
        h, keys, logits = self.bridge(torch.cat(list(last), 1)).tanh(), self.key(memory), []
        for word in self.embed(target).unbind(1):
            score = self.energy((self.query(h)[:, None] + keys).tanh()).squeeze(2)
            weight = score.masked_fill(source == 0, -1e9).softmax(1)
            h = self.cell(torch.cat([word, torch.einsum("bs,bsd->bd", weight, memory)], 1), h)
            logits.append(self.out(h))
        return torch.stack(logits, 1)


@case(
    None, about="translator with additive attention, padding and teacher forcing", facts=true.SOUND
)
def attentive_translator():
    source = torch.randint(3, 24, (16, 12))
    source[::2, 9:] = 0
    target = source.flip(1)
    net = AttentiveTranslator()

    def loss(model):
        shifted = F.pad(target, (1, 0), value=1)[:, :-1]
        return F.cross_entropy(
            model(source, shifted).flatten(0, 1), target.flatten(), ignore_index=0
        )

    return net, loss, torch.optim.Adam(net.parameters(), 1e-3)


class BagOfWords(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(5000, 24, mode="mean", padding_idx=0)
        self.fc = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 2))

    def forward(self, tokens):
        return self.fc(self.bag(tokens))


@case(
    None,
    about="bag of words: 5000 rows of which the batch uses a few, a random batch a call",
    facts=true.SOUND,
)
def bag_of_words():
    corpus = torch.randint(1, 5000, (200, 15))
    corpus[:, 12:] = 0
    y = torch.arange(200) % 2
    corpus[y == 1, :6] = 7
    net = BagOfWords()

    def loss(model):
        pick = torch.randint(0, 200, (64,))
        return F.cross_entropy(model(corpus[pick]), y[pick])

    return net, loss, torch.optim.Adam(net.parameters(), 5e-3)


@case(None, about="deep pre-norm encoder in bfloat16 with a padding mask", facts=true.SOUND)
def bfloat16_encoder():
    x = torch.randn(16, 10, 32, dtype=torch.bfloat16)
    pad = torch.arange(10)[None] >= torch.arange(16)[:, None] % 5 + 5
    y = (x[:, 0, 0] > 0).long()
    layer = nn.TransformerEncoderLayer(32, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 8, nn.LayerNorm(32), enable_nested_tensor=False)
    net = nn.ModuleDict({"encoder": encoder, "head": nn.Linear(32, 2)}).to(torch.bfloat16)

    def loss(model):
        h = model["encoder"](x, src_key_padding_mask=pad)
        return F.cross_entropy(model["head"](h[:, 0]).float(), y)

    return net, loss, None
