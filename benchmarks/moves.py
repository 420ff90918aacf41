"""How fast a chart follows: from a control's event to the updated chart, on the static pages.

``python -m benchmarks.moves`` prints one line for each bench, at the processor's speed and at a
fourth of it; ``make bench`` runs it too. A move counts until the chart is in the page and laid out,
so that the next frame can show it. The worst of many moves is as much the machine's as the chart's:
let nothing else run.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools import book, browser

MOVES = 200
MEDIAN, WORST = 16.0, 50.0  # milliseconds: one frame, and what still feels immediate
SPEEDS = (1, 4)  # how many times slower than the processor

_MOVE = """(bench, moves) => {
  const inputs = [...bench.querySelectorAll(".vgp-controls input")];
  const times = [];
  for (let k = 0; k < moves; k++) {
    const input = inputs[k % inputs.length];
    const start = performance.now();
    if (input.type === "range") {
      const next = Number(input.value) + 1;
      input.value = next > Number(input.max) ? input.min : next;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    } else {
      input.checked = true;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    bench.querySelector(".vgp-plot").getBoundingClientRect();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}"""


def time_moves(tab: Page) -> dict[str, tuple[float, float]]:
    """Move every bench of an open page :data:`MOVES` times.

    Returns:
        Bench id -> median and worst, in milliseconds.
    """
    while (skip := tab.get_by_role("button", name="Show me")).count():
        skip.first.click()
    found = {}
    for place in tab.locator("[data-vgp=bench]").all():
        times = place.locator(".vgp-bench").evaluate(_MOVE, MOVES)
        key = str(place.get_attribute("id"))
        found[key] = (times[len(times) // 2], times[-1])
    return found


def main() -> None:
    """Print a line for each bench of each page."""
    pages: Path = book.build()
    print(
        f"\nms from event to chart, {MOVES} moves (median at most {MEDIAN:.0f}, worst {WORST:.0f})"
    )
    with book.serving(pages) as site, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**browser.options())
        tab = chromium.new_page()
        throttle = tab.context.new_cdp_session(tab)
        for path in [pages / "intro.html", *sorted(pages.glob("chapters/**/*.html"))]:
            page = path.relative_to(pages).as_posix()
            tab.goto(f"{site}/{page}", wait_until="networkidle")
            for slower in SPEEDS:
                throttle.send("Emulation.setCPUThrottlingRate", {"rate": slower})
                for key, (median, worst) in time_moves(tab).items():
                    print(f"{median:8.1f}{worst:8.1f}  1/{slower} speed  {page}  {key}")
            throttle.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        chromium.close()


if __name__ == "__main__":
    main()
