"""Zeros, tiny factors and missing gradients that are there on purpose."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from tests.doctor.case import Loss, Made, case

from . import measure


class ReZeroLayer(nn.Module):
    """Encoder layer without norms; both branches are multiplied by a parameter that starts at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, 4, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, width))
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.alpha * self.attn(x, x, x, need_weights=False)[0]
        return x + self.alpha * self.ff(x)


def only_the_alphas(model: nn.Module, loss: Loss, _: object) -> None:
    found = measure.gradients(model, loss)
    for name, g in found.items():
        in_branch = ".attn." in name or ".ff." in name
        assert (g.count_nonzero() == 0) == in_branch, name


@case(
    None,
    about="ReZero encoder of 24 layers at step 0: nearly all parameters have gradient 0",
    facts=[only_the_alphas, measure.steady(but=("attn", "ff")), measure.learns(20, 0.9, 3e-3)],
)
def rezero_encoder() -> Made:
    model = nn.Sequential(nn.Embedding(20, 32), *(ReZeroLayer(32) for _ in range(24)))
    model.append(nn.Linear(32, 20))
    tokens = torch.randint(0, 20, (4, 10))
    targets = tokens.cumsum(1) % 20
    return model, lambda m: F.cross_entropy(m(tokens).flatten(0, 1), targets.flatten()), None


class LoRA(nn.Module):
    """A frozen GPT-2 projection with a low-rank addition whose second factor starts at 0."""

    def __init__(self, base: nn.Module, outputs: int, rank: int = 4) -> None:
        super().__init__()
        self.base = base
        self.A = nn.Parameter(torch.randn(base.weight.shape[0], rank) / rank)
        self.B = nn.Parameter(torch.zeros(rank, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 2.0 * (x @ self.A @ self.B)


@case(
    None,
    about="LoRA on a tiny GPT-2 (tied embeddings, frozen base); A has gradient 0 at first",
    facts=[
        measure.gradients_arrive(but=(".A",)),
        measure.steady(but=("dropout",), waves=1e3),
        measure.learns(40, 0.97),
    ],
)
def lora_on_gpt2() -> Made:
    config = GPT2Config(
        vocab_size=50, bos_token_id=0, eos_token_id=0, n_positions=16,
        n_embd=32, n_layer=2, n_head=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    model.requires_grad_(False)
    for block in model.transformer.h:
        block.attn.c_attn = LoRA(block.attn.c_attn, 96)
        block.mlp.c_fc = LoRA(block.mlp.c_fc, 128)
    adapters = [p for p in model.parameters() if p.requires_grad]
    tokens = torch.randint(0, 50, (4, 16))
    optimizer = torch.optim.AdamW(adapters, lr=5e-3)
    return model, lambda m: m(input_ids=tokens, labels=tokens).loss, optimizer


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7, channels-last MLP, and a layer scale of one millionth."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pw1, self.pw2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(1e-6 * torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pw2(F.gelu(self.pw1(y)))
        return x + y.permute(0, 3, 1, 2)


def branch_signals_are_tiny(model: nn.Module, loss: Loss, _: object) -> None:
    calls = measure.trace(model, loss)
    assert measure.of(calls, "0").signal < 10 * measure.of(calls, "5").signal
    assert measure.of(calls, "0").signal > 0.1 * measure.of(calls, "5").signal
    assert 1e-7 * measure.of(calls, "3").signal < measure.of(calls, "3.pw2").signal
    assert measure.of(calls, "3.pw2").signal < 1e-4 * measure.of(calls, "3").signal


@case(
    None,
    about="ConvNeXt with layer scale 1e-6: the branches get a millionth of the signal",
    facts=[branch_signals_are_tiny, measure.gradients_arrive(), measure.learns(40, 0.9, 3e-3)],
)
def convnext_layer_scale() -> Made:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 2, 2),
        *(ConvNeXtBlock(16) for _ in range(5)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(16),
        nn.Linear(16, 4),
    )
    images, labels = torch.randn(12, 3, 16, 16), torch.arange(12) % 4
    return model, lambda m: F.cross_entropy(m(images), labels), None


class Bottleneck(nn.Module):
    """ResNet's bottleneck; the last batch norm's weight starts at 0."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = 2 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=True)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        nn.init.zeros_(self.bn3.weight)

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        out += skip
        return self.relu(out)


class ResNet(nn.Module):
    """Three stages of bottlenecks for small images."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.layer1 = nn.Sequential(Bottleneck(16, 8), Bottleneck(16, 8))
        self.layer2 = nn.Sequential(Bottleneck(16, 16, 2), Bottleneck(32, 16))
        self.layer3 = nn.Sequential(Bottleneck(32, 24, 2), Bottleneck(48, 24))
        self.fc = nn.Linear(48, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return self.fc(x.mean((2, 3)))


def branches_wait(model: nn.Module, loss: Loss, _: object) -> None:
    found = measure.gradients(model, loss)
    assert found["layer1.0.conv1.weight"].count_nonzero() == 0
    assert found["layer1.0.bn3.weight"].count_nonzero() > 0
    assert found["stem.0.weight"].norm() > 0.01 * found["fc.weight"].norm()


@case(
    None,
    about="ResNet with zero-initialised last norms, and conv biases before batch norm",
    facts=[branches_wait, measure.learns(15, 0.8, 3e-3)],
)
def resnet_zero_init_residual() -> Made:
    model = ResNet(5)
    images, labels = torch.randn(10, 3, 12, 12), torch.arange(10) % 5
    return model, lambda m: F.cross_entropy(m(images), labels, label_smoothing=0.1), None


def few_rows_used(model: nn.Module, loss: Loss, _: object) -> None:
    gradient = measure.gradients(model, loss)["users.weight"]
    assert (gradient.abs().sum(1) > 0).double().mean() < 0.05


@case(
    None,
    about="recommender with 3000 users and 40 of them in the batch; padding rows; item biases 0",
    facts=[few_rows_used, measure.gradients_arrive(), measure.learns(30, 0.8, 0.02)],
)
def recommender_unused_rows() -> Made:
    class Factors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users = nn.Embedding(3000, 16)
            self.items = nn.EmbeddingBag(800, 16, mode="mean", padding_idx=0)
            self.bias = nn.Embedding(3000, 1)
            nn.init.normal_(self.users.weight, std=0.1)
            nn.init.zeros_(self.bias.weight)

        def forward(self, users: Tensor, items: Tensor) -> Tensor:
            return (self.users(users) * self.items(items)).sum(1) + self.bias(users).squeeze(1)

    model = Factors()
    users, items = torch.randint(0, 3000, (40,)), torch.randint(0, 800, (40, 6))
    stars = torch.randint(1, 6, (40,)).float() - 3
    return model, lambda m: F.mse_loss(m(users, items), stars), None
