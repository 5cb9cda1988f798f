"""The built pages in a browser: they ask nobody, complain of nothing, and fit on a phone.

Skipped where there is no build (README: Documentation), no Chromium or no websocket-client.
"""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest

SITE = Path(__file__).parents[1] / "docs" / "_build" / "html"
LEFT_OUT = ("_static", "_sources", "_downloads", "_images", "_plot_directive", "_modules")
PAGES = sorted(
    str(path.relative_to(SITE))
    for path in SITE.rglob("*.html")
    if path.relative_to(SITE).parts[0] not in LEFT_OUT
)
WRITTEN = [page for page in PAGES if not page.startswith(("generated/", "auto_examples/plot_"))]
SEARCHED = ["gpu", "nan", "install", "slow", "overfitting", "cite"]
SCREENS = {"phone": (390, 844, True), "desktop": (1280, 900, False)}

CUT_OFF = """
[...document.querySelectorAll('.bd-article :is(h1, h2, p, dt, dd, li, img, svg)')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => {
        for (let a = e; a.parentElement; a = a.parentElement)
            if (['auto', 'scroll'].includes(getComputedStyle(a).overflowX)) return false;
        return true;
    })
    .map(e => (e.textContent || e.src || '').trim().slice(0, 40))
"""

pytestmark = pytest.mark.skipif(not PAGES, reason="the pages are not built")


class Links(HTMLParser):
    """Where a page leads and what in it can be led to."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.names = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        for key in ("href", "src"):
            if found.get(key):
                self.targets.append((tag, found[key]))


@pytest.fixture(scope="module")
def links():
    return {SITE / page: Links(SITE / page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(links, page):
    path = SITE / page
    for tag, target in links[path].targets:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            assert tag == "a", f"loaded from elsewhere: {target}"
            continue
        there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        assert there.exists(), target
        if parts.fragment and there in links:
            assert unquote(parts.fragment) in links[there].names, target


@pytest.fixture(scope="module")
def page_and_address():
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    if browser.executable() is None:
        pytest.skip("Chromium is not installed")
    with browser.served(SITE) as address, browser.opened() as page:
        yield page, address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_pages_on_a_screen(page_and_address, screen, scheme):
    page, address = page_and_address
    page.resize(*SCREENS[screen])
    page.prefer(scheme)
    wrong = []
    everywhere = (screen, scheme) == ("phone", "light")  # the rest are made by the same templates
    for name in PAGES if everywhere else WRITTEN:
        page.open(f"{address}/{name}")
        elsewhere = {url for url in page.requests if not url.startswith((address, "data:"))}
        wrong += [f"{name} asks for {url}" for url in elsewhere]
        wrong += [f"{name}: {complaint}" for complaint in page.complaints]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > SCREENS[screen][0]:
            wrong.append(f"{name} is {width} pixels wide")
        wrong += [f"{name} cuts off “{text}”" for text in page.evaluate(CUT_OFF)]
        if page.evaluate("document.documentElement.dataset.theme") != scheme:
            wrong.append(f"{name} is not {scheme}")
        if page.evaluate("document.querySelectorAll('.math').length"):
            n_set = page.evaluate("document.querySelectorAll('mjx-container svg').length")
            n_failed = page.evaluate("document.querySelectorAll('mjx-merror').length")
            if n_failed or not n_set:
                wrong.append(f"{name}: {n_set} formulas set, {n_failed} in error")
    assert not wrong, "\n".join(wrong)


def test_the_search_finds_what_people_ask(page_and_address):
    page, address = page_and_address
    found = {}
    for word in SEARCHED:
        page.open(f"{address}/search.html?q={word}")
        found[word] = page.evaluate(
            """new Promise(resolve => {
                const look = n => {
                    const links = document.querySelectorAll("#search-results li a").length;
                    links || !n ? resolve(links) : setTimeout(() => look(n - 1), 100);
                };
                look(50);
            })"""
        )
    assert all(found.values()), found


def test_class_pages_begin_with_six_parameters_and_list_methods(page_and_address):
    page, address = page_and_address
    page.resize(*SCREENS["desktop"])
    page.open(f"{address}/generated/skae.AutoencoderTransformer.html")
    first = (
        "[...document.querySelectorAll('.parameters > * table')][0].querySelectorAll('tbody tr')"
    )
    assert page.evaluate(f"{first}.length") == 6
    names = page.evaluate(
        "[...document.querySelectorAll('.page-toc a, .bd-sidebar-secondary a')]"
        ".map(a => a.textContent.trim())"
    )
    assert any(name.startswith("inverse_transform") for name in names)
    assert page.evaluate("document.documentElement.scrollHeight") < 10_000
    page.evaluate("document.querySelector('details.folded').open = true")
    assert page.evaluate("document.querySelector('details.folded dl').offsetHeight") > 1000
    page.open(f"{address}/index.html")
    assert page.evaluate("document.querySelectorAll('button.copybtn').length") > 2
