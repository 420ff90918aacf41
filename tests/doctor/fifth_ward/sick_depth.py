"""Vanishing and exploding along the depth."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Made, case

from . import measure


class SigmoidVGG(nn.Module):
    """A VGG from a course where every ReLU was still a sigmoid."""

    def __init__(self, plan: tuple = (16, 16, "M", 32, 32, "M", 32, 32, 32, "M")) -> None:
        super().__init__()
        layers, channels = [], 3
        for width in plan:
            if width == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.Sigmoid()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(32 * 2 * 2, 64), nn.Sigmoid(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


@case(
    "vanishing",
    also=("rank_collapse",),
    cause=("slope of the activation", "saturating activation"),
    about="VGG with sigmoids, default initialisation; its loss sits at ln 10",
    facts=[measure.vanishing("features.0", "classifier.2"), measure.collapsed("classifier.1")],
)
def vgg_of_sigmoids() -> Made:
    model = SigmoidVGG()
    images, labels = torch.randn(16, 3, 16, 16), torch.randint(0, 10, (16,))
    return model, lambda m: F.cross_entropy(m(images), labels), None


class Sine(nn.Module):
    """A SIREN layer whose author forgot omega_0 in the forward pass."""

    def __init__(self, inputs: int, outputs: int, omega: float = 30.0, first: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        bound = 1 / inputs if first else math.sqrt(6 / inputs) / omega
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.linear(x))


@case(
    "vanishing",
    also=("rank_collapse",),
    cause="initialisation too small",
    about="physics-informed SIREN: weights divided by omega 30, but sin(Wx) without the 30",
    facts=[measure.vanishing("0.linear", "5"), measure.collapsed("4")],
)
def siren_without_omega() -> Made:
    layers = [Sine(1, 64, first=True)] + [Sine(64, 64) for _ in range(4)]
    model = nn.Sequential(*layers, nn.Linear(64, 1))
    points = torch.linspace(-1, 1, 64).unsqueeze(1)

    def loss(m: nn.Module) -> Tensor:
        x = points.clone().requires_grad_()
        u = m(x)
        (du,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (ddu,) = torch.autograd.grad(du.sum(), x, create_graph=True)
        residual = ddu + math.pi**2 * torch.sin(math.pi * x)
        return residual.square().mean() + m(torch.tensor([[-1.0], [1.0]])).square().mean()

    return model, loss, None


class Highway(nn.Module):
    """Highway layers; a gate near 1 lets only the transformed half through."""

    def __init__(self, width: int, depth: int, gate_bias: float) -> None:
        super().__init__()
        self.plain = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.gate = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        for gate in self.gate:
            nn.init.constant_(gate.bias, gate_bias)
        self.out = nn.Linear(width, 2)
        self.last = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for plain, gate in zip(self.plain, self.gate, strict=True):
            t = torch.sigmoid(gate(x))
            x = t * torch.tanh(plain(x)) + (1 - t) * x
        return self.out(self.last(x))


@case(
    "vanishing",
    also=("rank_collapse",),
    cause=("bias", "missing residual"),
    about="highway network whose gate bias got the wrong sign: +4 closes the carry",
    facts=[measure.vanishing("plain.0", "out"), measure.collapsed("last")],
)
def highway_with_carry_closed() -> Made:
    model = Highway(32, 24, gate_bias=4.0)
    x = torch.randn(64, 32)
    y = (x[:, 0] * x[:, 1] > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(x), y), optimizer


class GatedConv(nn.Module):
    """WaveNet's gated causal convolution, alone: the sum with its input was left out."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.filter = nn.Conv1d(channels, channels, 2, dilation=dilation)
        self.gate = nn.Conv1d(channels, channels, 2, dilation=dilation)
        for conv in (self.filter, self.gate):
            nn.init.xavier_normal_(conv.weight)
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (self.filter.dilation[0], 0))
        return torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))


@case(
    "vanishing",
    also=("forward_vanishing",),
    cause=("missing residual", "slope of the activation"),
    about="WaveNet whose gated layers were stacked without their residual sums",
    facts=[
        measure.vanishing("blocks.0.filter", "blocks.15.filter"),
        measure.activations("blocks.0", "blocks.15", 0.0, 1e-3),
        measure.apart("blocks.15"),
    ],
)
def wavenet_without_residuals() -> Made:
    class WaveNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(64, 24)
            self.blocks = nn.Sequential(*(GatedConv(24, 2 ** (i % 4)) for i in range(16)))
            self.head = nn.Conv1d(24, 64, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.blocks(self.embed(x).transpose(1, 2)))

    model = WaveNet()
    wave = torch.randint(0, 64, (4, 41))
    return model, lambda m: F.cross_entropy(m(wave[:, :-1]), wave[:, 1:]), None


class RandnMLP(nn.Module):
    """Weights by hand, straight from torch.randn, as in many a notebook."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.weights = nn.ParameterList(torch.randn(a, b) for a, b in pairs)
        self.biases = nn.ParameterList(torch.zeros(b) for _, b in pairs)

    def hidden(self, x: Tensor) -> list[Tensor]:
        """The outputs of all layers, before their ReLU."""
        outputs = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            outputs.append(x @ weight + bias)
            x = F.relu(outputs[-1])
        return outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.hidden(x)[-1]


IMAGES = torch.randn(32, 64, generator=torch.Generator().manual_seed(1))


def randn_explodes(model: RandnMLP, loss: object, _: object) -> None:
    outputs = model.hidden(IMAGES)
    labels = torch.arange(32) % 10
    ends = torch.autograd.grad(F.cross_entropy(outputs[-1], labels), [outputs[0], outputs[-1]])
    assert ends[0].norm() > measure.FAR * ends[1].norm()
    assert outputs[-2].square().mean().sqrt() > measure.FAR * outputs[0].square().mean().sqrt()


@case(
    "exploding",
    also=("forward_exploding",),
    cause="initialisation too large",
    about="MLP by hand with torch.randn weights",
    facts=[randn_explodes],
)
def notebook_randn_weights() -> Made:
    model = RandnMLP((64, 128, 128, 128, 128, 128, 128, 10))
    labels = torch.arange(32) % 10
    return model, lambda m: F.cross_entropy(m(IMAGES), labels), None


@case(
    "exploding",
    cause="normalisation without skip",
    about="seventy fully connected layers, each batch-normalised, no skip",
    facts=[measure.exploding("0.0", "70"), measure.activations("0", "69", 0.3, 3.0)],
)
def batch_norm_tower() -> Made:
    def layer(inputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, 48, bias=False), nn.BatchNorm1d(48), nn.ReLU())

    model = nn.Sequential(layer(20), *(layer(48) for _ in range(69)), nn.Linear(48, 3))
    x, y = torch.randn(48, 20), torch.randint(0, 3, (48,))
    return model, lambda m: F.cross_entropy(m(x), y), None


@case(
    "exploding",
    cause="initialisation too large",
    about="a deep tanh policy, orthogonal with the gain of tanh counted twice",
    facts=[
        measure.exploding("0", "76"),
        measure.activations("1", "75", 0.3, 3.0),
        measure.flat_share("10", high=0.45),
        measure.flat_share("74", high=0.45),
    ],
)
def policy_with_double_gain() -> Made:
    layers, width = [], 8
    for _ in range(38):
        linear = nn.Linear(width, 64)
        nn.init.orthogonal_(linear.weight, gain=nn.init.calculate_gain("tanh") ** 2)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
        width = 64
    model = nn.Sequential(*layers, nn.Linear(64, 4))
    states, actions = torch.randn(64, 8), torch.randint(0, 4, (64,))
    advantages = torch.randn(64)

    def loss(m: nn.Module) -> Tensor:
        policy = torch.distributions.Categorical(logits=m(states))
        return -(policy.log_prob(actions) * advantages).mean() - 0.01 * policy.entropy().mean()

    return model, loss, None
