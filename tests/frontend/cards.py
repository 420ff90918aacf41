"""Questions of the self-test as the book has them: a heading, and two folds in a box."""

PLACE = '<div class="vgp-selftest"></div>'
FOLD = "<details><summary>{0}</summary><p>{1}</p></details>"


def card(name: str, question: str | None = None) -> str:
    """A question whose answers tell its name."""
    link = '<a href="other.html#chain?hops=10">Experiment 2.1</a>'
    term = '<a href="appendix/glossary.html#gate" aria-describedby="term-gate">gate</a>'
    short = FOLD.format("In 30 seconds, and the trap", f"Short {name}, by a {term}.")
    long = FOLD.format("In two minutes, and the proof", f"Long {name}: {link}.")
    return (
        f'<section id="{name}"><h3>{question or f"What is {name}?"}'
        f'<a class="headerlink" href="#{name}">#</a></h3>'
        f'<div class="vgp-folds vgp-card" id="card-{name}">\n{short}\n{long}\n</div></section>'
    )


def cards(*names: str) -> list[str]:
    """The place of the self-test, and its questions."""
    return [PLACE, *map(card, names)]
