"""What is trained: activations, initialisers, networks and data. Needs PyTorch only."""

from vgplib.networks.activations import ACTIVATIONS, Activation, activation
from vgplib.networks.data import digits, gaussian
from vgplib.networks.deep import Deep
from vgplib.networks.feedforward import FeedForward
from vgplib.networks.initialisers import INITIALISERS, Initialiser, initialise
from vgplib.networks.recurrent import CELLS, Recurrent

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "INITIALISERS",
    "Activation",
    "Deep",
    "FeedForward",
    "Initialiser",
    "Recurrent",
    "activation",
    "digits",
    "gaussian",
    "initialise",
]
