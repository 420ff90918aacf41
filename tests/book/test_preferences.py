"""What a reader's system asks for is kept: colours of their own, and no motion."""

import re

import controls
import pytest
from playwright.sync_api import expect

PAGE = "chapters/05-remedies.html"  # of four networks, each in its colour, and with a film
MOVING = """() => document.getAnimations().filter((one) => one.playState === "running")
  .map((one) => one.effect.target.getAttribute("class"))"""
# The colours of what is drawn in a chart, in its strips, and in its key.
DRAWN = """(bench) => {
  const parts = ".vgp-line:not(.vgp-gap), .vgp-marks, .vgp-cell-fill, .vgp-strip-head path";
  return [...bench.querySelectorAll(`${parts}, .vgp-pick-mark path, .vgp-plot text`)]
    .map((part) => [part.matches("text"), getComputedStyle(part)])
    .map(([text, { stroke, fill }]) => (text || stroke === "none" ? fill : stroke));
}"""


def rgb(colour: str, on: tuple[float, ...] = (0.0, 0.0, 0.0)) -> tuple[float, ...]:
    """Red, green and blue, 0 to 1, of a colour as a browser computes it, on another."""
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)]
    alpha = parts[3] if len(parts) > 3 else 1.0
    return tuple(alpha * a / 255 + (1 - alpha) * b for a, b in zip(parts[:3], on, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The contrast ratio of WCAG 2, 1 to 21."""

    def luminance(colour: tuple[float, ...]) -> float:
        linear = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour)
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("system", ["light", "dark"])
def test_in_the_readers_own_colours_lines_and_focus_are_seen(browser, site, system, theme):
    context = browser.new_context(forced_colors="active", color_scheme=system)
    context.add_init_script(f"localStorage.setItem('mode', '{theme}')")
    tab = context.new_page()
    tab.goto(f"{site}/{PAGE}")
    assert tab.evaluate("document.documentElement.dataset.theme") == theme
    shown = tab.locator(".vgp-bench").first
    controls.reveal(shown)
    paper = rgb(shown.evaluate("(e) => getComputedStyle(e).backgroundColor"))
    drawn = set(shown.evaluate(DRAWN))
    unseen = [colour for colour in drawn if contrast(rgb(colour, paper), paper) < 3]
    assert unseen == []
    assert len(drawn) > 2

    tab.keyboard.press("Tab")  # from here on, focus is the keyboard's
    roles = (("checkbox", "ReLU, He"), ("slider", "Moment"), ("button", "Play"))
    for role, name in roles:
        control = shown.get_by_role(role, name=name, exact=True)
        control.focus()
        style, width, colour = control.evaluate(
            "(e) => ((s) => [s.outlineStyle, s.outlineWidth, s.outlineColor])(getComputedStyle(e))"
        )
        assert (style, width) == ("solid", "3px")
        assert contrast(rgb(colour), paper) >= 3
    context.close()


@pytest.mark.parametrize("motion, moves", [("reduce", False), ("no-preference", True)])
def test_nothing_moves_by_itself_for_who_wants_no_motion(browser, site, motion, moves):
    tab = browser.new_page(reduced_motion=motion, viewport={"width": 1280, "height": 900})
    tab.goto(f"{site}/chapters/02-causes.html")
    shown = tab.locator("#error-signal .vgp-bench")
    controls.reveal(shown)
    shown.get_by_role("slider", name="Depth").press("Home")
    tab.evaluate("new Promise(requestAnimationFrame)")
    pulsing = tab.evaluate(MOVING)

    tab.locator(".bd-header-article .primary-toggle").click()
    sliding = tab.evaluate(MOVING)
    expect(tab.get_by_role("navigation", name="Main")).to_be_hidden()
    tab.locator(".bd-header-article .primary-toggle").click()
    expect(tab.get_by_role("navigation", name="Main")).to_be_visible()
    assert (bool(pulsing), bool(sliding)) == (moves, moves), (pulsing, sliding)
    smooth = tab.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    assert smooth == "auto" or moves
    tab.close()
