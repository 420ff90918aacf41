"""The chooser's questions, and which advice answers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from vgplib import errors
from vgplib.experiments.choosing.advice import LEVELS, Advice
from vgplib.experiments.choosing.layers import LAYERS
from vgplib.experiments.choosing.sequences import SEQUENCES
from vgplib.experiments.choosing.training import TRAINING

ADVICE: dict[str, Advice] = {**LAYERS, **SEQUENCES, **TRAINING}
MOST = 3  # pieces of advice in an answer


@dataclass(frozen=True)
class Question:
    """A question, and its answers: each with what the reader sees."""

    ask: str
    options: Mapping[str, str]


NETWORK = Question(
    "What kind of network is it?",
    {
        "plain": "plain layers, one after another",
        "convolutional": "convolutional, with or without skips",
        "recurrent": "recurrent",
        "transformer": "a transformer",
    },
)
_DEEP = Question(
    "How deep is it?",
    {"short": "up to 10 layers", "middle": "11 to 30 layers", "long": "more than 30 layers"},
)
_LONG = Question(
    "How many steps must it remember?",
    {"short": "up to 10 steps", "middle": "11 to 30 steps", "long": "more than 30 steps"},
)
_HAS = {
    "plain": Question(
        "Which activation has it?",
        {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU, or one of its kin"},
    ),
    "convolutional": Question(
        "How many images are in a batch?", {"many": "16 or more", "few": "fewer than 16"}
    ),
    "recurrent": Question(
        "Which cell has it?", {"rnn": "the plain one", "lstm": "an LSTM", "gru": "a GRU"}
    ),
    "transformer": Question(
        "Where are its norms?",
        {"post": "behind each sum (post-norm)", "pre": "before each block (pre-norm)"},
    ),
}
_WRONG = Question(
    "What goes wrong?",
    {
        "guesses": "it guesses from the start",
        "blows_up": "the loss is huge, or NaN",
        "broke": "it learned, and then broke",
        "slow": "it learns, but slowly",
        "nothing": "nothing: it learns well",
    },
)
_TRAINING, _START = "its training alone", "its training and its start: new weights"


def _may(everything: str, but_kind: str | None) -> Question:
    named = {"training": _TRAINING, "start": _START}
    levels = {"network": but_kind, "kind": everything} if but_kind else {"network": everything}
    return Question("What may be changed?", {**named, **levels})


_CHANGE = {
    "plain": _may("everything", "everything but the activation"),
    "convolutional": _may("everything", None),
    "recurrent": _may("everything", "everything but the cell"),
    "transformer": _may("everything", None),
}


def questions(network: str) -> dict[str, Question]:
    """The four questions after the first, for a kind of network, by their names.

    Raises:
        ValueError: There is no such kind; the message lists them.
    """
    errors.choose("network", network, NETWORK.options)
    size = _LONG if network == "recurrent" else _DEEP
    asked = (size, _HAS[network], _WRONG, _CHANGE[network])
    return dict(zip(("size", "has", "wrong", "change"), asked, strict=True))


@dataclass(frozen=True)
class Rule:
    """What to try, in this order, where the answers are among these; empty means any."""

    network: str
    wrong: str
    then: str
    has: str = ""
    size: str = ""

    def fits(self, network: str, size: str, has: str, wrong: str) -> bool:
        """Whether it is for these answers."""
        return (
            (self.network, self.wrong) == (network, wrong)
            and (not self.has or has in self.has.split())
            and (not self.size or size in self.size.split())
        )


# The first that fits counts; of its advice, what may be done.
RULES = (
    Rule("plain", "guesses", "relu_he skip batch_norm fitted greedy", "sigmoid", "short"),
    Rule("plain", "guesses", "elu_fitted skip batch_norm", "sigmoid", "middle"),
    Rule("plain", "guesses", "skip", "sigmoid"),
    Rule("plain", "guesses", "tanh_orthogonal skip search", "tanh"),
    Rule("plain", "guesses", "he layer_norm_relu resnet search", "relu", "short middle"),
    Rule("plain", "guesses", "rezero resnet relu_orthogonal search"),
    Rule("plain", "blows_up", "search he layer_norm_relu adam clip", "relu"),
    Rule("plain", "blows_up", "search tanh_orthogonal clip", "tanh"),
    Rule("plain", "blows_up", "search clip smaller"),
    Rule("plain", "broke", "smaller clip leaky", "relu"),
    Rule("plain", "broke", "smaller clip"),
    Rule("plain", "slow", "search relu_he shallow skip fitted", "sigmoid", "short"),
    Rule("plain", "slow", "search skip elu_fitted", "sigmoid"),
    Rule("plain", "slow", "search tanh_orthogonal skip", "tanh"),
    Rule("plain", "slow", "search he layer_norm_relu", "relu", "short middle"),
    Rule("plain", "slow", "search rezero relu_orthogonal"),
    Rule("plain", "nothing", "keep"),
    Rule("convolutional", "guesses", "conv_resnet conv_rezero conv_he search", "many"),
    Rule("convolutional", "guesses", "conv_rezero conv_he group_norm search"),
    Rule("convolutional", "blows_up", "search conv_he conv_resnet clip", "many"),
    Rule("convolutional", "blows_up", "search conv_he conv_rezero clip"),
    Rule("convolutional", "broke", "smaller clip", "many"),
    Rule("convolutional", "broke", "smaller group_norm clip"),
    Rule("convolutional", "slow", "search conv_resnet conv_he", "many"),
    Rule("convolutional", "slow", "search conv_rezero group_norm"),
    Rule("convolutional", "nothing", "keep"),
    Rule("recurrent", "guesses", "search gru lstm", "rnn", "short"),
    Rule("recurrent", "guesses", "gru lstm identity", "rnn"),
    Rule("recurrent", "guesses", "search chrono", "lstm", "short"),
    Rule("recurrent", "guesses", "chrono search", "lstm"),
    Rule("recurrent", "guesses", "search update_open"),
    Rule("recurrent", "blows_up", "clip recurrent_orthogonal smaller", "rnn"),
    Rule("recurrent", "blows_up", "clip smaller"),
    Rule("recurrent", "broke", "smaller clip"),
    Rule("recurrent", "slow", "search gru lstm", "rnn"),
    Rule("recurrent", "slow", "search chrono", "lstm"),
    Rule("recurrent", "slow", "search update_open"),
    Rule("recurrent", "nothing", "keep"),
    Rule("transformer", "guesses", "search pre_norm deepnorm", "post", "short"),
    Rule("transformer", "guesses", "pre_norm deepnorm warm_up", "post"),
    Rule("transformer", "guesses", "search"),
    Rule("transformer", "blows_up", "pre_norm warm_up clip", "post"),
    Rule("transformer", "blows_up", "warm_up clip smaller"),
    Rule("transformer", "broke", "smaller clip warm_up"),
    Rule("transformer", "slow", "search pre_norm deepnorm", "post"),
    Rule("transformer", "slow", "search"),
    Rule("transformer", "nothing", "keep"),
)


def recommend(*, network: str, size: str, has: str, wrong: str, change: str) -> list[str]:
    """What to try, by its names in ``ADVICE``, the first first: one to three of them.

    Args:
        network: An answer to ``NETWORK``.
        size: An answer to the question of that name in ``questions(network)``, as are the others.
        has: What it has: its activation, cell, batch or norms.
        wrong: What goes wrong.
        change: What may be changed, at the most.

    Raises:
        ValueError: An answer is none of those that the question has; the message lists them.
    """
    given = {"size": size, "has": has, "wrong": wrong, "change": change}
    for name, question in questions(network).items():
        errors.choose(name, given[name], question.options)
    rule = next(rule for rule in RULES if rule.fits(network, size, has, wrong))
    most = LEVELS.index(change)
    found = [name for name in rule.then.split() if LEVELS.index(ADVICE[name].level) <= most]
    if not found:
        return ["ask"]
    return found[:MOST] if len(found) > 1 else [*found, "measure"]


def paths() -> Iterator[dict[str, str]]:
    """All ways to answer the questions."""
    for network in NETWORK.options:
        asked = questions(network)
        for answers in product(*(question.options for question in asked.values())):
            yield {"network": network, **dict(zip(asked, answers, strict=True))}
