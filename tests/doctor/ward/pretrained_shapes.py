"""Architectures of the ``transformers`` library, made small from a configuration."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

from tests.doctor.case import case

from .material import pictures, text
from .not_a_number import mean_over_none
from .optimizers import too_high, too_low
from .plumbing import frozen_in_the_optimizer
from .proofs import (
    activations,
    finite_gradients,
    seen,
    signal,
    stuck,
    trains,
    without_gradient,
)


def gpt2(layers=2, **options):
    options = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, **options}
    config = GPT2Config(
        vocab_size=20,
        n_positions=64,
        n_embd=32,
        n_layer=layers,
        n_head=4,
        use_cache=False,
        bos_token_id=0,
        eos_token_id=0,
        **options,
    )
    return GPT2LMHeadModel(config)


def bert(kind=BertForSequenceClassification, layers=2, **options):
    config = BertConfig(
        vocab_size=20,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **options,
    )
    return kind(config)


def vit(**options):
    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
        **options,
    )
    return ViTForImageClassification(config)


def its_own(tokens):
    return lambda model: model(input_ids=tokens, labels=tokens).loss


def step_size(tokens):
    y = ((tokens[:, 1] - tokens[:, 0]) % 20 - 1).long()
    return lambda model: model(input_ids=tokens, labels=y).loss


@case(
    None,
    about="GPT-2 of four layers, tied embeddings and dropout of a tenth.",
    facts=[trains(), signal("transformer.h.0", "transformer.h.3", (0.1, 100))],
)
def gpt2_as_it_comes():
    net = gpt2(4, resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1)
    return net, its_own(text()), None


@case(
    None,
    about="BERT in post-norm, with its pooler and a head of two classes.",
    facts=[trains(lr=3e-3, steps=60)],
)
def bert_classifier():
    return bert(), step_size(text()), None


@case(
    None, about="A vision transformer on digits in 16 patches.", facts=[trains(lr=3e-3, steps=60)]
)
def vit_classifier():
    x, y = pictures()
    return vit(), lambda model: model(pixel_values=x, labels=y).loss, None


@case(
    None,
    about="T5 with relative places, RMS norms, and an encoder beside its decoder.",
    facts=[trains()],
)
def t5_copies():
    config = T5Config(
        vocab_size=20,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        use_cache=False,
    )
    return T5ForConditionalGeneration(config), its_own(text()), None


@case(
    None,
    about="Rotary places, gated feed-forward layers, two key heads for four query heads.",
    facts=[trains()],
)
def llama_with_grouped_queries():
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        use_cache=False,
    )
    return LlamaForCausalLM(config), its_own(text()), None


@case(
    None,
    about="BERT is frozen, and the optimizer holds the classifier's weights.",
    facts=[trains(to=0.8, steps=60, lr=1e-2)],
)
def bert_head_only():
    net = bert()
    net.bert.requires_grad_(False)
    nn.init.normal_(net.bert.embeddings.word_embeddings.weight, std=1.0)
    return net, step_size(text(8)), torch.optim.Adam(net.classifier.parameters(), 0.1)


@case(None, about="GPT-2 wholly in bfloat16.", facts=[trains(lr=3e-3)])
def gpt2_in_bfloat16():
    return gpt2().to(torch.bfloat16), its_own(text()), None


@case(
    "no_gradient",
    cause="unused",
    about="Tokens are read from the last states, while the optimizer holds the pooler as well.",
    facts=[without_gradient("pooler.dense.weight", "pooler.dense.bias")],
)
def bert_with_a_pooler_nobody_asks():
    net, tokens = bert(BertModel), text()

    def loss(model):
        states = model(input_ids=tokens).last_hidden_state
        return F.cross_entropy(states[..., :20].transpose(1, 2), tokens)

    return net, loss, torch.optim.AdamW(net.parameters(), 1e-3)


@case(
    "frozen",
    cause="not trainable",
    about="The encoder stayed frozen, though the optimizer was given all weights.",
    facts=[frozen_in_the_optimizer],
)
def bert_unfreezing_forgotten():
    net = bert()
    net.bert.encoder.layer[0].requires_grad_(False)
    return net, step_size(text()), torch.optim.AdamW(net.parameters(), 3e-3)


@case("lr_too_high", cause="learning rate too high", about="AdamW at 1.", facts=[too_high(100)])
def gpt2_with_a_large_rate():
    net = gpt2()
    return net, its_own(text()), torch.optim.AdamW(net.parameters(), 1.0)


@case(
    "lr_too_low",
    cause="learning rate too low",
    about="Gradient descent at 10^-9 on a vision transformer.",
    facts=[too_low(1e7)],
)
def vit_that_stands_still():
    net = vit()
    x, y = pictures()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-10)
    return net, lambda model: model(pixel_values=x, labels=y).loss, optimizer


def hard_attention(model, loss, optimizer):
    weights = model(input_ids=text(), output_attentions=True).attentions
    assert all((w.amax(-1) > 0.99).double().mean() > 0.6 for w in weights)


@case(
    "saturation",
    cause="attention logit scale",
    about="Queries' and keys' weights a hundred times as large as GPT-2's: all or none is attended",
    facts=[hard_attention],
)
def gpt2_with_large_queries():
    net = gpt2(attn_implementation="eager")
    for block in net.transformer.h:
        with torch.no_grad():
            block.attn.c_attn.weight[:, :64] *= 100
    return net, its_own(text()), None


@case(
    "nan",
    also=("zero_gradient",),
    cause="mean over nothing",
    about="All labels are -100, which is what a collator makes of prompts without answers.",
    facts=[mean_over_none],
)
def gpt2_without_labels():
    tokens = text(4)
    return gpt2(), lambda m: m(input_ids=tokens, labels=torch.full_like(tokens, -100)).loss, None


def scale_of_single(model, loss, optimizer):
    assert not (loss(model).isfinite() and finite_gradients(model, loss))
    model.float()
    assert loss(model).isfinite() and finite_gradients(model, loss)
    hard_attention(model, loss, optimizer)


@case(
    "fp16_overflow",
    also=("saturation",),
    cause="half precision",
    about="Products of queries and keys pass 65504 before they are divided and shifted.",
    facts=[scale_of_single],
)
def gpt2_logits_in_half():
    net = gpt2(attn_implementation="eager")
    for block in net.transformer.h:
        block.attn.c_attn.weight.data[:, :64] *= 5000
    return net.half(), its_own(text()), None


@case(
    "rank_collapse",
    also=("vanishing", "forward_exploding"),
    cause="initialisation too small",
    about="Tied embeddings of 10^-7 beside biases of one: tokens look alike, and answers are 0.",
    facts=[
        stuck(above=2.9),
        signal("transformer.wte", "lm_head", (0, 1e-4)),
        activations("transformer.wte", "transformer.h.1", (1e3, 1e9)),
        lambda m, f, o: same_tokens(seen(m, f, "transformer.ln_f")["transformer.ln_f"][-1]),
    ],
)
def gpt2_with_drowned_embeddings():
    net = gpt2()
    nn.init.normal_(net.transformer.wte.weight, std=1e-7)
    nn.init.normal_(net.transformer.wpe.weight, std=1e-7)
    for block in net.transformer.h:
        nn.init.normal_(block.attn.c_proj.bias, std=1.0)
    return net, its_own(text()), None


def same_tokens(states):
    assert (states - states.mean(1, keepdim=True)).norm() < 1e-3 * states.norm()
