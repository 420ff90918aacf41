"""Advice for layers one after the other: linear maps, or convolutions."""

from __future__ import annotations

from typing import Any

from vgplib.experiments.choosing.advice import IMPORTS, RATE, Advice, race
from vgplib.experiments.remedies import CH4, DEPTH, INIT, LAYERWISE, NORM, SKIP

XAVIER = "xavier_normal_(layer.weight)"
HE = 'kaiming_normal_(layer.weight, nonlinearity="relu")'


def _deep(row: str) -> dict[str, Any]:
    """A remedy's cost, and that it holds for 56 layers."""
    return {"row": row, "shown": ("degradation", {"row": row, "layers": 56})}


def _stack(activation: str, start: str, norm: str = "") -> str:
    """Eight layers, one after the other."""
    parts = ", ".join(f"nn.{p}" for p in ("Linear(64, 64)", norm, f"{activation}()") if p)
    return (
        f"{IMPORTS}parts = [part for _ in range(8) for part in ({parts})]\n"
        "model = nn.Sequential(*parts, nn.Linear(64, 10))\n"
        f"for layer in model[:-1:{3 if norm else 2}]:\n    nn.init.{start}\n"
        "    nn.init.zeros_(layer.bias)"
    )


def _around(branch: str, scale: str = "", first: str = "nn.Linear(64, 64)") -> str:
    """A first layer, and seven with a way around."""
    learned = "        self.scale = nn.Parameter(torch.zeros(()))\n" if scale else ""
    last = (
        "nn.Linear(64, 10)"
        if "Linear" in first
        else ("nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)")
    )
    width = 64 if "Linear" in first else 16
    return (
        f"{IMPORTS}\nclass Around(nn.Module):\n    def __init__(self, width):\n"
        f"        super().__init__()\n        self.branch = nn.Sequential(\n"
        f"            {branch}\n        )\n{learned}\n"
        f"    def forward(self, h):\n        return h + {scale}self.branch(h)\n\n\n"
        f"blocks = [Around({width}) for _ in range(7)]\n"
        f"model = nn.Sequential(\n    {first}, *blocks,\n    {last}\n)"
    )


LAYERS: dict[str, Advice] = {
    # plain layers
    "relu_he": Advice(
        "ReLU, with He's weights",
        "kind",
        "ReLU's slope is 1 where it is on, and He's weights make up for the half that is off. At "
        "large rates, units die.",
        RATE,
        _stack("ReLU", HE),
        CH4,
        **race("relu_he"),
    ),
    "elu_fitted": Advice(
        "ELU, with weights that fit it",
        "kind",
        "At twenty plain layers it gets more right than ReLU does, since the left side lets "
        "something through too. Deeper still, take a way around.",
        RATE,
        _stack("ELU", "normal_(layer.weight, std=1.22 / layer.in_features**0.5)"),
        CH4,
        row="elu",
        shown=("activation-race", {"row": "elu"}),
        rates=("activation-rates", {"row": "elu"}),
    ),
    "skip": Advice(
        "A skip connection around each layer",
        "network",
        "What gets by is multiplied by nothing. Good behind sigmoid or tanh; with ReLU and no "
        "norm, a deep stack explodes.",
        RATE,
        _around("nn.Linear(width, width), nn.Sigmoid()  # or nn.Tanh()"),
        SKIP,
        **race("skip"),
    ),
    "batch_norm": Advice(
        "Batch norm behind each linear map",
        "network",
        "It divides by the spread over the batch, so it gives back what each layer took. It needs "
        "batches of sixteen or more.",
        RATE,
        _stack("Sigmoid", XAVIER, "BatchNorm1d(64)"),
        NORM,
        **race("batch_norm"),
    ),
    "fitted": Advice(
        "Weights fitted to sigmoid: almost five times as large",
        "start",
        "Larger weights make up for most of the slope that sigmoid lacks. Enough gets through ten "
        "layers to learn; with twenty it no longer helps.",
        RATE,
        _stack("Sigmoid", "normal_(layer.weight, std=4.72 / layer.in_features**0.5)"),
        INIT,
        **race("fitted"),
    ),
    "greedy": Advice(
        "Train each layer by itself first",
        "start",
        "Each layer learns to keep what it is given, which moves its weights to where a signal "
        "gets through. It takes a training of its own.",
        "500 steps of Adam for each layer, rate 0.01. Then gradient descent, rate around {rate}.",
        f"{IMPORTS}layers = [nn.Sequential(nn.Linear(64, 64), nn.Sigmoid()) for _ in range(8)]\n"
        "h = torch.randn(1000, 64)  # your inputs\nfor layer in layers:\n"
        "    back = nn.Linear(64, 64)\n"
        "    own = torch.optim.Adam([*layer.parameters(), *back.parameters()], lr=0.01)\n"
        "    wanted = (h - h.mean(0)) / h.std(0).clamp(min=1e-3)\n    for _ in range(500):\n"
        "        some = torch.randint(len(h), (64,))\n        own.zero_grad()\n"
        "        nn.functional.mse_loss(back(layer(h[some])), wanted[some]).backward()\n"
        "        own.step()\n    h = layer(h).detach()\n"
        "model = nn.Sequential(*layers, nn.Linear(64, 10))",
        LAYERWISE,
        **race("greedy"),
    ),
    "tanh_orthogonal": Advice(
        "Orthogonal weights",
        "start",
        "They turn a signal and don't shrink it, and tanh is steep where its sums are small. "
        "It doesn't hold for ReLU.",
        RATE,
        _stack("Tanh", "orthogonal_(layer.weight)"),
        INIT,
        **race("tanh_orthogonal"),
    ),
    "he": Advice(
        "Draw the weights anew, by He",
        "start",
        "He's weights keep the signal level through ReLU. PyTorch's own are too small, and each "
        "layer keeps about 0.4 of it; with larger ones than He's it grows, and the loss explodes.",
        RATE,
        _stack("ReLU", HE),
        INIT,
        **race("relu_he"),
    ),
    "relu_orthogonal": Advice(
        "Orthogonal weights, times 1.41",
        "start",
        "With 32 layers of ReLU they learn in fewer steps than He's. What ReLU turns off, they "
        "can't bring back.",
        "Gradient descent with momentum 0.9; look for a learning rate below 0.03.",
        _stack("ReLU", "orthogonal_(layer.weight, gain=2**0.5)"),
        INIT,
        cost="one factorisation of each matrix, once",
        shown=("learning-by-depth", {"activation": "relu", "initialiser": "orthogonal"}),
    ),
    "layer_norm_relu": Advice(
        "Layer norm behind each linear map",
        "network",
        "With ReLU it keeps the signal level, whatever the weights' size, and needs no batch. It "
        "doesn't help sigmoid.",
        RATE,
        _stack("ReLU", HE, "LayerNorm(64)"),
        NORM,
        **race("layer_norm_relu"),
    ),
    "resnet": Advice(
        "Skip connections, and batch norm in each branch",
        "network",
        "The skip carries the signal, the norm keeps the sum from growing. It learned with 56 "
        "layers too. It needs batches of sixteen or more.",
        RATE,
        _around("nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()"),
        SKIP,
        rates=("remedy-rates", {"row": "resnet"}),
        **_deep("resnet"),
    ),
    "rezero": Advice(
        "Skip connections, each branch times a learned 0 (ReZero)",
        "network",
        "Every block begins as a bare wire, so depth costs nothing at the start. No norm, so any "
        "batch will do. Small rates: at large ones it blows up.",
        "Gradient descent with momentum 0.9; with 20 layers or more, a learning rate around 0.05.",
        _around("nn.Linear(width, width), nn.ReLU()", "self.scale * "),
        SKIP,
        **_deep("rezero"),
    ),
    "leaky": Advice(
        "Leaky ReLU in place of ReLU",
        "kind",
        "A unit that has been thrown to the left still hears something, and can come back.",
        RATE,
        _stack("LeakyReLU", HE),
        CH4,
        **race("leaky_relu"),
    ),
    "shallow": Advice(
        "Two layers, if the task allows",
        "network",
        "Fewer factors, and the cheapest of all. It gives up what depth is for.",
        RATE,
        f"{IMPORTS}model = nn.Sequential(\n    nn.Linear(64, 64), nn.Sigmoid(), "
        "nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 10)\n)",
        DEPTH,
        **race("depth_2"),
    ),
    # the same with convolutions
    "conv_he": Advice(
        "Draw the convolutions' weights anew, by He",
        "start",
        "He's weights keep the signal level through ReLU: PyTorch's own are too small, and with "
        "larger ones than He's it explodes. Measured on fully connected layers.",
        RATE,
        f"{IMPORTS}parts = [part for _ in range(8) for part in "
        "(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]\n"
        "model = nn.Sequential(\n    nn.Conv2d(1, 16, 3, padding=1), *parts, "
        "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)\n)\n"
        "for layer in model:\n    if isinstance(layer, nn.Conv2d):\n"
        f"        nn.init.{HE}\n        nn.init.zeros_(layer.bias)",
        INIT,
        **race("relu_he"),
    ),
    "conv_resnet": Advice(
        "Skips around the convolutions, and batch norm in each branch",
        "network",
        "Unless it has both: the skip carries the signal, the norm keeps the sum from growing. "
        "It learned with 56 layers too, fully connected ones. It needs batches of sixteen or more.",
        RATE,
        _around(
            "nn.Conv2d(width, width, 3, padding=1),\n            nn.BatchNorm2d(width), nn.ReLU()",
            first="nn.Conv2d(1, 16, 3, padding=1)",
        ),
        SKIP,
        rates=("remedy-rates", {"row": "resnet"}),
        **_deep("resnet"),
    ),
    "conv_rezero": Advice(
        "Skips around the convolutions, each branch times a learned 0 (ReZero)",
        "network",
        "Every block begins as a bare wire, so depth costs nothing at the start. No norm, so any "
        "batch will do. At large rates it blows up.",
        "Gradient descent with momentum 0.9; with 20 layers or more, a learning rate around 0.05.",
        _around(
            "nn.Conv2d(width, width, 3, padding=1), nn.ReLU()",
            "self.scale * ",
            first="nn.Conv2d(1, 16, 3, padding=1)",
        ),
        SKIP,
        **_deep("rezero"),
    ),
    "group_norm": Advice(
        "Group norm in place of batch norm",
        "network",
        "It takes its spread from one image alone, so the batch may be as small as you like. "
        "Behind sigmoid it enlarges too little.",
        "Gradient descent with momentum 0.9; groups of about eight units.",
        _around(
            "nn.Conv2d(width, width, 3, padding=1),\n            nn.GroupNorm(2, width), nn.ReLU()",
            first="nn.Conv2d(1, 16, 3, padding=1)",
        ),
        NORM,
        row="group_norm",
        shown=("normalisation", {"network": "relu", "norm": "group", "batch": 4, "depth": 20}),
    ),
}
