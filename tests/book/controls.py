"""A bench's controls, moved by keyboard alone, and what a reader sees of its measurements."""

from __future__ import annotations

from playwright.sync_api import Locator

# The chart, the readouts and the strips, without what only names the setting: the picture's label,
# and the pale line of the setting before.
_SEEN = """(bench) => {
  const chart = bench.querySelector(".vgp-plot").cloneNode(true);
  chart.removeAttribute("aria-label");
  for (const past of chart.querySelectorAll(".vgp-ghost, .vgp-ghost-name")) past.remove();
  const parts = [...bench.querySelectorAll(".vgp-figures, .vgp-rows, .vgp-strips")];
  return [chart, ...parts].map((part) => part.outerHTML).join("");
}"""


def seen(bench: Locator) -> str:
    """What a bench shows of what was measured."""
    return str(bench.evaluate(_SEEN))


def reveal(bench: Locator) -> None:
    """See a bench's chart without a guess."""
    if (skip := bench.get_by_role("button", name="Show me")).count():
        skip.press("Enter")


def move(bench: Locator, number: int, control: dict) -> None:
    """Take a control one step further, or one back from its end.

    Args:
        bench: Its bench.
        number: Which of the bench's controls it is, from 0 on.
        control: What the bench's state says of it.
    """
    where = bench.locator(".vgp-controls > .vgp-control").nth(number)
    keyboard = bench.page.keyboard
    if control["kind"] == "slider":
        slider = where.get_by_role("slider")
        at_end = slider.evaluate("slider => slider.value === slider.max")
        slider.focus()
        keyboard.press("ArrowLeft" if at_end else "ArrowRight")
    elif control.get("most"):  # take one of several away, or add one
        chosen = where.locator("input:checked")
        alone = chosen.count() == 1
        chosen.first.focus()
        for key in ["ArrowDown", "Space"] if alone else ["Space"]:
            keyboard.press(key)
    else:
        where.locator("input:checked, select").focus()
        keyboard.press("ArrowDown")
