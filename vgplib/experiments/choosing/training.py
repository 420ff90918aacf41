"""Advice that leaves the network as it is: how it is trained, and where to look."""

from __future__ import annotations

from vgplib.experiments.choosing.advice import IMPORTS, Advice
from vgplib.experiments.remedies import MAP

SYMPTOMS = "03-symptoms"


def _step(lines: str, before: str = "") -> str:
    """One step of training, with some lines where they belong."""
    return (
        f"{IMPORTS}# Yours in place of these:\n"
        "model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))\n"
        "x, y = torch.randn(32, 64), torch.randint(10, (32,))\n"
        f"optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)\n{before}\n"
        f"nn.functional.cross_entropy(model(x), y).backward()\n{lines}"
    )


_EXAMINE = (
    f"{IMPORTS}import vgplib as vgp\n\n"
    "parts = [part for _ in range(8) for part in (nn.Linear(64, 64), nn.Sigmoid())]\n"
    "model = nn.Sequential(*parts, nn.Linear(64, 10))  # yours\n"
    "x, y = torch.randn(64, 64), torch.randint(10, (64,))\n"
    "print(vgp.examine(model, lambda model: nn.functional.cross_entropy(model(x), y)))"
)

TRAINING: dict[str, Advice] = {
    "search": Advice(
        "Search the learning rate, over a factor of a thousand",
        "training",
        "The best rates in our races lie far apart, and the wrong one looks like "
        "illness. It costs little, so try it before you change the network.",
        "Rates 0.001, 0.003, 0.01 and so on, up to 1; the same few hundred steps for each.",
        f"{IMPORTS}x, y = torch.randn(256, 64), torch.randint(10, (256,))  # yours\n\n\n"
        "def loss_after(rate, steps=100):\n    torch.manual_seed(0)\n"
        "    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))\n"
        "    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)\n"
        "    for _ in range(steps):\n        loss = nn.functional.cross_entropy(model(x), y)\n"
        "        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n"
        "    return loss.item()\n\n\n"
        "found = {rate: loss_after(rate) for rate in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)}",
        MAP,
        cost="seven short runs",
        shown=("remedy-rates", {"row": "relu_he"}),
    ),
    "clip": Advice(
        "Clip the gradient by its norm",
        "training",
        "A step can then not be longer than you allow, whatever the loss does. It tames the "
        "steps and leaves what made them large.",
        "A norm of 1, or the middle one of what you log over a few hundred healthy steps.",
        _step(
            "length = nn.utils.clip_grad_norm_(\n    model.parameters(), 1.0, "
            "error_if_nonfinite=True\n)\noptimizer.step()"
        ),
        MAP,
        row="clip",
    ),
    "adam": Advice(
        "Adam",
        "training",
        "Its steps are at most about as long as the learning rate, however large the gradient. "
        "What made the gradient large stays, and so does part of the harm.",
        "A learning rate of 0.001.",
        _step("optimizer.step()").replace(
            "SGD(model.parameters(), lr=0.03, momentum=0.9)", "Adam(model.parameters(), lr=0.001)"
        ),
        MAP,
        row="adam",
    ),
    "smaller": Advice(
        "Back to the last good weights, and on at a third of the rate",
        "training",
        "What has blown up or died doesn't come back by itself. A rate that was right at first "
        "can be too large later.",
        "Keep the weights every few hundred steps; divide the rate by 3.",
        _step(
            "optimizer.step()\n\n# When it has gone wrong:\nmodel.load_state_dict(kept)\n"
            'for group in optimizer.param_groups:\n    group["lr"] /= 3',
            "kept = copy.deepcopy(model.state_dict())  # while all is well\n",
        ).replace("import torch\n", "import copy\n\nimport torch\n"),
        MAP,
        cost="nothing",
        shown=("remedy-rates", {"row": "relu_he"}),
    ),
    "keep": Advice(
        "Leave it as it is, and note how it looks while it's well",
        "nothing",
        "Nothing is wrong, so there's nothing to mend, and most remedies cost time or memory. What "
        "healthy looks like is worth knowing on the day it breaks.",
        "Every tenth step will do.",
        f"{IMPORTS}import vgplib as vgp\n\n# Yours in place of these:\n"
        "model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))\n"
        "x, y = torch.randn(64, 64), torch.randint(10, (64,))\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)\n\n"
        "with vgp.watch(model, every=10) as watched:\n    for _ in range(50):\n"
        "        optimizer.zero_grad()\n"
        "        nn.functional.cross_entropy(model(x), y).backward()\n"
        "        optimizer.step()\nprint(watched.diagnosis)",
        SYMPTOMS,
        cost="a little time at every tenth step",
    ),
    "measure": Advice(
        "Measure before you change more",
        "nothing",
        "Which layers hear the loss, what grows, what is dead: the doctor looks at all of it, on "
        "a copy, and says what it rests on.",
        "One batch, as you train it.",
        _EXAMINE,
        SYMPTOMS,
        cost="a few seconds",
    ),
    "ask": Advice(
        "Ask for more room: for new weights, at least",
        "nothing",
        "In our races, no change to the training alone got such a network to learn: no rate, no "
        "batch, no clipping, no optimiser. Show what the doctor says to whoever set the limits.",
        "One batch, as you train it.",
        _EXAMINE,
        MAP,
        cost="a few seconds",
    ),
}
