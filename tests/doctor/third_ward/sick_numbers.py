"""NaN, and what leaves the range of float16."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .facts import backward, gradients


def loss_is_finite(model, loss, optimizer):
    assert backward(model, loss)[0].isfinite()


def overflows(model, loss, optimizer):
    """The float16 pass gives Inf or NaN; the same in float32 is finite and goes beyond 65504."""
    value, _ = backward(model, loss)
    assert not value.isfinite() or any(
        not p.grad.isfinite().all() for p in model.parameters() if p.grad is not None
    )
    model = model.float()
    peaks = []
    hooks = [
        m.register_forward_hook(lambda _m, _i, out: peaks.append(out.detach().abs().max().item()))
        for m in model.modules()
        if not list(m.children())
    ]
    value, _ = backward(model, loss)
    for hook in hooks:
        hook.remove()
    assert value.isfinite()
    assert max([*peaks, value.item()]) > 65504


def underflows(model, loss, optimizer):
    """Over a tenth of the gradient entries are 0, and are not with the loss scaled by 2**14."""
    shares = []
    for scale in (1, 2**14):
        backward(model, lambda m, k=scale: loss(m) * k)
        grads = torch.cat([p.grad.flatten() for p in model.parameters()])
        assert grads.isfinite().all()
        shares.append((grads == 0).double().mean().item())
    assert shares[0] > 0.1 + shares[1], shares


@case(
    "nan",
    about="siamese distance sqrt(sum(d^2)): one pair holds the same image twice",
    facts=[gradients(bad=True), loss_is_finite],
)
def siamese_twin_pair():
    torch.manual_seed(51)

    class Siamese(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(200, 16)
            )

        def forward(self, left, right):
            d = self.branch(left) - self.branch(right)
            return torch.sqrt((d * d).sum(1))

    left, right = torch.rand(10, 1, 12, 12), torch.rand(10, 1, 12, 12)
    right[3] = left[3]
    same = torch.zeros(10)
    same[3] = 1

    def contrastive(m):
        d = m(left, right)
        return (same * d**2 + (1 - same) * (1.0 - d).clamp(min=0) ** 2).mean()

    return Siamese(), contrastive, None


@case(
    "nan",
    about="a table read with pandas: one missing value in one row of a dict of columns",
    facts=[gradients(bad=True)],
)
def missing_value_in_table():
    torch.manual_seed(52)

    class Tab(nn.Module):
        def __init__(self):
            super().__init__()
            self.cat = nn.Embedding(7, 4)
            self.bn = nn.BatchNorm1d(6)
            self.mlp = nn.Sequential(nn.Linear(10, 32), nn.Mish(), nn.Linear(32, 1))

        def forward(self, cols):
            return self.mlp(torch.cat([self.bn(cols["num"]), self.cat(cols["cat"])], 1))

    cols = {"num": torch.randn(64, 6), "cat": torch.randint(0, 7, (64,))}
    cols["num"][17, 2] = float("nan")
    y = torch.randn(64, 1)
    net = Tab()
    return net, lambda m: F.mse_loss(m(cols), y), torch.optim.AdamW(net.parameters())


@case(
    "nan",
    about="an attention pool masked with -inf where one sequence of the batch is all padding",
    facts=[gradients(bad=True)],
)
def all_padding_row():
    torch.manual_seed(53)

    class Pool(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(90, 16, padding_idx=0)
            self.score, self.label = nn.Linear(16, 1), nn.Linear(16, 4)

        def forward(self, ids):
            h = self.words(ids)
            s = self.score(h).squeeze(-1).masked_fill(ids == 0, float("-inf"))
            return self.label((s.softmax(1).unsqueeze(-1) * h).sum(1))

    ids = torch.randint(1, 90, (12, 15))
    ids[4, 6:] = 0
    ids[9] = 0
    y = torch.randint(0, 4, (12,))
    return Pool(), lambda m: F.cross_entropy(m(ids), y), None


@case(
    "nan",
    about="the speed of a current, sqrt(u^2 + v^2), with land cells set to 0 by torch.where",
    facts=[gradients(bad=True), loss_is_finite],
)
def ocean_speed_under_a_land_mask():
    torch.manual_seed(54)

    class Ocean(nn.Module):
        def __init__(self, water):
            super().__init__()
            self.register_buffer("water", water)
            self.net = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.ELU(), nn.Conv2d(8, 2, 1))

        def forward(self, wind):
            u, v = (self.net(wind) * self.water).unbind(1)
            return torch.where(self.water[0] > 0, torch.sqrt(u**2 + v**2), 0.0)

    wind, speed = torch.randn(6, 2, 10, 10), torch.rand(6, 10, 10)
    water = (torch.rand(1, 10, 10) > 0.3).float()
    return Ocean(water), lambda m: (m(wind) - speed).abs().mean(), None


@case(
    "fp16_overflow",
    about="a T5-like feed-forward part in float16 whose hidden activations pass 65504",
    facts=[overflows],
)
def t5_dense_in_half():
    torch.manual_seed(55)

    class FF(nn.Module):
        def __init__(self, d=32):
            super().__init__()
            self.wi, self.wo = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)
            self.ln, self.lm_head = nn.LayerNorm(d), nn.Linear(d, 20)
            nn.init.normal_(self.wi.weight, std=20.0)
            nn.init.normal_(self.wo.weight, std=60.0)

        def forward(self, x):
            x = x.to(self.wi.weight.dtype)
            return self.lm_head(self.ln(x + self.wo(torch.relu(self.wi(x)))))

    x, y = torch.randn(8, 6, 32).half(), torch.randint(0, 20, (8, 6))
    return FF().half(), lambda m: F.cross_entropy(m(x).float().flatten(0, 1), y.flatten()), None


@case(
    "fp16_overflow",
    about="a summed squared error in pixels (0..255) computed in float16",
    facts=[overflows],
)
def pixel_sse_in_half():
    torch.manual_seed(56)
    net = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 3, 3, padding=1))
    x = torch.rand(4, 3, 12, 12)
    target = (255 * x).half()
    return net.half(), lambda m: (m(x.to(m[0].weight.dtype)) - target).pow(2).sum(), None


@case(
    "fp16_underflow",
    about="float16 weights, a mean over 16 x 4096 outputs, small last layer, no loss scale",
    facts=[underflows],
)
def mean_over_many_outputs_in_half():
    torch.manual_seed(57)

    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2, self.fc3 = nn.Linear(16, 64), nn.Linear(64, 64), nn.Linear(64, 4096)
            nn.init.normal_(self.fc3.weight, std=2e-4)
            nn.init.zeros_(self.fc3.bias)

        def forward(self, z):
            return self.fc3(F.silu(self.fc2(F.silu(self.fc1(z)))))

    z, y = torch.randn(16, 16).half(), (0.003 * torch.randn(16, 4096)).half()
    return Field().half(), lambda m: F.mse_loss(m(z), y), None


@case(
    "fp16_underflow",
    about="autocast to float16 without a gradient scaler, a per-pixel mean weighed by 1e-3",
    facts=[underflows],
)
def autocast_without_scaler():
    torch.manual_seed(58)

    class Seg(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.Linear(10, 48)
            self.mid = nn.Linear(48, 48)
            self.pix = nn.Linear(48, 6)

        def forward(self, x):
            return self.pix(torch.tanh(self.mid(torch.tanh(self.up(x)))))

    x, y = torch.randn(2, 4000, 10), torch.randn(2, 4000, 6)

    def loss(m):
        with torch.autocast("cpu", dtype=torch.float16):
            out = m(x)
        return 1e-3 * F.mse_loss(out.float(), y)

    return Seg(), loss, None
