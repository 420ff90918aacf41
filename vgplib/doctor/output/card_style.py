"""How the card looks: one style block that reaches nothing but the card."""

from __future__ import annotations

from vgplib.drawing import DARK, LIGHT

# Pages and notebooks that say whether they are light or dark, and how they say it.
_SAID_LIGHT = (
    'html[data-theme="light"]',
    'html[theme="light"]',
    'body[data-jp-theme-light="true"]',
    "body.vscode-light",
)
_SAID_DARK = (
    'html[data-theme="dark"]',
    'html[theme="dark"]',
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
)

# "CARD" twice in a selector outweighs what notebooks say about tables and code.
_RULES = """
CARD {
  background: var(--vgp-bg); border: 1px solid var(--vgp-line); border-left: 4px solid var(--rule);
  border-radius: 8px; box-sizing: border-box; color: var(--vgp-ink); font: 16px/1.55 system-ui,
  -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; margin: 1rem 0;
  max-width: 54rem; overflow-wrap: anywhere; padding: 0.9rem 1.15rem; --rule: var(--vgp-good);
}
CARD.vgp-sick { --rule: var(--vgp-bad); }
CARD :is(h1, h2, h3, h4) {
  color: var(--vgp-ink); font-size: 1.05em; font-weight: 700; line-height: 1.3;
  margin: 1.4em 0 0.3em;
}
CARD > :first-child + * { color: var(--rule); font-size: 1.25em; margin-top: 0; }
CARD :is(p, dl, ol, figure, details, table) { margin: 0.5em 0; }
CARD figcaption, CARD caption, CARD summary { color: var(--vgp-muted); text-align: left; }
CARD figcaption, CARD details, CARD table { font-size: 0.9em; }
CARD summary { cursor: pointer; }
CARD summary:focus-visible { outline: 2px solid var(--vgp-accent); outline-offset: 2px; }
CARD dt { color: var(--vgp-muted); clear: left; float: left; width: 5em; }
CARD dd { margin: 0 0 0.2em 5.5em; }
CARD ol { padding-left: 1.4em; }
CARD table { background: none; border: 0; border-collapse: collapse; color: inherit; }
CARD tr:nth-child(n) { background: none; border-bottom: 1px solid var(--vgp-line); }
CARD :is(th, td) {
  color: inherit; padding: 0.2em 1em 0.2em 0; text-align: left; vertical-align: top;
}
CARD td { font-variant-numeric: tabular-nums; }
CARD :is(pre, code) {
  background: var(--vgp-panel); border: 0; color: var(--vgp-ink); font: 0.9em/1.5 ui-monospace,
  "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; padding: 0 0.2em;
}
CARD pre { border-radius: 6px; margin: 0.4em 0; padding: 0.6em 0.8em; white-space: pre-wrap; }
CARD pre code { font-size: 1em; padding: 0; }
CARD svg { height: auto; max-width: 100%; }
CARD svg text { fill: var(--vgp-ink); }
"""


def style() -> str:
    """The rules of :func:`vgplib.doctor.output.card.card`, with the course's colours.

    Light or dark is what the page says; where it says nothing, what the reader's system prefers;
    and always light on paper.
    """
    card = ".vgp-doctor"
    light, dark = _variables(LIGHT, "light"), _variables(DARK, "dark")
    said = [
        f"{', '.join(f'{where} {card}' for where in places)} {{ {colours} }}"
        for places, colours in ((_SAID_LIGHT, light), (_SAID_DARK, dark))
    ]
    return "\n".join(
        [
            f"{card} {{ {light} }}",
            f"@media (prefers-color-scheme: dark) {{ {card} {{ {dark} }} }}",
            *said,
            f"@media print {{ html body {card}{card} {{ {light} }} }}",
            _RULES.replace("CARD", card * 2).strip(),
        ]
    )


def _variables(colours: dict[str, str], scheme: str) -> str:
    told = (f"--vgp-{name}: {colour};" for name, colour in colours.items())
    return " ".join([*told, f"color-scheme: {scheme};"])
