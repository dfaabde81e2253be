"""What one who presses Enter in the studio waits for: `python benchmarks/serving.py studio`."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# From the key itself to the frame after what is waited for is in the page and decoded.
WATCH = """() => {
  const times = (window.times = {});
  const soon = (name) => requestAnimationFrame(() => requestAnimationFrame(
    () => (times[name] ??= performance.now() - times.begun)));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter") times.begun = event.timeStamp;
  }, true);
  const look = () => {
    if (times.begun === undefined) return;
    if (document.querySelector(".slot canvas:not([hidden])")) soon("preview");
    const images = [...document.querySelectorAll(".slot img, .board .canvas img")];
    const done = images.filter((one) => one.complete && one.naturalWidth);
    const wanted = document.querySelector(".board") ? 1 : window.wanted;
    if (done.length >= wanted && times.preview) soon("picture");
  };
  new MutationObserver(look).observe(document.documentElement,
    { subtree: true, childList: true, attributes: true });
  document.addEventListener("load", look, true);
}"""


def studio(served: Any, prompts: Sequence[str], rounds: int) -> None:
    """Press Enter in a real browser: one picture beside the Python API, and a grid of four.

    Args:
        served: A server of our own, not started.
        prompts: To draw, in turn.
        rounds: Of each kind, after one that warms up.
    """
    from playwright.sync_api import sync_playwright

    from molnar import Request, load

    path = next(found for name in NAMES if (found := shutil.which(name)))
    served.start()
    served.ready()
    pipeline = load()

    def python(prompt: str, count: int) -> float:
        begun = time.perf_counter()
        for picture in pipeline(Request(prompt=prompt, count=count)):
            picture.encoded()
        return time.perf_counter() - begun

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for count in (1, 4):
            page = browser.new_page()
            page.add_init_script(
                f"window.wanted = {count}; localStorage.setItem('molnar.studio', "
                f"JSON.stringify({{wish: {'{}' if count == 4 else '{count: 1}'}}}))"
            )
            _told(count, _measured(page, served.url, prompts, rounds, count, python))
            page.close()
        browser.close()
    served.stop()


def _measured(
    page: Any,
    url: str,
    prompts: Sequence[str],
    rounds: int,
    count: int,
    python: Callable[[str, int], float],
) -> dict[str, list[float]]:
    """Draw in the browser and in Python, in turn; seconds of each."""
    seconds: dict[str, list[float]] = {"preview": [], "picture": [], "python": []}
    for number in range(rounds + 1):
        prompt = prompts[number % len(prompts)]
        alone = python(prompt, count)
        page.goto("about:blank")
        page.goto(f"{url}/#/")
        page.wait_for_selector("#main > *")
        page.fill("#prompt", prompt)
        page.wait_for_timeout(600)  # one who has typed looks at it for a moment
        page.evaluate(WATCH)
        page.keyboard.press("Enter")
        page.wait_for_function("() => window.times.picture", timeout=60_000)
        told = page.evaluate("() => window.times")
        if number:
            seconds["python"].append(alone)
            seconds["preview"].append(told["preview"] / 1000)
            seconds["picture"].append(told["picture"] / 1000)
    return seconds


def _told(count: int, seconds: dict[str, list[float]]) -> None:
    middle = {name: statistics.median(all_) for name, all_ in seconds.items()}
    said = ", ".join(
        f"{name} {middle[name]:.2f} s ({min(all_):.2f} to {max(all_):.2f})"
        for name, all_ in seconds.items()
    )
    ratio = middle["picture"] / middle["python"]
    least = min(seconds["picture"]) / min(seconds["python"])
    print(f"{count} at once, median of {len(seconds['python'])}: {said}")
    print(f"  the studio / Python: {ratio:.2f} by medians, {least:.2f} by the least")
