"""Chromium for tests, and what they see as pictures. Without Chromium or Playwright its tests are skipped."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import PATIENCE_MS, WIDTHS, OpenPage, Pictures, Scheme, Width


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, as Playwright drives it, by an event loop in this thread. What other tests call
    would take that for its own, so it ends with its module."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        # Root has no sandbox of Chromium's; the pages are our own.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def contexts(browser: Any) -> dict[tuple[Width, Scheme], Any]:
    """Those that were opened. They are kept, since what a context knows already it need not load again."""
    return {}


@pytest.fixture
def open_page(browser: Any, contexts: dict[tuple[Width, Scheme], Any]) -> Iterator[OpenPage]:
    """`open_page(url, width="desk", scheme="light")`: a page at the width of a desk or of a phone, light or
    dark; or of any `size`. Closed when the test ends."""
    with ExitStack() as pages:

        def opened(
            url: str,
            *,
            width: Width = "desk",
            scheme: Scheme = "light",
            size: tuple[int, int] | None = None,
        ) -> Any:
            if (width, scheme) not in contexts:
                contexts[width, scheme] = browser.new_context(
                    color_scheme=scheme, is_mobile=width == "phone", reduced_motion="reduce"
                )
                contexts[width, scheme].set_default_timeout(PATIENCE_MS)
            page = pages.enter_context(contexts[width, scheme].new_page())
            across, down = size or WIDTHS[width]
            page.set_viewport_size({"width": across, "height": down})
            page.goto(url)
            return page

        yield opened


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Pictures:
    """Keeps pictures of pages where `--pictures DIRECTORY` asks for them, and does nothing else."""
    directory = request.config.getoption("--pictures")
    return Pictures(Path(directory) if directory else None)
