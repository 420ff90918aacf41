"""NaN, and the narrow range of float16."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.case import Loss, Made, case

from . import measure


def finite_loss_nan_gradient(model: nn.Module, loss: Loss, _: object) -> None:
    assert loss(model).isfinite()
    assert any(g.isnan().any() for g in measure.gradients(model, loss).values())


class Tower(nn.Module):
    """A siamese network's shared half."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2), nn.PReLU(), nn.Conv2d(8, 16, 3, 2), nn.PReLU(), nn.Flatten()
        )
        self.embed = nn.Linear(64, 16)

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(self.conv(x))


@case(
    "nan",
    cause="singular derivative",
    about="contrastive loss with a bare square root; one pair is an image with itself",
    facts=[finite_loss_nan_gradient],
)
def siamese_pair_with_itself() -> Made:
    model = Tower()
    left, right = torch.randn(8, 1, 12, 12), torch.randn(8, 1, 12, 12)
    right[3] = left[3]
    same = torch.arange(8) % 4 == 3

    def loss(m: nn.Module) -> Tensor:
        distance = (m(left) - m(right)).pow(2).sum(1).sqrt()
        return torch.where(same, distance.pow(2), F.relu(1.0 - distance).pow(2)).mean()

    return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3)


TABLE = torch.randn(64, 8, generator=torch.Generator().manual_seed(4))
TABLE[17, 5] = float("nan")


def one_missing_value(model: nn.Module, loss: Loss, _: object) -> None:
    assert all(p.isfinite().all() for p in model.parameters())
    assert loss(model).isnan()
    assert TABLE.isnan().sum() == 1
    assert model({"features": TABLE[:17]})["logits"].isfinite().all()


@case(
    "nan",
    cause="NaN in the data",
    about="one missing cell of a table, through batch norm into everything; dict in, dict out",
    facts=[one_missing_value],
)
def table_with_missing_cell() -> Made:
    class Tabular(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.BatchNorm1d(8)
            self.body = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU())
            self.head = nn.Linear(32, 2)

        def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            hidden = self.body(self.bn(batch["features"]))
            return {"hidden": hidden, "logits": self.head(hidden)}

    model = Tabular()
    labels = torch.arange(64) % 2
    batch = {"features": TABLE}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, lambda m: F.cross_entropy(m(batch)["logits"], labels), optimizer


class MaskedPooling(nn.Module):
    """Attention pooling over a padded set; padding gets minus infinity before the softmax."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.mix = nn.GRU(width, width, batch_first=True)
        self.score = nn.Linear(width, 1)
        self.out = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        h, _ = self.mix(self.embed(tokens))
        scores = self.score(h).squeeze(-1).masked_fill(tokens == 0, float("-inf"))
        return self.out((scores.softmax(1).unsqueeze(-1) * h).sum(1))


def only_the_empty_row(model: nn.Module, loss: Loss, _: object) -> None:
    assert all(p.isfinite().all() for p in model.parameters())
    assert loss(model).isnan()
    tokens = torch.tensor([[3, 4, 0, 0], [0, 0, 0, 0]])
    assert model(tokens)[0].isfinite().all() and model(tokens)[1].isnan().all()


@case(
    "nan",
    cause="row masked out whole",
    about="attention pooling where one review is empty: a softmax over nothing but -inf",
    facts=[only_the_empty_row],
)
def empty_review_all_masked() -> Made:
    model = MaskedPooling(30, 24)
    tokens = torch.randint(1, 30, (12, 10))
    for row, length in enumerate([10, 7, 3, 9, 0, 5, 10, 8, 2, 6, 4, 10]):
        tokens[row, length:] = 0
    labels = torch.arange(12) % 2
    return model, lambda m: F.cross_entropy(m(tokens), labels), None


def entries_lost(model: nn.Module, loss: Loss, _: object) -> None:
    plain = measure.gradients(model, loss)
    plain = {name: g.clone() for name, g in plain.items()}
    scaled = measure.gradients(model, lambda m: 2.0**14 * loss(m))
    assert all(g.isfinite().all() for g in scaled.values())
    lost = sum(((plain[n] == 0) & (g != 0)).sum().item() for n, g in scaled.items())
    assert lost > 0.2 * sum(g.numel() for g in scaled.values()), lost


@case(
    "fp16_underflow",
    cause="half precision",
    about="segmentation net in pure half; the mean over all pixels makes each error tiny",
    facts=[entries_lost],
)
def half_segmentation_mean_over_pixels() -> Made:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.GroupNorm(4, 16),
        nn.ReLU(),
        nn.Conv2d(16, 2, 1),
    ).half()
    with torch.no_grad():
        model[-1].weight.mul_(0.05)  # a pre-trained head, regularised to be small
    images = torch.randn(4, 3, 48, 48).half()
    masks = (torch.rand(4, 48, 48) < 0.5).long()
    weight = 0.05  # the segmentation term among others of a multi-task loss

    def loss(m: nn.Module) -> Tensor:
        return weight * F.cross_entropy(m(images).float(), masks)

    return model, loss, None


class T5FeedForward(nn.Module):
    """Pre-norm feed-forward block with a gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wi0 = nn.Linear(width, 4 * width, bias=False)
        self.wi1 = nn.Linear(width, 4 * width, bias=False)
        self.wo = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return x + self.wo(F.gelu(self.wi0(h)) * self.wi1(h))


def leaves_the_range_of_half(model: nn.Module, loss: Loss, _: object) -> None:
    assert all(p.isfinite().all() for p in model.parameters())
    outputs: list[Tensor] = []
    handle = model[1].wo.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    assert not loss(model).isfinite()
    assert outputs[0].isinf().any()
    handle.remove()
    handle = model.float()[1].wo.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    assert loss(model).isfinite()
    assert outputs[1].abs().max() > 65504
    handle.remove()


@case(
    "fp16_overflow",
    cause="half precision",
    about="T5-like feed-forward with the large weights of its checkpoint, cast to half",
    facts=[leaves_the_range_of_half],
)
def t5_feed_forward_in_half() -> Made:
    model = nn.Sequential(
        nn.Embedding(50, 64),
        T5FeedForward(64),
        T5FeedForward(64),
        nn.LayerNorm(64),
        nn.Linear(64, 50),
    )
    with torch.no_grad():
        model[0].weight.mul_(60)
        for weight in (model[1].wi0.weight, model[1].wi1.weight):
            weight.mul_(180)
        model[1].wo.weight.mul_(8)
    model = model.half()
    tokens = torch.randint(0, 50, (4, 12))

    def loss(m: nn.Module) -> Tensor:
        return F.cross_entropy(m(tokens).float().flatten(0, 1), tokens.roll(1, 1).flatten())

    return model, loss, None
