"""The course as web pages: built from the stored outputs without a warning, and read in a browser that has no network."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import anatomy
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [anatomy.Notebook(path) for path in sorted(ROOT.glob("notebooks/*.ipynb"))]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MODULES = ("sphinx", "myst_nb", "furo", "sphinx-mathjax-offline", "playwright")
pytestmark = pytest.mark.slow


def needs(what, there):
    """Skip the test where ``what`` isn't there, saying so; fail where everything is required."""
    if not there:
        (pytest.fail if os.environ.get("CI_REQUIRE_BROWSER") else pytest.skip)(f"{what} isn't installed: `make site` installs it")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for module in MODULES:
        needs(module, find_spec(module))
    folder = tmp_path_factory.mktemp("site")
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "site", ".", str(folder)]
    built = subprocess.run(sphinx, cwd=ROOT, capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def browser(site):
    if not CHROMIUM:
        needs("Chromium (from the system's packages)", None)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page without network; at its end, nothing but files was asked for, and nothing went wrong in it."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_offline(True)
    page = context.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert wrong == []


def open_page(page, site, name, query=""):
    page.goto((site / name).as_uri() + query)
    page.wait_for_function("!window.MathJax || MathJax.startup.promise.then(() => true)")


WHAT_IS_THERE = """() => ({
    title: document.querySelector("h1").innerText,
    images: [...document.images].map(image => [image.getAttribute("src"), image.alt, image.naturalWidth]),
    equations: document.querySelectorAll(".math").length,
    rendered: document.querySelectorAll(".math mjx-container svg").length,
    mathErrors: [...document.querySelectorAll("[data-mml-node=merror], mjx-merror")].map(node => node.textContent),
    solutions: [...document.querySelectorAll(".tag_solution details")].map(node => [node.innerText.trim(), node.open]),
    links: [...document.querySelectorAll("a[href]")].map(link => link.href),
    tables: [...document.querySelectorAll("table")].map(table => table.querySelectorAll("thead th").length),
    width: document.documentElement.scrollWidth,
})"""


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.number)
def test_page_of_a_notebook(notebook, site, page):
    open_page(page, site, f"notebooks/{notebook.name}.html")
    found = page.evaluate(WHAT_IS_THERE)
    assert found["title"].startswith(f"{notebook.number} · ")
    alts = [output["metadata"]["image/png"]["alt"] for cell in notebook.code for output in cell.pictures]
    assert [alt for _, alt, _ in found["images"]] == alts
    assert all(width > 0 for *_, width in found["images"])
    assert found["rendered"] == found["equations"]
    assert found["mathErrors"] == []
    numbers = [cell.source.splitlines()[0].removeprefix("#@title ") for cell in notebook.code if "solution" in cell.tags]
    assert found["solutions"] == [[number, False] for number in numbers]
    assert all(headers > 0 for headers in found["tables"])
    assert [link for link in found["links"] if leads_nowhere(link, site)] == []
    page.set_viewport_size({"width": 400, "height": 800})  # a telephone: what is wide scrolls in itself, not the page
    assert page.evaluate(WHAT_IS_THERE)["width"] <= 400


def leads_nowhere(link, site):
    address = urlsplit(link)
    if address.scheme != "file":
        return False
    path, anchor = Path(unquote(address.path)), unquote(address.fragment)
    return not path.is_file() or bool(anchor and path.suffix == ".html" and f'id="{anchor}"' not in path.read_text(encoding="utf-8"))


def test_equations_are_there_at_all(site, page):
    open_page(page, site, "notebooks/15_simulating_prices.html")
    found = page.evaluate(WHAT_IS_THERE)
    assert found["rendered"] > 20


def test_solution_opens_with_a_click(site, page):
    open_page(page, site, "notebooks/18_stacked_parameters.html")
    solution = page.locator(".tag_solution", has_text="Solution 18.1")
    code = solution.get_by_text("def solution_stacked_init")
    assert not code.is_visible()
    solution.locator("summary").click()
    code.wait_for(state="visible", timeout=5000)
    assert solution.get_by_text("18.1 correct.").is_visible()


def test_first_page_leads_to_every_notebook(site, page):
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/site/index.html")
    navigation = page.locator(".sidebar-tree")
    for notebook in NOTEBOOKS:
        assert navigation.locator(f"a[href$='{notebook.name}.html']").count() == 1
    captions = [text.upper() for text in navigation.locator(".caption").all_inner_texts()]
    assert [caption for caption in captions if caption.startswith(("I · ", "V · "))]
    navigation.locator("a[href$='00_start_here.html']").click()
    page.wait_for_url("**/notebooks/00_start_here.html")


def test_links_between_notebooks(site, page):
    open_page(page, site, "notebooks/18_stacked_parameters.html")
    page.locator("article a", has_text="19 · The pricer").click()
    page.wait_for_url("**/notebooks/19_the_pricer.html")
    assert page.locator("h1").inner_text().startswith("19 · The pricer")
    open_page(page, site, "notebooks/00_start_here.html")
    page.locator("article a", has_text="self-test").first.click()
    assert page.url.endswith("#self-test")


def test_search_finds_a_word(site, page):
    open_page(page, site, "search.html", "?q=martingale")
    results = page.locator("#search-results li a")
    results.first.wait_for(timeout=10_000)
    page.wait_for_function("!document.querySelector('#search-results h2').innerText.startsWith('Searching')")
    assert "15 · Simulating prices" in " ".join(results.all_inner_texts())
    found = page.locator("#search-results li", has_text="15 · Simulating prices").locator("p.context").first
    found.wait_for()
    said = found.inner_text()
    assert "martingale" in said.lower() and said[0].isupper() and said[-1] in ".?:" and len(said) < 400
    open_page(page, site, "notebooks/15_simulating_prices.html")
    page.locator(".sidebar-search").fill("eigenvector")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=eigenvector*")
    page.locator("#search-results li a", has_text="14 · Stationary distributions").first.wait_for(timeout=10_000)


@pytest.mark.parametrize(
    ("query", "page_of", "said"),
    [
        ("antithetic", "15 · Simulating prices", "antithetic"),  # in a heading's section, by its anchor or not
        ("boundary", "16 · Longstaff", "boundary"),  # Sphinx looks for its stem, which ends in i and stands nowhere
        ("cholesky factor", "15 · Simulating prices", "cholesky"),  # the rarer of the two words, if none has both
    ],
)
def test_search_shows_the_sentence(query, page_of, said, site, page):
    open_page(page, site, "search.html", f"?q={query}")
    results = page.locator("#search-results li", has_text=page_of)
    results.first.locator("p.context").wait_for(timeout=10_000)
    page.wait_for_function("!document.querySelector('#search-results h2').innerText.startsWith('Searching')")
    contexts = [text.lower() for text in page.locator("#search-results li", has_text=page_of).locator("p.context").all_inner_texts()]
    assert said in contexts[0] and all(contexts)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.number)
def test_page_leads_to_its_notebook_and_its_deck(notebook, site, page):
    open_page(page, site, f"notebooks/{notebook.name}.html")
    download = page.locator("article a", has_text="Download the notebook").first.get_attribute("href")
    there = (site / "notebooks" / download).resolve()
    assert there.name == f"{notebook.name}.ipynb" and there.read_bytes() == notebook.path.read_bytes()
    slides = page.locator("article a", has_text="Slides").first
    if notebook.number != "A1":
        slides.click()
        page.wait_for_url(f"**/slides/html/{'course' if notebook.number == '00' else notebook.name}.html")
        assert "404" not in page.title() and page.locator("section h1").first.inner_text()


def test_page_leads_to_colab_once_the_course_has_an_address():
    import importlib.util

    spec = importlib.util.spec_from_file_location("site_conf", ROOT / "site" / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    badge = "[![Open in Colab](https://colab/badge.svg)](https://colab/github/{}/blob/main/notebooks/02_gradients.ipynb)"
    shown = conf.BADGE.sub(lambda match: conf.links("02_gradients", match[1]), badge.format("some/where"))
    assert "[Open in Colab](https://colab/github/some/where/blob/main/notebooks/02_gradients.ipynb)" in shown
    assert shown.count(" · ") == 2 and "svg" not in shown
    assert "Colab" not in conf.BADGE.sub(lambda match: conf.links("02_gradients", match[1]), badge.format("OWNER/NAME"))


def test_glossary_has_anchors(site, page):
    open_page(page, site, "notebooks/glossary.html", "#carry")
    assert page.locator("#carry h2").inner_text().startswith("carry")
    page.wait_for_function("Math.abs(document.querySelector('#carry').getBoundingClientRect().top) < 200", timeout=5000)


def test_page_about_peers(site, page):
    """Notebooks 19 and 20 lead to it; on a telephone its long names don't make it wider."""
    for name in ("19_the_pricer", "20_bounds_and_greeks"):
        open_page(page, site, f"notebooks/{name}.html")
        page.locator("article a[href^='peers.html']").first.click()
        page.wait_for_url("**/notebooks/peers.html")
    page.set_viewport_size({"width": 400, "height": 800})
    found = page.evaluate(WHAT_IS_THERE)
    assert found["width"] <= 400
    assert [link for link in found["links"] if leads_nowhere(link, site)] == []
