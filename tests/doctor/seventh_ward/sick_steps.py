"""Half precision, and learning rates that are wrong by orders of magnitude."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from tests.doctor.case import case
from tests.doctor.seventh_ward.sick_parts import mlp, pictures, regress, sentences
from tests.doctor.seventh_ward.sick_training_facts import (
    creeps,
    falls,
    overflow,
    rises,
    stuck,
    underflow,
)


@case(
    "fp16_underflow",
    cause="half precision",
    about="a depthwise net in float16 learns displacements of thousandths, without a loss scale",
    facts=[underflow(scale=2.0**10, share=0.3)],
)
def half_precision_flow_of_small_displacements():
    x, target = pictures(8, 2, 20, 4)[0], 1e-3 * torch.randn(8, 2, 20, 20)
    model = nn.Sequential(
        *(nn.Conv2d(2, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1, groups=16)),
        *(nn.Conv2d(16, 16, 1), nn.SiLU(), nn.Conv2d(16, 2, 3, padding=1)),
    )
    model[-1].weight.data.mul_(0.1)
    model[-1].bias.data.zero_()
    model.half()

    def loss(m):
        return F.mse_loss(m(x.to(m[0].weight.dtype)).float(), target)

    return model, loss, torch.optim.SGD(model.parameters(), 0.1)


class Feed(nn.Module):
    """A pre-norm feed-forward block; the norm is taken in float32."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.wi = nn.Linear(width, hidden, bias=False)
        self.wo = nn.Linear(hidden, width, bias=False)
        nn.init.normal_(self.wi.weight, std=8.0)
        nn.init.normal_(self.wo.weight, std=24.0)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, True) + 1e-6)
        return x + self.wo(F.relu(self.wi(self.scale * wide.to(x.dtype))))


@case(
    "fp16_overflow",
    cause="half precision",
    about="feed-forward blocks with the large weights of a bfloat16 checkpoint, run in float16",
    facts=[overflow("1.wo")],
)
def bfloat16_checkpoint_in_float16():
    ids = sentences(8, 6, 40)
    blocks = (Feed(64, 512), Feed(64, 512), nn.LayerNorm(64), nn.Linear(64, 40))
    model = nn.Sequential(nn.Embedding(40, 64), *blocks)
    nn.init.normal_(model[0].weight, std=100)
    model.half()

    def loss(m):
        return F.cross_entropy(m(ids).float().flatten(0, 1), ids.roll(1, 1).flatten())

    return model, loss, None


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="house prices: three inputs, squared error, gradient descent with a rate of 3",
    facts=[rises(4), falls(10, times=1e-2)],
)
def gradient_descent_with_rate_three():
    x = torch.rand(200, 3)
    y = x @ torch.tensor([[2.0], [-1.0], [3.0]]) + 1
    model = mlp([3, 16, 1], nn.ReLU)
    return model, regress(x, target=y), torch.optim.SGD(model.parameters(), 3.0)


@case(
    "lr_too_high",
    cause="learning rate too high",
    about="a small GPT-2 in eval mode is tuned with Adam at 0.3",
    facts=[rises(3), falls(5, times=1e-2)],
)
def gpt2_with_adam_at_a_third():
    size = dict(n_positions=16, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, **size)).eval()
    ids = sentences(8, 16, 50)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]

    def loss(m):
        return F.cross_entropy(m(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())

    return model, loss, torch.optim.AdamW(groups, lr=0.3)


class RealNVP(nn.Module):
    """Affine couplings; gives the log density of ``x`` up to a constant."""

    def __init__(self, half: int, depth: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(mlp([half, 32, 2 * half], nn.Tanh) for _ in range(depth))
        self.center = nn.Parameter(torch.full((2 * half,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        (a, b), total = (x - self.center).chunk(2, 1), 0
        for net in self.nets:
            shift, log = net(a).chunk(2, 1)
            log = torch.tanh(log)
            a, b, total = b * log.exp() + shift, a, total + log.sum(1)
        return total - 0.5 * (a**2 + b**2).sum(1)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="a RealNVP with two parameter groups; somebody typed 1e-9 for 1e-3",
    facts=[creeps(under=1e-6), stuck(20), falls(20, times=1e6)],
)
def flow_with_a_rate_of_a_billionth():
    x = torch.randn(256, 1) * torch.tensor([2.0, 1.0, 0.5, 1.5]) + 0.3 * torch.randn(256, 4)
    model = RealNVP(2, 4)
    groups = [{"params": model.nets.parameters()}, {"params": [model.center], "weight_decay": 0.0}]
    return model, lambda m: -m(x).mean(), torch.optim.AdamW(groups, lr=1e-9)
