"""What the tests of cards and pages are made of: diagnoses, and a reader of HTML."""

import math
from dataclasses import replace
from html.parser import HTMLParser

import torch
from torch import nn

import vgplib as vgp
from vgplib.doctor.conditions import CONDITIONS
from vgplib.doctor.conditions.condition import Remedy
from vgplib.doctor.diagnosis import Diagnosis

VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """What stands in some HTML: elements, their attributes, the text; tags must match."""

    def __init__(self, markup):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(markup)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def network(names, activation=nn.Sigmoid):
    torch.manual_seed(0)
    model = nn.Sequential()
    for i, name in enumerate(names):
        model.add_module(name, nn.Linear(16, 16))
        model.add_module(f"activation {i}", activation())
    model.add_module("head", nn.Linear(16, 1))
    x, y = torch.randn(32, 16), torch.randn(32, 1)
    return model, lambda model: nn.functional.mse_loss(model(x), y)


def hand_made(where, measured, condition="vanishing", extra=""):
    remedies = (
        Remedy("he", f"Initialise{extra}", f"It helps.{extra}", f"x = 1{extra}\nif x:\n    y = 2"),
    )
    evidence = {f"first over last{extra}": 1e-18, "blown": math.inf, "unknown": math.nan}
    first = CONDITIONS[condition].finding("critical", tuple(where), "bias", evidence)
    second = CONDITIONS["frozen"].finding("mild", (), "", {})
    return Diagnosis((replace(first, remedies=remedies), second), measured, (0.7, 0.5))


def twelve_sigmoids():
    """The diagnosis of a deep network whose layers are called "layer 0" and so on."""
    return vgp.examine(*network([f"layer {i}" for i in range(12)]))
