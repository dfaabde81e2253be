"""The studio in a real browser, against a real server; skipped where there is no Chromium."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRAWN_MS = 90_000  # until a grid is there, on two cores shared with other tests
KEPT = "molnar.studio"  # where the studio keeps what it remembers
SOON = "() => document.documentElement.dataset.view === '{}'"


@pytest.fixture(scope="session")
def chromium() -> str:
    required = os.environ.get("MOLNAR_BROWSER") == "required"
    if not required:
        pytest.importorskip("playwright", reason="playwright is not installed")
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if required:
        pytest.fail(f"MOLNAR_BROWSER=required, but none of {', '.join(NAMES)} is on the PATH")
    pytest.skip("no Chromium on the PATH")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        one = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield one
        one.close()


@dataclass
class Studio:
    """A page of the studio, and all that went wrong or out while it was open."""

    page: Any
    url: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> None:
        """Go to an address behind the #, as a bookmark does."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/#/{path}")
        self.page.wait_for_selector("#main > *")

    def wait(self, view: str, **options: Any) -> None:
        """Wait for a view."""
        self.page.wait_for_function(SOON.format(view), **options)

    def draw(self, prompt: str, **wishes: Any) -> str:
        """Draw a grid and return the job's id."""
        self.begin(prompt, **wishes)
        self.page.wait_for_selector(".urow", timeout=DRAWN_MS)
        return self.job()

    def begin(self, prompt: str, **wishes: Any) -> None:
        """Ask for a grid, with settings as a former visit may have left them."""
        if wishes:
            kept = {"wish": wishes}
            self.page.evaluate(
                "([name, kept]) => localStorage.setItem(name, JSON.stringify(kept))", [KEPT, kept]
            )
            self.page.reload()
        self.page.fill("#prompt", prompt)
        self.page.press("#prompt", "Enter")
        self.wait("job")

    def job(self) -> str:
        """The id of the job that is shown."""
        return str(self.page.url.split("#/job/")[1])

    def reference(self) -> str:
        """The picture that is shown, e.g. k7.2."""
        return str(self.page.url.split("#/picture/")[1].split("/")[0])

    def picture(self) -> str:
        """Wait for a picture's view and return its reference."""
        self.wait("picture", timeout=DRAWN_MS)
        return self.reference()

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server past the page."""
        import httpx

        return httpx.request(method, self.url + path, **({"json": body} if body else {})).json()

    def drop(self, data: bytes, name: str, kind: str = "image/png") -> None:
        """Drop a file onto the page, as a hand does."""
        self.page.evaluate(
            """([bytes, name, type]) => {
              const carried = new DataTransfer();
              carried.items.add(new File([new Uint8Array(bytes)], name, {type}));
              for (const kind of ["dragenter", "dragover", "drop"]) {
                const told = {dataTransfer: carried, bubbles: true, cancelable: true};
                document.body.dispatchEvent(new DragEvent(kind, told));
              }
            }""",
            [list(data), name, kind],
        )

    def axe(self) -> list[str]:
        """What axe finds that is serious or critical, in a line each."""
        self.page.wait_for_timeout(450)  # what fades in is pale on its way
        name = importlib.resources.files("axe_playwright_python") / "axe.min.js"
        # By the debugger, not as an element: the page's policy would forbid that.
        self.page.evaluate(name.read_text("utf-8"))
        found = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['html'][:120]}: {node['any'][:1]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def faultless(self) -> None:
        """Assert that nothing was complained of, no dialog came up, and nothing went elsewhere."""
        assert self.errors == []
        assert self.dialogs == []
        assert [one for one in self.requests if not one.startswith(self.url + "/")] == []


def studio_of(browser: Any, url: str, **options: Any) -> Studio:
    """Open a page with a profile of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, **options)
    one = Studio(context.new_page(), url)
    page = one.page
    page.on("pageerror", lambda error: one.errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and one.errors.append(said.text))
    page.on("request", lambda request: one.requests.append(request.url))
    page.on("dialog", lambda dialog: (one.dialogs.append(dialog.message), dialog.dismiss()))
    return one


@pytest.fixture
def studio(browser: Any, server: Any) -> Iterator[Studio]:
    """The studio at its first page; at the end, nothing may have gone wrong or out."""
    one = studio_of(browser, server.url)
    one.open()
    yield one
    one.page.context.close()
    one.faultless()


@pytest.fixture
def open_studio(browser: Any) -> Iterator[Any]:
    """How to open a studio at an address, with the browser's options."""
    opened: list[Studio] = []

    def open_(url: str, **options: Any) -> Studio:
        opened.append(studio_of(browser, url, **options))
        return opened[-1]

    yield open_
    for one in opened:
        one.page.context.close()


@pytest.fixture(scope="session")
def files() -> Path:
    """The studio's files."""
    return Path(__file__).parents[3] / "molnar" / "app" / "studio"
