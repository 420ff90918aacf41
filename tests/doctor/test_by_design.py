"""What looks ill by its numbers and is meant to be so, in ordinary models."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import vgplib as vgp

WORDS = torch.randint(1, 40, (8, 12), generator=torch.Generator().manual_seed(0))


class Encoder(nn.Module):
    """Words and fixed positions, then pre-norm blocks."""

    def __init__(self, size, positions_learn=False):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(40, 32)
        nn.init.uniform_(self.words.weight, -size, size)
        table = torch.randn(12, 32).sin() * size
        self.positions = nn.Embedding.from_pretrained(table, freeze=not positions_learn)
        self.norm = nn.LayerNorm(32)
        block = nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 3, enable_nested_tensor=False)
        self.head = nn.Linear(32, 40)

    def forward(self, words):
        h = self.words(words) + self.positions(torch.arange(12))
        return self.head(self.blocks(self.norm(h)))


def loss(model):
    return F.cross_entropy(model(WORDS).flatten(0, 1), WORDS.flatten())


def test_a_fixed_table_of_positions_may_be_in_the_optimizer():
    model = Encoder(1.0)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    assert vgp.examine(model, loss, optimizer=optimizer).healthy


def test_a_matrix_that_is_frozen_in_the_optimizer_is_told_beside_the_table():
    model = Encoder(1.0)
    model.head.weight.requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    (finding,) = vgp.examine(model, loss, optimizer=optimizer).findings
    assert (finding.condition, finding.where) == ("frozen", ("head.weight",))


@pytest.mark.parametrize("size", [1.0, 1e-4])
def test_small_embeddings_in_front_of_a_norm_do_not_explode(size):
    """In front of a norm the signal grows as what it divides by shrinks, whatever the depth."""
    model = Encoder(size, positions_learn=True)
    diagnosis = vgp.examine(model, loss)
    assert "exploding" not in diagnosis.conditions
    data = diagnosis.measured
    names = list(data.name.values)
    before = data.signal.values[names.index("words")] / data.signal.values[names.index("head")]
    assert before > 1e3 if size < 1e-3 else before < 1e2
