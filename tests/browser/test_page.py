"""The report in a real browser without a network: whole and legible in every width and colour scheme."""

import shutil
from pathlib import Path

import pytest
import small_report

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")]

CUT_OFF = """
[...document.querySelectorAll("svg text")].filter(text => {
  const picture = text.closest("svg").getBoundingClientRect(), box = text.getBoundingClientRect();
  return box.left < picture.left - 2 || box.right > picture.right + 2 || box.bottom > picture.bottom + 2;
}).map(text => text.textContent)
"""
INK = "getComputedStyle(document.querySelector('svg text')).fill"
EMPTY = "[...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().height < 30).length"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    models = {"qwen2_5_32b_instruct": 4, "student": 16, "teacher": 12}
    small_report.write(folder, models, ("sums_test", "puzzles_test"), "qwen2_5_32b_instruct", 2)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, page):
    """Open the page at a width and in a colour scheme, offline; returns it with what went wrong so far."""

    def open_page(width: int, scheme: str):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        tab, trouble = context.new_page(), []
        tab.on("console", lambda message: trouble.append(message.text))
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
        tab.on("request", lambda request: trouble.append(request.url) if request.url.startswith("http") else None)
        tab.goto(page.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        return tab, trouble

    return open_page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_is_whole(width, scheme, visit):
    tab, trouble = visit(width, scheme)
    assert trouble == []
    assert tab.evaluate("document.documentElement.scrollWidth") == width, "the page scrolls sideways"
    assert tab.evaluate(EMPTY) == 0
    assert tab.evaluate(CUT_OFF) == []


def test_pictures_follow_the_colour_scheme_and_the_printer(visit):
    light, dark = (visit(1280, scheme)[0] for scheme in ("light", "dark"))
    assert light.evaluate(INK) != dark.evaluate(INK)
    dark.emulate_media(media="print")
    assert dark.evaluate(INK) == light.evaluate(INK)
    assert dark.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_the_first_key_press_leads_past_the_menu(visit):
    tab, _ = visit(1280, "light")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the scores"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#scores")
