"""Headless Chromium, driven by Playwright, and what is checked on whatever page it shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ARGUMENTS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
MAX_TABS = 150
# A focusable thing that is shown: of the radio buttons of one name Tab reaches one. What Tab has reached is marked.
CONTROLS = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
  .filter((one) => one.checkVisibility() && !one.disabled)
  .filter((one) => one.type !== 'radio'
    || ![...document.getElementsByName(one.name)].some((other) => other.dataset.reached))
  .filter((one) => !one.dataset.reached).map((one) => one.outerHTML.slice(0, 120))"""
FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const known = one.dataset.reached;
  one.dataset.reached = 'true';
  const style = getComputedStyle(one), next = one.nextElementSibling;
  const outlined = style.outlineStyle !== 'none' || (next && getComputedStyle(next).outlineStyle !== 'none');
  return { known: Boolean(known), outlined: Boolean(outlined), html: one.outerHTML.slice(0, 120) };
}"""


class ChromiumMissing(Exception):
    """There is no Chromium on this machine."""


@dataclass
class Checks:
    """What was checked, and what was found to be wrong, by page."""

    count: int = 0
    failures: list[str] = field(default_factory=list)
    axe_violations: list[str] = field(default_factory=list)
    tracebacks: int = 0

    def expect(self, condition: bool, place: str, message: str) -> None:
        """Count a check, and note its failure."""
        self.count += 1
        if not condition:
            self.failures.append(f"{place}: {message}")

    @property
    def good(self) -> bool:
        """True if nothing was wrong."""
        return not (self.failures or self.axe_violations or self.tracebacks)

    def __str__(self) -> str:
        return f"pages: checks={self.count} axe_violations={len(self.axe_violations)} tracebacks={self.tracebacks}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium. Raises ChromiumMissing."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise ChromiumMissing
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, checks: Checks, *, width: int, scheme: str = "light", script: bool = True
) -> Iterator[Page]:
    """Open a window of a width in light or dark; errors in its console are failures."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
    )
    page = context.new_page()
    page.set_default_timeout(20_000)

    def note(message: ConsoleMessage) -> None:
        expected = "Failed to load resource" in message.text  # a status of its own, which is checked as such
        checks.expect(message.type != "error" or expected, page.url, f"the console says: {message.text}")

    page.on("console", note)
    page.on(
        "pageerror", lambda error: checks.expect(condition=False, place=page.url, message=f"a script failed: {error}")
    )
    try:
        yield page
    finally:
        context.close()


def check_page(page: Page, place: str, checks: Checks, picture: Path, *, everything: bool = True) -> None:
    """Check what every page has to keep, and take its picture; not `everything`: of axe's rules those on colours."""
    text = page.content()
    checks.count += 1
    checks.tracebacks += "Traceback" in text or "jinja2" in text
    widths: list[int] = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    checks.expect(widths[0] <= widths[1], place, f"scrolls sideways: {widths[0]} > {widths[1]}")
    checks.expect(page.title() != "", place, "has no title")
    checks.count += 1
    results = Axe().run(page, options=None if everything else {"runOnly": ["color-contrast"]})
    for violation in results.response["violations"]:
        nodes = "; ".join(node["html"][:140] for node in violation["nodes"][:3])
        checks.axe_violations.append(
            f"{place}: {violation['id']} ({violation['impact']}): {violation['help']}: {nodes}"
        )
    page.screenshot(path=picture, full_page=True)


def check_keyboard(page: Page, place: str, checks: Checks) -> None:
    """Check that Tab reaches every control, and that each shows that it has the focus."""
    page.evaluate("document.body.focus()")
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None or focus["known"]:
            break
        checks.expect(focus["outlined"], place, f"the focus does not show on {focus['html']}")
    unreached: list[str] = page.evaluate(CONTROLS)
    checks.expect(not unreached, place, f"Tab does not reach {unreached}")
