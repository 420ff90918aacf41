"""Formulas become MathML that browsers show, or an error that says why not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgplib.lesson import mathml


def inner(latex: str, display: bool = False) -> str:
    """The MathML within the outer elements."""
    text = mathml.to_mathml(latex, display)
    return re.fullmatch(r"<math [^>]*><mrow>(.*)</mrow></math>", text)[1]


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\sigma_w", "<msub><mi>σ</mi><mi>w</mi></msub>"),
        (r"a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\tfrac12", None),
        (r"\mathbb{E}[x]", None),
        (r"\left\| J_\ell \right\|", None),
        (r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}", None),
        (r"\partial L", '<mi mathvariant="normal">∂</mi><mi>L</mi>'),
        (r"\mathrm{d}x", "<mtext>d</mtext><mi>x</mi>"),
        (r"\boldsymbol{\theta}", "<mrow><mi>𝜽</mi></mrow>"),
        (r"\hat{y}", '<mover accent="true"><mrow><mi>y</mi></mrow><mo>^</mo></mover>'),
    ],
)
def test_usual_formulas(latex, expected):
    assert expected is None or inner(latex) == expected
    for tree in walk(mathml.to_tree(latex)):
        assert tree[0] in mathml.TAGS
        assert set(tree[1]) <= mathml.ATTRIBUTES


def walk(tree):
    yield tree
    for child in tree[2:]:
        if isinstance(child, list):
            yield from walk(child)


@pytest.mark.parametrize("environment", ["aligned", "align", "align*", "split"])
def test_aligned_equations_line_up_and_have_no_number_of_their_own(environment):
    latex = rf"\begin{{{environment}}} a &= b \\ c &= d \end{{{environment}}}"
    text = mathml.to_mathml(latex, display=True)
    assert text.count("<mtr>") == 2
    assert 'columnalign="right"' in text
    assert "(1)" not in text


def test_a_functions_name_stands_upright_and_apart_from_what_follows_but_not_from_a_bracket():
    thin = '<mspace width="0.167em"></mspace>'
    assert inner(r"\tanh x") == f'<mi mathvariant="normal">tanh</mi>{thin}<mi>x</mi>'
    assert thin not in inner(r"\tanh(x)")
    assert thin not in inner(r"\operatorname{diag}\left(x\right)")
    assert inner(r"2 \max_i x").count(thin) == 2


@pytest.mark.parametrize("latex", [r"\sum_{i=1}^n x_i", r"\left( \prod_{k=1}^L J_k \right)"])
def test_limits_stand_above_and_below_where_there_is_room(latex):
    assert "munderover" in inner(latex, display=True)


def test_norms_have_no_gap_before_what_they_hold():
    assert 'form="prefix">‖' in inner(r"\lVert x \rVert")
    assert inner("|x|").count('lspace="0" rspace="0"') == 2


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        ("", "empty"),
        (r"\nosuchthing x", "nosuchthing"),
        (r"\frac{a}{", "NoAvailableTokensError"),
        ("x_{", "MissingSuperScriptOrSubscriptError"),
        (r"\begin{nosuchthing} a & b \end{nosuchthing}", "'&'"),
        (r"a \\ b", "line break"),
        (r"\left( a", "cannot convert"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(latex, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        mathml.to_mathml(latex)


@given(st.text(alphabet=r"ab12^_{}\+-=<>&$\' ()|", max_size=20))
def test_any_text_is_a_formula_or_a_value_error(latex):
    try:
        text = mathml.to_mathml(latex)
    except ValueError:
        return
    assert text.startswith("<math ")
    assert "<script" not in text


def test_text_is_escaped():
    assert "<b>" not in mathml.to_mathml(r"\text{<b>}")


def test_a_prime_is_raised_once():
    assert "<msup>" not in mathml.to_mathml(r"\varphi'(z)")
    assert mathml.to_mathml(r"\varphi'^2").count("<msup>") == 1
