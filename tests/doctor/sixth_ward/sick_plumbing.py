"""Sick plumbing: gradients that are exactly 0, or missing, or not wanted by mistake."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

from tests.doctor.case import case

from .measure import frozen, none, zero
from .parts import blobs, images, mlp, supervised, text
from .training import learns


def no_graph(model, loss, optimizer):
    """Nothing at all is trained: the loss has no graph."""
    assert not loss(model).requires_grad


@case(
    "zero_gradient",
    cause="non-differentiable operation",
    about="Image compression with torch.round on the latents and no straight-through estimate.",
    facts=[zero("encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias")],
)
def rounded_latents():
    class Codec(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(3, 16, 4, 2, 1), nn.GELU(), nn.Conv2d(16, 8, 4, 2, 1)
            )
            self.decoder = nn.Sequential(
                nn.ConvTranspose2d(8, 16, 4, 2, 1), nn.GELU(), nn.ConvTranspose2d(16, 3, 4, 2, 1)
            )

        def forward(self, x):
            return self.decoder(torch.round(4 * self.encoder(x)) / 4)

    x, _ = images(16)
    model = Codec()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.mse_loss(m(x), x), optimizer


@case(
    "zero_gradient",
    cause=("non-differentiable operation", "saturating activation"),
    about="A Gaussian policy: log_std starts at -3, under the flat part of its clamp to -1..2.",
    facts=[zero("log_std"), learns()],
)
def clamped_log_std():
    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.mu = mlp(6, 32, 32, 2, act=nn.Tanh)
            self.log_std = nn.Parameter(torch.full((2,), -3.0))

        def forward(self, s):
            log_std = torch.clamp(self.log_std, -1.0, 2.0)
            return self.mu(s), log_std.exp()

    s, a = torch.randn(128, 6), torch.randn(128, 2)
    advantage = torch.randn(128).abs()

    def loss(model):
        mu, std = model(s)
        log_prob = torch.distributions.Normal(mu, std).log_prob(a).sum(-1)
        return -(log_prob * advantage).mean()

    model = Policy()
    return model, loss, torch.optim.Adam(model.parameters(), lr=3e-3)


class Binarise(torch.autograd.Function):
    """Sign, with a straight-through window that compares the wrong tensor."""

    @staticmethod
    def forward(ctx, x):
        y = torch.sign(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * (y.abs() < 1).float()


@case(
    "zero_gradient",
    cause="non-differentiable operation",
    about="A hashing net's own autograd.Function masks by |sign(x)| < 1 where |x| < 1 was meant.",
    facts=[zero("code.weight", "backbone.0.weight", "backbone.4.weight")],
)
def wrong_window():
    class Hash(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(
                nn.Linear(16, 48), nn.LayerNorm(48), nn.SiLU(), nn.Dropout(0.1), nn.Linear(48, 48)
            )
            self.code = nn.Linear(48, 24)
            self.classify = nn.Linear(24, 4)

        def forward(self, x):
            return self.classify(Binarise.apply(self.code(self.backbone(x))))

    model = Hash()
    return model, supervised(*blobs()), torch.optim.AdamW(model.parameters(), lr=1e-3)


@case(
    "no_gradient",
    cause="detached",
    about="Seq2seq: the encoder's state is handed over as `.data`, copied from an old tutorial.",
    facts=[none("encoder.weight_ih_l0", "encoder.weight_hh_l0", "source.weight")],
)
def state_by_data():
    class Seq2Seq(nn.Module):
        def __init__(self, d=24):
            super().__init__()
            self.source, self.target = nn.Embedding(40, d), nn.Embedding(40, d)
            self.encoder = nn.GRU(d, d, batch_first=True)
            self.decoder = nn.GRU(d, d, batch_first=True)
            self.out = nn.Linear(d, 40)

        def forward(self, source, target):
            _, hidden = self.encoder(self.source(source))
            states, _ = self.decoder(self.target(target), hidden.data)
            return self.out(states)

    source, target = text(16, 8), text(16, 8)
    model = Seq2Seq()
    loss = lambda m: F.cross_entropy(m(source, target[:, :-1]).mT, target[:, 1:])  # noqa: E731
    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


@case(
    "no_gradient",
    cause="unused",
    about="A U-Net whose forward uses up1's block twice; the second decoder block is never called.",
    facts=[none("up2.0.weight", "up2.0.bias"), learns()],
)
def forgotten_decoder():
    class UNet(nn.Module):
        def __init__(self, n=8):
            super().__init__()
            self.down1, self.down2 = self.block(1, n), self.block(n, n)
            self.mid = self.block(n, n)
            self.up1, self.up2 = self.block(2 * n, n), self.block(2 * n, n)
            self.final = nn.Conv2d(n, 1, 1)

        @staticmethod
        def block(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(4, b), nn.SiLU())

        def forward(self, x):
            a = self.down1(x)
            b = self.down2(F.max_pool2d(a, 2))
            m = self.mid(F.max_pool2d(b, 2))
            u = self.up1(torch.cat([F.interpolate(m, scale_factor=2), b], 1))
            u = self.up1(torch.cat([F.interpolate(u, scale_factor=2), a], 1))
            return self.final(u)

    x, _ = images(8, 1)
    y = (x > 0.5).float()
    return UNet(), supervised(x, y, F.binary_cross_entropy_with_logits), None


@case(
    "no_gradient",
    cause="detached",
    about="BERT under torch.no_grad() in forward, though the optimizer holds all its parameters.",
    facts=[
        none(
            "bert.embeddings.word_embeddings.weight",
            "bert.encoder.layer.1.attention.self.query.weight",
        )
    ],
)
def bert_in_no_grad():
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            config = BertConfig(
                vocab_size=60,
                hidden_size=24,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=48,
                max_position_embeddings=32,
            )
            self.bert = BertModel(config, add_pooling_layer=False)
            self.dropout, self.classifier = nn.Dropout(0.1), nn.Linear(24, 3)

        def forward(self, input_ids, attention_mask):
            with torch.no_grad():
                out = self.bert(input_ids=input_ids, attention_mask=attention_mask)
            return self.classifier(self.dropout(out.last_hidden_state[:, 0]))

    batch = {"input_ids": torch.randint(60, (12, 10)), "attention_mask": torch.ones(12, 10).long()}
    y = torch.arange(12) % 3
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    return model, lambda m: F.cross_entropy(m(**batch), y), optimizer


@case(
    "frozen",
    cause="not trainable",
    about="Transfer learning: the new head went in first, then a loop froze every parameter.",
    facts=[frozen(1.0), no_graph],
)
def frozen_after_the_head():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(), nn.Conv2d(8, 16, 3, 2, 1)
            )
            self.fc = nn.Linear(16, 1000)

        def forward(self, x):
            return self.fc(F.relu6(self.features(x)).mean((2, 3)))

    model = Net()
    model.fc = nn.Linear(16, 4)
    for param in model.parameters():
        param.requires_grad = False
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return model, supervised(*images(16)), optimizer


@case(
    "frozen",
    cause="not trainable",
    about="GPT-2 to be unfrozen for stage two: `p.require_grad = True` sets a new attribute.",
    facts=[frozen(0.4), learns()],
)
def misspelt_unfreeze():
    config = GPT2Config(
        vocab_size=40, n_positions=32, n_embd=24, n_layer=3, n_head=2, tie_word_embeddings=False
    )
    model = GPT2LMHeadModel(config)
    for p in model.transformer.h.parameters():
        p.requires_grad = False
    for p in model.parameters():
        p.require_grad = True
    ids = text(8, 16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    return model, lambda m: m(input_ids=ids, labels=ids).loss, optimizer
