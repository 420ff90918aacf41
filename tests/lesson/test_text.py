"""Short texts with markup: their segments, their HTML, their plain words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgplib.lesson import mathml, text


def test_each_kind_of_segment():
    parts = text.segments(r"a $\sigma_w$ and `co*de`, *em*, **strong**, [there](../x.html#y).")
    assert parts == [
        {"text": "a "},
        {"math": mathml.to_tree(r"\sigma_w")},
        {"text": " and "},
        {"code": "co*de"},
        {"text": ", "},
        {"em": "em"},
        {"text": ", "},
        {"strong": "strong"},
        {"text": ", "},
        {"href": "../x.html#y", "text": "there"},
        {"text": "."},
    ]


@pytest.mark.parametrize("plain", ["", "2 * 3 * 4", "a_b", "no [link] here", "x < y & z"])
def test_text_without_markup_stays_as_it_is(plain):
    assert text.segments(plain) == ([{"text": plain}] if plain else [])


def test_a_backslash_makes_a_sign_plain():
    assert text.segments(r"\$5 and \*this\*") == [{"text": "$5 and *this*"}]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("costs $5", "no partner"),
        (r"$\nosuchthing$", "nosuchthing"),
        ("[x](javascript:run)", "leads to no page"),
        ("[x](data:text/html,x)", "leads to no page"),
    ],
)
def test_mistakes_are_named(wrong, reason):
    with pytest.raises(ValueError, match=reason):
        text.segments(wrong)


@pytest.mark.parametrize(
    "href", ["#a", "02-causes.html#b?c=1", "../x.html", "https://example.org/x", "mailto:a@b.c"]
)
def test_links_to_pages_are_allowed(href):
    assert text.segments(f"[x]({href})") == [{"href": href, "text": "x"}]


def test_html_is_escaped():
    parts = text.segments("<b> `<i>` *<u>* [<s>](#a&b)")
    assert text.to_html(parts) == (
        '&lt;b&gt; <code>&lt;i&gt;</code> <em>&lt;u&gt;</em> <a href="#a&amp;b">&lt;s&gt;</a>'
    )


@given(st.text(max_size=60))
def test_html_of_any_text_holds_no_tags_but_ours(source):
    try:
        parts = text.segments(source)
    except ValueError:
        return
    tags = set(re.findall(r"</?([^\s>]+)", text.to_html(parts)))
    assert tags <= {"code", "em", "strong", "a"} | mathml.TAGS


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("**about** `x`", "about x"),
        (r"$10^{-13}$ of $\sigma_w^2$", "10⁻¹³ of σ_w²"),
        (r"$\frac{a}{b+c}$", "a/(b + c)"),
        (r"$\sqrt{2}$, $\hat{y}$", "√2, ŷ"),
        (r"$\partial L / \partial z_\ell$", "∂L/∂z_ℓ"),
        (r"$\sum_{i=1}^n x_i$", "∑_(i = 1)^n x_i"),
        (r"$f'(x) \le 1$", "f′(x) ≤ 1"),
    ],
)
def test_plain_words(source, words):
    assert text.plain(source) == words
