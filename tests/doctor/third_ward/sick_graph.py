"""Gradients that are exactly zero or missing, and weights that were frozen by mistake."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.case import case

from .facts import gradients


@case(
    "zero_gradient",
    about="activations rounded to 4 bits with torch.round and no straight-through estimator",
    facts=[gradients(zero=("enc",))],
)
def rounded_activations():
    torch.manual_seed(61)

    class Quant(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc = nn.Sequential(nn.Linear(10, 32), nn.GELU(), nn.Linear(32, 32))
            self.dec = nn.Linear(32, 10)

        def forward(self, x):
            code = torch.round(self.enc(x) * 15) / 15
            return self.dec(code)

    x = torch.randn(48, 10)
    net = Quant()
    return net, lambda m: F.mse_loss(m(x), x), torch.optim.Adam(net.parameters(), lr=1e-3)


@case(
    "zero_gradient",
    also=("saturation",),
    about="probabilities by torch.clamp(z, 0, 1) where every z is below 0: Dice stands still",
    facts=[gradients(zero=("down", "out"))],
)
def dice_on_clamped_logits():
    torch.manual_seed(62)

    class Seg(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(1, 12, 3, padding=1)
            self.out = nn.Conv2d(12, 1, 1)
            nn.init.constant_(self.out.bias, -3.0)  # a prior for rare foreground

        def forward(self, x):
            return torch.clamp(self.out(F.silu(self.down(x))), 0, 1)

    x = torch.randn(8, 1, 14, 14)
    mask = (x > 1.2).float()

    def dice(m):
        p = m(x)
        return 1 - (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)

    return Seg(), dice, None


class Hysteresis(torch.autograd.Function):
    """A step whose author left the backward pass for later."""

    @staticmethod
    def forward(ctx, x):
        return (x > 0.1).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros_like(grad)


@case(
    "zero_gradient",
    about="a spiking layer as a custom autograd.Function whose backward returns zeros",
    facts=[gradients(zero=("w_in",))],
)
def spikes_without_surrogate():
    torch.manual_seed(63)

    class Spiking(nn.Module):
        def __init__(self):
            super().__init__()
            self.w_in = nn.Parameter(torch.randn(20, 30) * 0.3)
            self.w_out = nn.Parameter(torch.randn(30, 4) * 0.2)

        def forward(self, x):
            mem, total = x.new_zeros(x.shape[0], 30), 0
            for _ in range(8):
                mem = 0.9 * mem + x @ self.w_in
                total = total + Hysteresis.apply(mem) @ self.w_out
            return total / 8

    x, y = torch.randn(64, 20), torch.randint(0, 4, (64,))
    return Spiking(), lambda m: F.nll_loss(F.log_softmax(m(x), 1), y), None


@case(
    "no_gradient",
    about="reentrant checkpointing of the first blocks: their input needs no gradient, so None",
    facts=[gradients(none=("blocks",))],
)
def reentrant_checkpoint():
    torch.manual_seed(64)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.Linear(24, 24), nn.GELU()) for _ in range(3)
            )
            self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 7)

        def forward(self, x):
            for b in self.blocks:
                x = checkpoint(b, x, use_reentrant=True)
            return self.head(self.norm(x))

    x, y = torch.randn(40, 24), torch.randint(0, 7, (40,))
    net = Net()
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.AdamW(net.parameters(), lr=1e-3)


@case(
    "no_gradient",
    about="conv2 was declared and conv1 is called twice; the optimizer holds both",
    facts=[gradients(none=("conv2",))],
)
def conv1_called_twice():
    torch.manual_seed(65)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv0 = nn.Conv2d(3, 16, 3, padding=1)
            self.conv1 = nn.Conv2d(16, 16, 3, padding=1)
            self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
            self.fc = nn.Linear(16, 10)

        def forward(self, x):
            x = F.relu(self.conv0(x))
            x = F.relu(self.conv1(x))
            x = F.relu(self.conv1(x))
            return self.fc(x.mean((2, 3)))

    x, y = torch.randn(16, 3, 8, 8), torch.randint(0, 10, (16,))
    net = Net()
    opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    return net, lambda m: F.cross_entropy(m(x), y), opt


@case(
    "no_gradient",
    about="a loss rebuilt with torch.tensor(..., requires_grad=True): nothing reaches the model",
    facts=[gradients(none=("0", "2"))],
)
def loss_wrapped_again():
    torch.manual_seed(66)
    net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 2))
    x, y = torch.randn(30, 5), torch.randn(30, 2)

    def rmse(m):
        err = (m(x) - y).detach().numpy()
        return torch.tensor(float((err**2).mean() ** 0.5), requires_grad=True)

    return net, rmse, torch.optim.Adam(net.parameters(), lr=1e-3)


@case(
    "no_gradient",
    about="hard routing by argmax: the gate of a mixture of experts never gets a gradient",
    facts=[gradients(none=("gate",))],
)
def argmax_router():
    torch.manual_seed(67)

    class MoE(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Linear(16, 3)
            self.experts = nn.ModuleList(
                nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(3)
            )
            self.lm = nn.Linear(16, 11)

        def forward(self, tokens):
            pick = F.one_hot(self.gate(tokens).argmax(-1), 3).to(tokens.dtype)
            ys = torch.stack([e(tokens) for e in self.experts], -1)
            return self.lm(tokens + torch.einsum("bde,be->bd", ys, pick))

    t, y = torch.randn(100, 16), torch.randint(0, 11, (100,))
    return MoE(), lambda m: F.cross_entropy(m(t), y), None


@case(
    "no_gradient",
    about="GPT-2 with frozen embeddings, reentrant checkpointing and all else to be trained",
    facts=[gradients(none=("transformer.h.0.", "transformer.h.1."))],
)
def gpt2_checkpointed_over_frozen_embeddings():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(68)
    config = GPT2Config(
        vocab_size=61,
        n_positions=24,
        n_embd=32,
        n_layer=2,
        n_head=2,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    lm = GPT2LMHeadModel(config)
    lm.transformer.wte.requires_grad_(False)
    lm.transformer.wpe.requires_grad_(False)
    lm.gradient_checkpointing_enable({"use_reentrant": True})
    lm.disable_input_require_grads()
    lm.train()
    ids = torch.randint(0, 61, (4, 16))
    opt = torch.optim.AdamW([p for p in lm.parameters() if p.requires_grad], lr=3e-4)
    return lm, lambda m: m(input_ids=ids, labels=ids).loss, opt


@case(
    "frozen",
    about="the backbone was frozen, yet its weights went into the optimizer to be fine-tuned",
    facts=[gradients()],
)
def forgot_to_unfreeze():
    torch.manual_seed(69)

    class Tuned(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = nn.Sequential(nn.Conv1d(4, 16, 5), nn.ReLU(), nn.Conv1d(16, 16, 5))
            self.pool, self.head = nn.AdaptiveMaxPool1d(1), nn.Linear(16, 3)

        def forward(self, x):
            return self.head(self.pool(self.backbone(x)).flatten(1))

    net = Tuned()
    for p in net.backbone.parameters():
        p.requires_grad = False
    x, y = torch.randn(20, 4, 40), torch.randint(0, 3, (20,))
    return net, lambda m: F.cross_entropy(m(x), y), torch.optim.AdamW(net.parameters(), lr=2e-4)


@case(
    "frozen",
    about="two layers in the middle still have requires_grad=False after a debugging session",
    facts=[gradients()],
)
def left_over_freeze():
    torch.manual_seed(70)
    net = nn.Sequential()
    for _ in range(6):
        net.append(nn.Linear(25, 25)).append(nn.LayerNorm(25)).append(nn.ReLU())
    net.append(nn.Linear(25, 1))
    net[6].weight.requires_grad_(False)
    net[9].requires_grad_(False)
    x, y = torch.randn(80, 25), torch.randn(80, 1)
    return net, lambda m: F.mse_loss(m(x), y), None
