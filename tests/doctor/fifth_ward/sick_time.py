"""Vanishing and exploding along time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from tests.doctor.case import Loss, Made, case

from . import measure


class LastStepRNN(nn.Module):
    """Elman network over a long series; only the last state is read."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(inputs, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.rnn(x)
        return self.fc(out[:, -1, :])


def input_gradient_by_step(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The norm of dloss/dx at every step, for a classifier of the whole sequence."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return gradient.norm(dim=(0, 2))


SERIES = torch.randn(16, 120, 6, generator=torch.Generator().manual_seed(2))
KINDS = torch.arange(16) % 4


def series_forgotten(model: nn.Module, _: Loss, __: object) -> None:
    by_step = input_gradient_by_step(model, SERIES, KINDS)
    assert by_step[0] * measure.FAR < by_step[-1]


@case(
    "temporal_vanishing",
    cause="recurrent weight",
    about="sensor classification with nn.RNN over 120 steps, the last state read",
    facts=[series_forgotten],
)
def sensor_rnn_reads_last_state() -> Made:
    model = LastStepRNN(6, 48, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(SERIES), KINDS), optimizer


class AddingLSTM(nn.Module):
    """Two stacked LSTM layers over packed sequences for the adding problem; h_n is read."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 32, num_layers=2, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        packed = pack_padded_sequence(
            batch["x"], batch["lengths"], batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.lstm(packed)
        return self.out(h[-1]).squeeze(-1)


def adding_problem() -> dict[str, Tensor]:
    """Sequences of length 140 to 150 whose two marked values are to be added."""
    x = torch.stack([torch.rand(12, 150), torch.zeros(12, 150)], -1)
    rows = torch.arange(12)
    first, second = torch.randint(0, 10, (12,)), torch.randint(10, 70, (12,))
    x[rows, first, 1] = x[rows, second, 1] = 1.0
    target = x[rows, first, 0] + x[rows, second, 0]
    return {"x": x, "lengths": torch.arange(12) % 11 + 140, "y": target}


def adding_forgotten(model: AddingLSTM, _: Loss, __: object) -> None:
    torch.manual_seed(3)
    batch = adding_problem()
    batch["x"] = batch["x"].requires_grad_()
    (gradient,) = torch.autograd.grad(F.mse_loss(model(batch), batch["y"]), batch["x"])
    first = gradient[:, 0].norm()
    last = gradient[torch.arange(12), batch["lengths"] - 1].norm()
    assert first * measure.FAR < last, (first, last)


@case(
    "temporal_vanishing",
    cause="forget gate",
    about="the adding problem over 150 packed steps, stacked LSTM with its default forget bias",
    facts=[adding_forgotten],
)
def adding_problem_lstm() -> Made:
    model = AddingLSTM()
    batch = adding_problem()
    return model, lambda m: F.mse_loss(m(batch), batch["y"]), None


class LeakyScan(nn.Module):
    """Diagonal state space layer by hand; decay = sigmoid(parameter) is about a half."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.decay_logit = nn.Parameter(0.1 * torch.randn(width))
        self.B = nn.Parameter(torch.randn(width, inputs) / inputs**0.5)
        self.C = nn.Parameter(torch.randn(1, width) / width**0.5)
        self.watch = measure.unwatched

    def forward(self, x: Tensor) -> Tensor:
        decay = torch.sigmoid(self.decay_logit)
        h = x.new_zeros(x.shape[0], self.B.shape[0])
        for u in x.unbind(1):
            h = decay * h + (1 - decay) * torch.einsum("bi,wi->bw", u, self.B)
            self.watch(h)
        return torch.einsum("bw,ow->bo", h, self.C)


@case(
    "temporal_vanishing",
    cause=("recurrent weight", "forget gate"),
    about="exponential-average scan with decay one half, asked for the first of 60 values",
    facts=[measure.through_time(0.0, 1e-3)],
)
def leaky_scan_forgets() -> Made:
    model = LeakyScan(3, 32)
    x = torch.randn(32, 60, 3)
    return model, lambda m: F.mse_loss(m(x), x[:, 0, :1]), None


class ChaoticCell(nn.Module):
    """Echo-state-like tanh cell trained end to end; spectral radius far above 1."""

    def __init__(self, inputs: int, width: int, radius: float) -> None:
        super().__init__()
        self.inp = nn.Linear(inputs, width)
        self.rec = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.rec.weight, std=radius / width**0.5)
        self.read = nn.Linear(width, 1)
        self.watch = measure.unwatched

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.rec.in_features)
        for u in x.unbind(1):
            h = torch.tanh(self.inp(u) + self.rec(h))
            self.watch(h)
        return self.read(h)


@case(
    "temporal_exploding",
    cause="recurrent weight",
    about="tanh cell in a loop of 80 steps with recurrent weights of radius 2.2",
    facts=[measure.through_time(1e3), measure.flat_share("rec", high=0.45)],
)
def chaotic_tanh_cell() -> Made:
    model = ChaoticCell(2, 64, 2.2)
    x = 0.3 * torch.randn(8, 80, 2)
    return model, lambda m: F.mse_loss(m(x), x.sum((1, 2), keepdim=True)[..., 0]), None


class Dynamics(nn.Module):
    """A learned linear system, rolled out; A starts as a plain random matrix."""

    def __init__(self, state: int, control: int) -> None:
        super().__init__()
        self.A = nn.Parameter(1.5 * torch.randn(state, state) / state**0.5)
        self.B = nn.Parameter(torch.randn(state, control) / control**0.5)
        self.norm = nn.LayerNorm(state)
        self.head = nn.Linear(state, 2)
        self.watch = measure.unwatched

    def forward(self, controls: Tensor) -> Tensor:
        s = controls.new_zeros(controls.shape[0], self.A.shape[0])
        for u in controls.unbind(1):
            s = torch.einsum("ij,bj->bi", self.A, s) + torch.einsum("ij,bj->bi", self.B, u)
            self.watch(s)
        return self.head(self.norm(s))


def state_grows(model: Dynamics, loss: Loss, _: object) -> None:
    states: list[Tensor] = []
    model.watch = states.append
    loss(model)
    assert states[-1].norm() > measure.FAR * states[0].norm()


@case(
    "temporal_exploding",
    also=("forward_exploding",),
    cause="recurrent weight",
    about="linear state space model with an unstable transition matrix over 40 steps",
    facts=[measure.through_time(1e3), state_grows],
)
def unstable_linear_dynamics() -> Made:
    model = Dynamics(24, 3)
    controls = torch.randn(16, 40, 3)
    targets = controls[:, -5:].sum(1)[:, :2]
    return model, lambda m: F.smooth_l1_loss(m(controls), targets), None
