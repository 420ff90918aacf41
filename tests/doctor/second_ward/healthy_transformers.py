"""Healthy attention: what looks odd here is so by design."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.case import case
from tests.doctor.second_ward.proofs import zero
from tests.doctor.second_ward.training import learns


class CausalBlock(nn.Module):
    def __init__(self, width, heads=4, bias=True):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width, bias=bias)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = (
            t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for t in self.c_attn(self.ln_1(x)).chunk(3, -1)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).flatten(2))
        return x + self.proj(F.gelu(self.fc(self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self, width=32, depth=6, vocabulary=500, length=32):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.h = nn.ModuleList(CausalBlock(width) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.apply(self._init)
        for name, p in self.named_parameters():
            if name.endswith("proj.weight"):
                nn.init.normal_(p, std=0.02 / (2 * depth) ** 0.5)
        self.lm_head.weight = self.wte.weight

    def _init(self, m):
        if isinstance(m, nn.Linear | nn.Embedding):
            nn.init.normal_(m.weight, std=0.02)
        if isinstance(m, nn.Linear) and m.bias is not None:
            nn.init.zeros_(m.bias)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


@case(
    None,
    about="GPT-2's init, tied embedding, positions never reached, a new batch at every call",
    facts=[learns()],
)
def gpt_with_tied_embedding():
    model, corpus = GPT(), (torch.arange(2000) * 7) % 40

    def loss(m):
        at = torch.randint(0, 1900, (8, 1)) + torch.arange(17)
        ids = corpus[at]
        return F.cross_entropy(m(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    return model, loss, torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))


class LoRA(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / rank)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.A), self.B) * 2.0


@case(
    None,
    about="LoRA at its first step: the base is frozen, B is 0, so A's gradient is exactly 0",
    facts=[learns(drop=0.05), zero("h.0.c_attn.A", "h.5.c_attn.A")],
)
def lora_first_step():
    model = GPT(vocabulary=40).requires_grad_(False)
    for block in model.h:
        block.c_attn = LoRA(block.c_attn)
    ids = (torch.randint(0, 40, (8, 1)) + 3 * torch.arange(17)) % 40
    adapters = [p for p in model.parameters() if p.requires_grad]
    return (
        model,
        lambda m: F.cross_entropy(m(ids[:, :-1]).mT, ids[:, 1:]),
        torch.optim.Adam(adapters, lr=3e-2),
    )


class Classifier(nn.Module):
    """Takes and returns dictionaries, in the manner of Hugging Face."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(60, 32, padding_idx=0)
        self.register_buffer("positions", torch.randn(40, 32) * 0.1)
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, "relu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.pooler = nn.Sequential(nn.Linear(32, 32), nn.Tanh())
        self.classifier = nn.Linear(32, 3)

    def forward(self, input_ids, attention_mask, labels=None):
        x = self.embeddings(input_ids) + self.positions[: input_ids.shape[1]]
        x = self.encoder(x, src_key_padding_mask=attention_mask == 0)
        logits = self.classifier(self.pooler(x[:, 0]))
        return {"loss": F.cross_entropy(logits, labels), "logits": logits, "hidden": x}


@case(
    None,
    about="post-norm encoder, dictionaries in and out, three quarters padding",
    facts=[learns()],
)
def mostly_padding():
    lengths = torch.randint(3, 9, (32,))
    mask = (torch.arange(40) < lengths[:, None]).long()
    ids = torch.randint(1, 60, (32, 40)) * mask
    batch = {"input_ids": ids, "attention_mask": mask, "labels": ids[:, 0] % 3}
    model = Classifier()
    return model, lambda m: m(**batch)["loss"], torch.optim.AdamW(model.parameters(), lr=2e-3)


class ViT(nn.Module):
    """Layer scale of 10⁻⁶, stochastic depth, a class token."""

    def __init__(self, width=32, depth=8):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.pos = nn.Parameter(0.02 * torch.randn(1, 17, width))
        self.blocks = nn.ModuleList(CausalBlock(width) for _ in range(depth))
        self.gamma = nn.ParameterList(torch.full((width,), 1e-6) for _ in range(depth))
        self.head = nn.Linear(width, 5)

    def forward(self, images):
        x = self.patch(images).flatten(2).mT
        x = torch.cat([x, self.cls.expand(len(x), -1, -1)], 1) + self.pos
        for block, gamma in zip(self.blocks, self.gamma, strict=True):
            keep = (torch.rand(len(x), 1, 1) < 0.9) / 0.9 if self.training else 1.0
            x = x + keep * gamma * (block(x) - x)
        return self.head(F.layer_norm(x, x.shape[-1:]).mean(1))


@case(
    None,
    about="layer scale 10⁻⁶: the branches' gradients are a millionth of the stream's, for now",
    facts=[learns()],
)
def vit_with_layer_scale():
    images, labels = torch.randn(16, 3, 16, 16), torch.randint(0, 5, (16,))
    return ViT(), lambda m: F.cross_entropy(m(images), labels), None


class DiT(nn.Module):
    """Diffusion with adaLN-Zero: gates and the last layer start at zero."""

    def __init__(self, width=32, depth=4):
        super().__init__()
        self.inp, self.time = nn.Linear(6, width), nn.Linear(1, width)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 64), nn.SiLU(), nn.Linear(64, width))
            for _ in range(depth)
        )
        self.modulation = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(depth))
        self.out = nn.Linear(width, 6)
        for layer in [*self.modulation, self.out]:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t):
        x, c = self.inp(x), F.silu(self.time(t))
        for branch, modulate in zip(self.branches, self.modulation, strict=True):
            shift, scale, gate = modulate(c).chunk(3, -1)
            x = x + gate * branch(F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift)
        return self.out(x)


@case(
    None,
    about="adaLN-Zero: at the first step only the last layer has a gradient",
    facts=[learns(drop=0.1), zero("inp.weight", "branches.0.0.weight", "modulation.3.weight")],
)
def dit_adaln_zero():
    data = torch.randn(256, 1) * torch.ones(6)

    def loss(m):
        x, t = data[torch.randint(0, 256, (128,))], torch.rand(128, 1)
        noise = torch.randn_like(x)
        return F.mse_loss(m((1 - t) * x + t * noise, t), noise - x)

    return DiT(), loss, None


@case(
    None,
    about="ReZero, 48 blocks deep: each branch is multiplied by a scalar that is 0 today",
    facts=[learns(), zero("layers.0.0.weight", "layers.40.2.weight")],
)
def rezero_tower():
    class ReZero(nn.Module):
        def __init__(self, width=24, depth=48):
            super().__init__()
            self.layers = nn.ModuleList(
                nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
                for _ in range(depth)
            )
            self.alpha = nn.Parameter(torch.zeros(depth))
            self.head = nn.Linear(width, 3)

        def forward(self, x):
            for a, layer in zip(self.alpha, self.layers, strict=True):
                x = x + a * layer(x)
            return self.head(x)

    x = torch.randn(64, 24)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 1).long()
    return ReZero(), lambda m: F.cross_entropy(m(x), y), None


class Llama(nn.Module):
    def __init__(self, width=32, depth=4):
        super().__init__()
        self.tok = nn.Embedding(40, width)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            block = nn.ModuleDict({n: nn.Linear(width, width, bias=False) for n in "qkvo"})
            block.update({n: nn.Linear(width, 64, bias=False) for n in ("gate", "up")})
            block.update({"down": nn.Linear(64, width, bias=False), "n1": nn.RMSNorm(width)})
            self.blocks.append(block)
        self.head = nn.Linear(width, 40, bias=False)

    def block(self, b, x):
        h = b["n1"](x)
        x = x + b["o"](
            F.scaled_dot_product_attention(b["q"](h), b["k"](h), b["v"](h), is_causal=True)
        )
        h = F.rms_norm(x, x.shape[-1:])
        return x + b["down"](F.silu(b["gate"](h)) * b["up"](h))

    def forward(self, ids):
        x = self.tok(ids)
        for b in self.blocks:
            x = checkpoint(self.block, b, x, use_reentrant=False)
        return self.head(x)


@case(
    None,
    about="bfloat16 throughout, RMS norm, SwiGLU, gradient checkpointing",
    facts=[learns()],
)
def llama_in_bfloat16():
    ids = (torch.randint(0, 40, (8, 1)) + 3 * torch.arange(17)) % 40
    model = Llama().bfloat16()
    return model, lambda m: F.cross_entropy(m(ids[:, :-1]).float().mT, ids[:, 1:]), None


@case(
    None,
    about="a mixture of experts: each token's other six experts are silent, as they should be",
    facts=[learns()],
)
def experts_top_two():
    class Mixture(nn.Module):
        def __init__(self, width=16, experts=8):
            super().__init__()
            self.router = nn.Linear(width, experts)
            self.experts = nn.ModuleList(
                nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, width))
                for _ in range(experts)
            )
            self.head = nn.Linear(width, 4)

        def forward(self, x):
            p, chosen = self.router(x).softmax(-1).topk(2, -1)
            y = torch.zeros_like(x)
            for i, expert in enumerate(self.experts):
                rows, slot = (chosen == i).nonzero(as_tuple=True)
                y = y.index_add(0, rows, expert(x[rows]) * p[rows, slot, None])
            return self.head(x + y), self.router(x).softmax(-1).mean(0)

    x = torch.randn(256, 16)
    y = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0).long()

    def loss(m):
        logits, load = m(x)
        return F.cross_entropy(logits, y) + 0.01 * 8 * load.square().sum()

    return Mixture(), loss, None
