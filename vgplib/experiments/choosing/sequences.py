"""Advice for recurrent networks and transformers."""

from __future__ import annotations

from vgplib.experiments.choosing.advice import IMPORTS, Advice
from vgplib.experiments.remedies import GATE, SKIP

ADAM = "Adam, the gradient clipped at norm 1; look for a learning rate around {rate}."
ADDING = {"task": "adding"}


def _race(row: str) -> dict:
    """What shows that a cell remembers, and the search for its learning rate."""
    setting = {"row": row, **ADDING}
    return {"shown": ("memory-race", setting), "rates": ("memory-rates", setting)}


_CHRONO = (
    f"{IMPORTS}longest = 40  # steps over which it has to remember\nmodel = nn.LSTM(8, 32)\n"
    "keep = torch.empty(32).uniform_(1, longest - 1).log()\nwith torch.no_grad():\n"
    "    model.bias_hh_l0.zero_()\n    model.bias_ih_l0.zero_()\n"
    "    model.bias_ih_l0[32:64] = keep  # the forget gates\n"
    "    model.bias_ih_l0[:32] = -keep  # the input gates"
)
_TRANSFORMER = (
    f"{IMPORTS}layer = nn.TransformerEncoderLayer(\n"
    "    32, nhead=2, dim_feedforward=128, dropout=0.0, batch_first=True, norm_first=True\n)\n"
    "model = nn.TransformerEncoder(\n"
    "    layer, num_layers=12, norm=nn.LayerNorm(32), enable_nested_tensor=False\n)"
)
_DEEPNORM = (
    f"{IMPORTS}depth, width = 12, 32\nalpha, beta = (2 * depth) ** 0.25, (8 * depth) ** -0.25\n\n\n"
    "class Layer(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)\n"
    "        self.wide = nn.Sequential(\n            nn.Linear(width, 128), nn.ReLU(), "
    "nn.Linear(128, width)\n        )\n"
    "        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))\n"
    "        values = self.attention.in_proj_weight[2 * width :]\n"
    "        for weight in (values, self.attention.out_proj.weight, *self.wide[::2]):\n"
    '            weight = getattr(weight, "weight", weight)\n'
    "            nn.init.xavier_normal_(weight, gain=beta)\n\n"
    "    def forward(self, h):\n"
    "        h = self.norms[0](alpha * h + self.attention(h, h, h)[0])\n"
    "        return self.norms[1](alpha * h + self.wide(h))\n\n\n"
    "model = nn.Sequential(*(Layer() for _ in range(depth)))"
)

SEQUENCES: dict[str, Advice] = {
    "gru": Advice(
        "A GRU in place of the plain cell",
        "kind",
        "A gate decides what is kept, and what is kept is multiplied by almost 1. On the adding "
        "problem it learns where the plain cell guesses.",
        ADAM,
        f"{IMPORTS}model = nn.GRU(8, 32)",
        GATE,
        cost="3 times the cell's parameters",
        **_race("gru"),
    ),
    "lstm": Advice(
        "An LSTM whose gates start open (chrono)",
        "kind",
        "The cell adds up, and its forget gates start where they keep things for as long as the "
        "task asks. It learns at more rates than an LSTM as PyTorch makes it.",
        ADAM,
        _CHRONO,
        GATE,
        cost="4 times the cell's parameters",
        **_race("lstm_chrono"),
    ),
    "identity": Advice(
        "ReLU, and the identity as recurrent weights",
        "kind",
        "At the start each step hands on just what it got. It gets there in part only, and it "
        "blows up easily: keep the rate small, and clip.",
        ADAM,
        f'{IMPORTS}model = nn.RNN(8, 32, nonlinearity="relu")\nwith torch.no_grad():\n'
        "    nn.init.eye_(model.weight_hh_l0)\n    model.bias_hh_l0.zero_()\n"
        "    model.bias_ih_l0.zero_()",
        GATE,
        cost="nothing",
        **_race("irnn"),
    ),
    "chrono": Advice(
        "Start the forget gates open (chrono)",
        "start",
        "As PyTorch makes them, they are half shut, and forty halves leave nothing. With chrono "
        "they keep things for as long as the task asks.",
        ADAM,
        _CHRONO,
        GATE,
        cost="nothing",
        **_race("lstm_chrono"),
    ),
    "update_open": Advice(
        "Start the update gates open: a bias of 4",
        "start",
        "In PyTorch's GRU a large update gate keeps. With a bias of 4 it keeps 98 % a step, so "
        "more than a quarter of the signal crosses fifty steps.",
        "Adam, the gradient clipped at norm 1; a bias of 2 for sequences of about ten steps.",
        f"{IMPORTS}model = nn.GRU(8, 32)\nwith torch.no_grad():\n"
        "    model.bias_ih_l0[32:64] = 4.0  # the update gates\n    model.bias_hh_l0[32:64] = 0.0",
        GATE,
        cost="nothing",
        shown=("gates", {"memory": "gru", "bias": 4, "length": 50}),
    ),
    "recurrent_orthogonal": Advice(
        "Orthogonal recurrent weights",
        "start",
        "Drawn too large, they enlarge the signal at every step. Orthogonal ones turn it and "
        "leave its length, whatever the width.",
        "As before; if it still grows, multiply them by 0.9.",
        f"{IMPORTS}model = nn.RNN(8, 32)\nnn.init.orthogonal_(model.weight_hh_l0)",
        "02-reach",
        cost="one factorisation, once",
    ),
    "pre_norm": Advice(
        "The norm before each block, not after the sum (pre-norm)",
        "network",
        "The way around is then free of norms from the first layer to the last. Twelve layers "
        "learned at once, where post-norm guessed.",
        "Adam, learning rate 0.002; one more norm behind the last layer.",
        _TRANSFORMER,
        SKIP,
        cost="one more norm",
        shown=("pre-and-post-norm", {"arrangement": "pre", "depth": 12}),
    ),
    "deepnorm": Advice(
        "Keep post-norm, with a louder way around (DeepNorm)",
        "network",
        "The way around is multiplied by more than 1, and the branches start smaller. Both "
        "numbers come from the depth, so they change with it.",
        "Adam, learning rate 0.002; alpha and beta as in the code.",
        _DEEPNORM,
        SKIP,
        cost="nothing",
        shown=("pre-and-post-norm", {"arrangement": "deepnorm", "depth": 12}),
    ),
    "warm_up": Advice(
        "Warm up: let the learning rate grow from 0",
        "training",
        "Adam's first steps are as long as any, in directions it knows least about. Smaller ones "
        "do less harm. Alone, it got twelve post-norm layers only part of the way.",
        "A hundred steps or more, up to the rate that you have.",
        f"{IMPORTS}model = nn.Linear(64, 10)  # yours\n"
        "optimizer = torch.optim.Adam(model.parameters(), lr=0.002)\n"
        "warm = torch.optim.lr_scheduler.LambdaLR(\n"
        "    optimizer, lambda step: min(1.0, (step + 1) / 100)\n)\n"
        "model(torch.randn(32, 64)).square().mean().backward()\noptimizer.step()\n"
        "warm.step()  # after each step",
        SKIP,
        cost="nothing",
        shown=("pre-and-post-norm", {"arrangement": "post_warm", "depth": 12}),
    ),
}
