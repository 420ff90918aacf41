"""Remedies for recurrent layers; each is written as the Python to paste."""

from __future__ import annotations

from torch import nn

from vgplib.doctor.evidence.parts import MATRICES
from vgplib.doctor.remedies.case import HAND_OVER, IMPORTS, REPLACE, Case, NotApplicable, loop
from vgplib.doctor.remedies.treatment import treatment

_LOOP = 3  # runs from which on a square matrix counts as one in a loop through time


@treatment(
    "make the recurrent matrix orthogonal",
    "Its powers neither shrink nor grow.",
)
def recurrent_orthogonal(case: Case) -> str:
    """Make what carries the state from one step to the next orthogonal."""
    modules = [p.module for p in case.parts if p.kind == "recurrent"]
    looped = [p for p in case.parts if p.kind in MATRICES and p.steps >= _LOOP and p.same_shape]
    code = []
    if modules:
        code.append(
            loop(
                modules,
                "for key, weight in model.get_submodule(name).named_parameters():",
                '    if "weight_hh" in key:  # one square matrix for each gate',
                "        for gate in weight.data.split(weight.shape[1]):",
                "            nn.init.orthogonal_(gate)",
            )
        )
    if looped:
        names = [p.weight for p in looped]
        code.append(loop(names, "nn.init.orthogonal_(model.get_parameter(name))"))
    if not code:
        raise NotApplicable("the model has no recurrent layer")
    return "\n".join([IMPORTS, *code])


@treatment(
    "start with open forget gates",
    "The state is kept, and the signal with it, where the gate is near 1 (Gers et al. 2000).",
)
def forget_bias(case: Case) -> str:
    """Open the gates that keep the state: LSTM's forget gate, GRU's update gate."""
    names = _gated(case)
    return "\n".join(
        [
            IMPORTS,
            loop(
                names,
                "layer = model.get_submodule(name)",
                "keep = 1.0 if isinstance(layer, (nn.LSTM, nn.LSTMCell)) else 2.0",
                "for key, bias in layer.named_parameters():",
                '    if "bias" in key:  # the second quarter or third is that gate\'s',
                "        gate = bias.data[layer.hidden_size : 2 * layer.hidden_size]",
                '        gate.fill_(keep if "bias_ih" in key else 0.0)',
            ),
        ]
    )


@treatment(
    "start gates with memories of all lengths",
    "Some units keep their state as long as the sequence is (Tallec & Ollivier 2018).",
)
def chrono_bias(case: Case) -> str:
    """Spread the memory of the units over all time scales up to the length of the sequence."""
    names = _gated(case)
    seen = max(p.steps for p in case.parts if p.module in names)
    steps = seen if seen > 2 else 100  # it was not seen to run: a guess to be mended
    return "\n".join(
        [
            IMPORTS,
            f"steps = {steps}  # the longest that is to be remembered",
            loop(
                names,
                "layer = model.get_submodule(name)",
                "is_lstm, n = isinstance(layer, (nn.LSTM, nn.LSTMCell)), layer.hidden_size",
                "for key, bias in layer.named_parameters():",
                '    if "bias" in key:',
                "        bias.data[: 2 * n].zero_()",
                '    if "bias_ih" in key:',
                "        keep = torch.empty(n).uniform_(1, steps - 1).log().to(bias)",
                "        bias.data[n : 2 * n] = keep",
                "        if is_lstm:  # the input gate lets in as much as is forgotten",
                "            bias.data[:n] = -keep",
            ),
        ]
    )


@treatment(
    "put a GRU in the place of the plain recurrent layer",
    "Its state is carried on by a gate, not by a matrix (Cho et al. 2014).",
)
def gru(case: Case) -> str:
    """Put a gated layer in the place of a plain recurrent one."""
    names = _plain_recurrent(case)
    return "\n".join(
        [
            IMPORTS,
            "new = []",
            loop(
                names,
                "old = model.get_submodule(name)",
                "n = old.hidden_size",
                "if isinstance(old, nn.RNN):",
                "    layer = nn.GRU(old.input_size, n, old.num_layers, old.bias, old.batch_first,",
                "                   old.dropout, old.bidirectional)",
                "else:",
                "    layer = nn.GRUCell(old.input_size, n, old.bias)",
                "layer.to(next(old.parameters()))",
                "for key, bias in layer.named_parameters():",
                '    if "bias_ih" in key:  # the gate that keeps the state starts open',
                "        bias.data[n : 2 * n] = 2.0",
                "new += layer.parameters()",
                *(line.format(new="layer") for line in REPLACE),
            ),
            HAND_OVER,
        ]
    )


@treatment(
    "start the recurrent matrix as the identity, with ReLU",
    "The state is handed on unchanged until something is learned (Le et al. 2015).",
)
def irnn(case: Case) -> str:
    """Start the recurrent matrix as the identity, with ReLU in place of tanh."""
    names = [
        name
        for name in _plain_recurrent(case)
        if isinstance(case.model.get_submodule(name), nn.RNN)
    ]
    if not names:
        raise NotApplicable("no nn.RNN in the model")
    return "\n".join(
        [
            IMPORTS,
            loop(
                names,
                "layer = model.get_submodule(name)",
                'layer.nonlinearity, layer.mode = "relu", "RNN_RELU"',
                "for key, p in layer.named_parameters():",
                '    if "weight_hh" in key:',
                "        nn.init.eye_(p)",
                '    elif "bias" in key:',
                "        nn.init.zeros_(p)",
            ),
        ]
    )


def _gated(case: Case) -> list[str]:
    kinds = (nn.LSTM, nn.LSTMCell, nn.GRU, nn.GRUCell)
    names = [
        p.module
        for p in case.parts
        if p.kind == "recurrent" and isinstance(case.model.get_submodule(p.module), kinds)
    ]
    if not names:
        raise NotApplicable("the model has no LSTM or GRU")
    if not all(case.model.get_submodule(name).bias for name in names):
        raise NotApplicable("its gates have no biases")
    return names


def _plain_recurrent(case: Case) -> list[str]:
    plain = (nn.RNN, nn.RNNCell)
    names = [
        p.module
        for p in case.parts
        if p.kind == "recurrent" and isinstance(case.model.get_submodule(p.module), plain)
    ]
    if not names:
        raise NotApplicable("no plain recurrent layer of PyTorch's in the model")
    return names
