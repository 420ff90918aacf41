"""Remedies for numbers that are none any more; each is written as the Python to paste."""

from __future__ import annotations

from vgplib.doctor.remedies.case import Case, NotApplicable
from vgplib.doctor.remedies.treatment import treatment

_IMPORT = "import torch\nfrom torch.overrides import TorchFunctionMode\n"
_ABOVE_0 = """

def above_0(x):  # in float16, 1e-8 is 0
    return max(1e-8, torch.finfo(x.dtype).tiny) if x.is_floating_point() else 1e-8
"""


def _under(mode: str, code: str) -> str:
    """Code that computes the loss under a mode, which may change what a function is given."""
    return f"""{_IMPORT}{code}

def loss(model, plain=loss):
    with {mode}():
        return plain(model)"""


@treatment(
    "add an epsilon under roots and logarithms",
    "The slope of a root is infinite at 0, and 0 times infinity is NaN.",
)
def safe_roots(case: Case) -> str:
    """Keep roots and logarithms away from 0, where their slope is infinite."""
    return _under(
        "AwayFromZero",
        _ABOVE_0
        + '''

class AwayFromZero(TorchFunctionMode):
    """To see whether it helps; then write torch.sqrt(x + 1e-8) in your own code."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, rest = func.__name__.strip("_"), args[1:]
        root = name == "pow" and rest and isinstance(rest[0], float) and rest[0] < 1
        if root or name in ("sqrt", "rsqrt", "log"):
            return func(args[0] + above_0(args[0]), *rest, **(kwargs or {}))
        if name == "std":
            return torch.sqrt(torch.var(*args, **(kwargs or {})) + above_0(args[0]))
        if name in ("acos", "asin"):
            return func(args[0] * (1 - max(1e-6, torch.finfo(args[0].dtype).eps)), *rest)
        return func(*args, **(kwargs or {}))
''',
    )


@treatment(
    "keep rows from being masked out whole",
    "A softmax over nothing divides 0 by 0. Let such a row see one place: nobody reads it anyway.",
)
def guard_rows(case: Case) -> str:
    """Unmask what is masked out whole."""
    return _under(
        "NoEmptyRows",
        '''

class NoEmptyRows(TorchFunctionMode):
    """To see whether it helps; then let each row of your mask leave at least one place."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = func.__name__, dict(kwargs or {})
        if name in ("softmax", "log_softmax"):
            dim = args[1] if len(args) > 1 else kwargs["dim"]
            empty = args[0].isneginf().all(dim, keepdim=True)
            args = (args[0].masked_fill(empty, 0.0), *args[1:])
        mask = kwargs.get("key_padding_mask")
        if name == "multi_head_attention_forward" and mask is not None:
            out = mask if mask.dtype == torch.bool else mask.isneginf()
            kwargs["key_padding_mask"] = mask.masked_fill(out.all(-1, keepdim=True), 0)
        return func(*args, **kwargs)
''',
    )


@treatment(
    "bound the exponent",
    "exp(89) is too large for float32, exp(12) for float16.",
)
def bound_exponent(case: Case) -> str:
    """Clamp what goes into an exponential."""
    return _under(
        "BoundExponent",
        '''

class BoundExponent(TorchFunctionMode):
    """To see whether it helps; then write x.clamp(max=20).exp() in your own code."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func.__name__.strip("_") in ("exp", "exp2", "expm1", "sinh", "cosh"):
            largest = 20.0 if torch.finfo(args[0].dtype).max > 1e30 else 5.0
            args = (args[0].clamp(max=largest), *args[1:])
        return func(*args, **(kwargs or {}))
''',
    )


@treatment(
    "guard means over nothing",
    "The mean of no number is 0 over 0. Where nothing is selected, there is nothing to learn.",
)
def guard_means(case: Case) -> str:
    """Let a mean over nothing be 0."""
    return _under(
        "ZeroOfNothing",
        '''

class ZeroOfNothing(TorchFunctionMode):
    """To see whether it helps; then ask in your own code whether anything is selected."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name, out = func.__name__, func(*args, **kwargs)
        if not (name == "mean" or name.endswith(("loss", "entropy"))):
            return out
        target = args[1] if len(args) > 1 else kwargs.get("target")
        ignored = kwargs.get("ignore_index", -100)
        labelled = torch.is_tensor(target) and not target.is_floating_point()
        if args[0].numel() == 0 or (labelled and bool((target == ignored).all())):
            return 0.0 * args[0].sum()
        return out
''',
    )


@treatment(
    "add an epsilon to denominators",
    "Where what is divided by may be 0, a number that is next to nothing keeps the result finite.",
)
def safe_division(case: Case) -> str:
    """Keep denominators away from 0."""
    return _under(
        "AwayFromZero",
        _ABOVE_0
        + '''

class AwayFromZero(TorchFunctionMode):
    """To see whether it helps; then write a / (b + 1e-8) in your own code."""

    BELOW = {"truediv": 1, "div": 1, "divide": 1, "true_divide": 1, "rtruediv": 0, "reciprocal": 0}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        place, args = self.BELOW.get(func.__name__.strip("_")), list(args)
        if place is not None and len(args) > place:
            below = args[place]
            if not torch.is_tensor(below):
                args[place] = below or 1e-8
            elif below.is_floating_point():
                args[place] = below + above_0(below)
        return func(*args, **(kwargs or {}))
''',
    )


@treatment(
    "put 0 where the input is not a number",
    "One NaN in the input is enough to spoil every weight.",
)
def nan_inputs(case: Case) -> str:
    """Put 0 where the input is not finite."""
    return """import torch


def fixed(value):
    is_float = torch.is_tensor(value) and value.is_floating_point()
    return torch.nan_to_num(value, 0.0, 0.0, 0.0) if is_float else value


# Better still: find out how they came into the data.
model.register_forward_pre_hook(
    lambda module, args, kwargs: (
        tuple(map(fixed, args)),
        {key: fixed(value) for key, value in kwargs.items()},
    ),
    with_kwargs=True,
)"""


@treatment(
    "leave out samples whose target is not a number",
    "All that the network gives is finite: the NaN comes in where the loss compares.",
)
def drop_targets(case: Case) -> str:
    """Leave out what nothing can be compared with: always by hand."""
    raise NotApplicable(
        "the targets are in your loss, which the doctor cannot look into",
        "# Before the loss: known = torch.isfinite(y)\n"
        "# and compare model(x)[known] with y[known]. Better still: find out how they came in.",
    )
