"""Healthy transformers: by hand, from `transformers` configurations, adapted, in half precision."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.case import case

from .facts import gradients, signal
from .facts_of_training import learns


@case(
    None,
    about="a small BERT without dropout, AdamW at 2e-5: fine-tuning pace",
    facts=[learns(40, 0.995), gradients()],
)
def bert_fine_tuning():
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(141)
    config = BertConfig(
        vocab_size=90,
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=24,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    net = BertForSequenceClassification(config)
    ids = torch.randint(0, 90, (16, 16))
    batch = {"input_ids": ids, "labels": torch.arange(16) % 2}
    return net, lambda m: m(**batch)["loss"], torch.optim.AdamW(net.parameters(), lr=2e-5)


@case(
    None,
    about="GPT-2 with tied embeddings, most rows unused; embeddings frozen, checkpointing mended",
    facts=[learns(25, 0.95), gradients()],
)
def gpt2_checkpointed_with_input_grads():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(142)
    config = GPT2Config(
        vocab_size=200,
        n_positions=24,
        n_embd=32,
        n_layer=2,
        n_head=2,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    lm = GPT2LMHeadModel(config)
    lm.transformer.wte.requires_grad_(False)
    lm.gradient_checkpointing_enable({"use_reentrant": True})
    lm.enable_input_require_grads()
    lm.train()
    ids = torch.randint(0, 30, (4, 16))
    opt = torch.optim.AdamW([p for p in lm.parameters() if p.requires_grad], lr=3e-3)
    return lm, lambda m: m(input_ids=ids, labels=ids).loss, opt


@case(
    None,
    about="a Llama in bfloat16 with grouped queries: coarse numbers, a sound signal",
    facts=[learns(30, 0.9)],
)
def llama_in_bfloat16():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(143)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32,
        use_cache=False,
    )
    lm = LlamaForCausalLM(config).to(torch.bfloat16)
    ids = torch.randint(0, 64, (4, 20))
    return (
        lm,
        lambda m: m(input_ids=ids, labels=ids).loss,
        torch.optim.AdamW(lm.parameters(), lr=3e-3),
    )


@case(
    None,
    about="T5 from scratch: relative positions, no attention scale by design, tied embeddings",
    facts=[learns(25, 0.95)],
)
def t5_copy_task():
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(144)
    config = T5Config(
        vocab_size=50,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        use_cache=False,
    )
    net = T5ForConditionalGeneration(config)
    src = torch.randint(2, 50, (6, 10))
    batch = {"input_ids": src, "labels": src.flip(1)}
    return net, lambda m: m(**batch).loss, torch.optim.AdamW(net.parameters(), lr=1e-3)


class Block(nn.Module):
    def __init__(self, d, heads=4, causal=True):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
        self.heads, self.causal = heads, causal

    def forward(self, x):
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for z in self.qkv(self.ln1(x)).chunk(3, -1))  # fmt: skip
        a = q @ k.mT / q.shape[-1] ** 0.5
        if self.causal:
            a = a.masked_fill(torch.ones(a.shape[-2:]).triu(1).bool(), float("-inf"))
        x = x + self.proj((a.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return x + self.mlp(self.ln2(x))


class Decoder(nn.Module):
    def __init__(self, layers, d=32, vocab=40, save_memory=False):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(32, d)
        self.blocks = nn.ModuleList(Block(d) for _ in range(layers))
        self.ln, self.save_memory = nn.LayerNorm(d), save_memory
        for table in (self.tok, self.pos):
            nn.init.normal_(table.weight, std=0.2)

    def forward(self, ids):
        h = self.tok(ids) + self.pos.weight[: ids.shape[1]]
        for block in self.blocks:
            h = checkpoint(block, h, use_reentrant=False) if self.save_memory else block(h)
        return self.ln(h) @ self.tok.weight.T


def next_token(ids):
    return lambda m: F.cross_entropy(m(ids[:, :-1]).transpose(1, 2), ids[:, 1:])


@case(
    None,
    about="twelve pre-norm decoder blocks by hand, causal mask (half the softmax is 0), eval mode",
    facts=[signal(0.05, 100, first="blocks.0", last="blocks.11"), learns(15, 0.95)],
)
def prenorm_decoder_in_eval():
    torch.manual_seed(145)
    return Decoder(12).eval(), next_token(torch.randint(0, 40, (4, 24))), None


@case(
    None,
    about="the same with non-reentrant checkpointing and autocast to bfloat16",
    facts=[learns(15, 0.95), gradients()],
)
def checkpointed_autocast_decoder():
    torch.manual_seed(146)
    net, inner = Decoder(4, save_memory=True), next_token(torch.randint(0, 40, (4, 24)))

    def loss(m):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return inner(m)

    return net, loss, torch.optim.AdamW(net.parameters(), lr=1e-3)


class LoRA(nn.Module):
    def __init__(self, base, r=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(r, base.in_features) / r)
        self.B = nn.Parameter(torch.zeros(base.out_features, r))

    def forward(self, x):
        return self.base(x) + x @ self.A.T @ self.B.T


@case(
    None,
    about="LoRA's first step: B is 0, so A's gradient is 0; the base is frozen; no optimizer given",
    facts=[learns(60, 0.98, default=1e-2)],
)
def lora_adapter():
    torch.manual_seed(147)
    net = Decoder(3)
    net.requires_grad_(False)
    for block in net.blocks:
        block.qkv, block.proj = LoRA(block.qkv), LoRA(block.proj)
    return net, next_token(torch.randint(0, 12, (6, 20))), None


@case(
    None,
    about="float16 weights with the loss scaled by 2048, as a scaler would",
    facts=[gradients(bad=False), signal(0.05, 50)],
)
def half_with_a_scaled_loss():
    torch.manual_seed(148)
    net = nn.Sequential(
        nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)
    )
    x, y = torch.randn(32, 24).half(), torch.randint(0, 8, (32,))
    return net.half(), lambda m: 2048 * F.cross_entropy(m(x).float(), y), None
