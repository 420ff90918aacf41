"""Healthy models with unusual aims: two networks, two losses, losses below zero."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tests.doctor.case import case

from .material import Lambda, classify, fit, he, images, mlp, text
from .proofs import gradients, history, seen, signal, trainable, trains


@case(
    None,
    about="Sixty-four pixels through a bottleneck of four units and back.",
    facts=[trains(to=0.8, steps=60)],
)
def narrow_autoencoder():
    x, _ = images()
    net = nn.Sequential(
        *(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 4)),
        *(nn.Linear(4, 64), nn.GELU(), nn.Linear(64, 64)),
    )
    return net, fit(x, x), None


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = mlp(1, outputs=16), mlp(1, inputs=8, outputs=64)

    def forward(self, x):
        mean, logvar = self.encode(x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        return self.decode(z), (mean.square() + logvar.exp() - logvar - 1).sum(1) / 2


@case(
    None,
    about="Noise in the middle, and a divergence beside the error of reconstruction.",
    facts=[trains(to=0.9, steps=60)],
)
def variational_autoencoder():
    x, _ = images()

    def loss(model):
        back, divergence = model(x)
        return F.mse_loss(back, x) + 0.001 * divergence.mean()

    return Variational(), loss, None


@case(
    None,
    about="A discriminator of digits against noise, with spectral norms and leaky ReLU.",
    facts=[trains()],
)
def discriminator():
    net = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(64, 64)),
        nn.LeakyReLU(0.2),
        nn.utils.parametrizations.spectral_norm(nn.Linear(64, 64)),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 1),
    )
    real, fake = images()[0], torch.randn(128, 64)

    def loss(model):
        return F.softplus(-model(real)).mean() + F.softplus(model(fake)).mean()

    return net, loss, None


@case(
    None,
    about="The generator's turn: the discriminator passes gradients on, outside the optimizer.",
    facts=[trains(to=0.5, lr=1e-3)],
)
def generator_step():
    net = nn.ModuleDict({"generator": mlp(2, inputs=8, outputs=64), "critic": mlp(2, outputs=1)})
    noise = torch.randn(64, 8)

    def loss(model):
        return F.softplus(-model["critic"](model["generator"](noise))).mean()

    return net, loss, torch.optim.Adam(net["generator"].parameters(), lr=1e-2)


@case(
    None,
    about="A Wasserstein critic with a gradient penalty: derivatives of derivatives.",
    facts=[trains(to=0.8)],
)
def critic_with_penalty():
    real, fake = images(64)[0], torch.randn(64, 64)

    def loss(model):
        between = ((real + fake) / 2).requires_grad_()
        slope = torch.autograd.grad(model(between).sum(), between, create_graph=True)[0]
        penalty = (slope.norm(dim=1) - 1).square().mean()
        return model(fake).mean() - model(real).mean() + 10 * penalty

    return mlp(2, lambda: nn.LeakyReLU(0.2), he, outputs=1), loss, None


class Twins(nn.Module):
    """One encoder for both views."""

    def __init__(self):
        super().__init__()
        self.encoder = mlp(2, nn.ReLU, he, outputs=32)
        self.predict = mlp(1, inputs=32, width=32, outputs=32)

    def forward(self, x):
        return self.encoder(x)


@case(
    None,
    about="Two noisy views of each digit find each other; the encoder is used twice.",
    facts=[trains(to=0.6)],
)
def siamese_contrastive():
    x = images(64)[0]
    a, b = (x + 0.3 * torch.randn_like(x) for _ in range(2))

    def loss(model):
        za, zb = (F.normalize(model.predict(model(v)), dim=1) for v in (a, b))
        return F.cross_entropy(za @ zb.T / 0.2, torch.arange(64))

    return Twins(), loss, None


@case(
    None,
    about="One view is detached, as in SimSiam; all parameters have gradients from the other.",
    facts=[trains(to=0.5)],
)
def stop_gradient():
    x = images(64)[0]
    a, b = (x + 0.3 * torch.randn_like(x) for _ in range(2))

    def loss(model):
        za, zb = model(a), model(b)
        pa, pb = model.predict(za), model.predict(zb)
        similar = F.cosine_similarity(pa, zb.detach()) + F.cosine_similarity(pb, za.detach())
        return 2 - similar.mean()

    return Twins(), loss, None


class Agent(nn.Module):
    """Values of actions, and the slow copy that gives the targets."""

    def __init__(self):
        super().__init__()
        self.values = mlp(2, nn.ReLU, he, inputs=4, outputs=3)
        self.target = copy.deepcopy(self.values).requires_grad_(False)


@case(
    None,
    about="Deep Q-learning: the target network is a frozen copy, and not in the optimizer.",
    facts=[trains(steps=60)],
)
def target_network():
    net = Agent()
    now, then, reward = torch.randn(64, 4), torch.randn(64, 4), torch.randn(64)
    action = torch.randint(3, (64, 1))

    def loss(model):
        with torch.no_grad():
            goal = reward + 0.9 * model.target(then).amax(1)
        return F.smooth_l1_loss(model.values(now).gather(1, action)[:, 0], goal)

    return net, loss, torch.optim.Adam(net.values.parameters(), 1e-2)


@case(
    None,
    about="Advantages are numbers here: they are detached, and the value has a loss of its own.",
    facts=[trains(to=0.9, lr=3e-3)],
)
def policy_gradient():
    state, reward = torch.randn(64, 4), torch.randn(64)
    action = torch.randint(3, (64,))
    net = mlp(2, nn.Tanh, nn.init.xavier_normal_, inputs=4, outputs=4)

    def loss(model):
        out = model(state)
        advantage = reward - out[:, 3]
        policy = F.cross_entropy(out[:, :3], action, reduction="none")
        return (policy * advantage.detach().clamp(0.1)).mean() + advantage.square().mean()

    return net, loss, None


class Coupling(nn.Module):
    """Scales and shifts one half by what the other says."""

    def __init__(self, flip):
        super().__init__()
        self.net, self.flip = mlp(1, nn.Tanh, inputs=2, outputs=4, width=32), flip

    def forward(self, x):
        a, b = (x.chunk(2, 1))[:: -1 if self.flip else 1]
        log, shift = self.net(a).chunk(2, 1)
        log = torch.tanh(log)
        return torch.cat([a, b * log.exp() + shift], 1), log.sum(1)


@case(
    None,
    about="Its loss is a negative log-likelihood of narrow data, and falls below 0.",
    facts=[trains(to=0.5, steps=60)],
)
def normalising_flow():
    x = 0.3 * torch.randn(128, 4) @ torch.randn(4, 4)

    def loss(model):
        z, total = x, 0.0
        for layer in model:
            z, log = layer(z)
            total = total + log
        return (z.square().sum(1) / 2 - total).mean()

    return nn.Sequential(*(Coupling(i % 2) for i in range(4))), loss, None


@case(
    None,
    about="A body with two heads, whose losses differ by a factor of a hundred.",
    facts=[trains(to=0.7)],
)
def two_tasks():
    x, y = images()
    net = nn.ModuleDict(
        {"body": mlp(2, nn.ReLU, he, outputs=64), "a": nn.Linear(64, 10), "b": nn.Linear(64, 1)}
    )

    def loss(model):
        h = F.relu(model["body"](x))
        return F.cross_entropy(model["a"](h), y) + 100 * F.mse_loss(model["b"](h)[:, 0], y / 10.0)

    return net, loss, None


@case(None, about="Every layer has a read-out of its own.", facts=[trains(to=0.7)])
def deep_supervision():
    x, y = images()
    net = nn.ModuleList(
        nn.ModuleDict({"layer": nn.Linear(64, 64), "head": nn.Linear(64, 10)}) for _ in range(6)
    )

    def loss(model):
        h, total = x, 0.0
        for part in model:
            h = torch.tanh(part["layer"](h))
            total = total + F.cross_entropy(part["head"](h), y)
        return total

    return net, loss, None


@case(
    None, about="Differentiable choices among 16 codes, by a noisy softmax.", facts=[trains(to=0.7)]
)
def gumbel_choice():
    x, _ = images()
    choose = Lambda(lambda h: F.gumbel_softmax(h, tau=1.0))
    net = nn.Sequential(nn.Linear(64, 16), choose, nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64))
    return net, fit(x, x.clamp(-1, 1) + 1), None


@case(
    None,
    about="A regression on raw prices: the loss starts at millions.",
    facts=[trains(to=0.2, lr=0.1), signal("layer1", "head", (0.01, 100))],
)
def targets_in_the_thousands():
    x, _ = images()
    return mlp(2, nn.ReLU, he, outputs=1), fit(x, 3000 + 500 * x[:, 20:21]), None


@case(
    None,
    about="A denoiser that is told how much noise there is, by sines of the time.",
    facts=[trains(to=0.5)],
)
def noisy_time_embedding():
    x, _ = images()
    t = torch.rand(128, 1)
    noise = torch.randn_like(x)
    waves = torch.cat([f(t * 2.0 ** torch.arange(8)) for f in (torch.sin, torch.cos)], 1)
    mixed = torch.cat([(1 - t) * x + t * noise, waves], 1)
    return mlp(2, nn.SiLU, inputs=80, outputs=64, width=128), fit(mixed, noise - x), None


def some_margins_met(model, loss, optimizer):
    """After a few steps some samples do not count, and every parameter still learns."""
    history(model, loss, torch.optim.Adam(trainable(model), 1e-2), 8)
    rows = seen(model, loss, "head")["head"][-1].grad.abs().sum(1)
    assert 0.05 < (rows == 0).double().mean() < 0.95
    assert all(g.any() for g in gradients(model, loss).values())


@case(
    None,
    about="A margin loss: samples that are right by enough have no gradient.",
    facts=[trains(), some_margins_met],
)
def hinge_loss():
    x, y = images()
    return mlp(2, nn.ReLU, he), lambda model: F.multi_margin_loss(model(x), y), None


@case(
    None,
    about="Words and their neighbours: two tables of embeddings, of which a batch touches little.",
    facts=[trains(to=0.6)],
)
def skip_gram():
    net = nn.ModuleDict({"word": nn.Embedding(2000, 16), "near": nn.Embedding(2000, 16)})
    word, near = text(64, 2, 2000).T
    other = torch.randint(2000, (64,))

    def loss(model):
        w = model["word"](word)
        true, false = ((w * model["near"](n)).sum(1) for n in (near, other))
        return F.softplus(-true).mean() + F.softplus(false).mean()

    return net, loss, None


@case(
    None,
    about="A head with weights ten times too large: the loss starts far above ln 10, and it learns",
    facts=[trains(lr=3e-3)],
)
def wrong_at_first_and_sure():
    net = mlp(2, nn.ReLU, he)
    with torch.no_grad():
        net.head.weight *= 10
    return net, classify(*images()), None
