"""Story: a slide that a slide model judged: its answer, its attention as a layer, the tiles to look at."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from helpers import scan_folders
from helpers.axe import axe_source, faults


@pytest.fixture(scope="module")
def judged(start_server, make_folder):
    """A server whose scanned slide a slide model judged."""
    folder = make_folder()
    attention = np.random.default_rng(5).dirichlet(np.ones(12 * 16)).reshape(12, 16)
    scan_folders.judge_scan(folder / "scans" / "known", attention, score=0.734)
    return start_server(folder)


def test_the_answer_the_attention_and_the_tiles(judged, open_page):
    page = open_page(judged.address, "#/slides")
    page.get_by_role("heading", name="known").get_by_role("link").click()
    part = page.get_by_role("region", name="Slide model")
    expect(part).to_contain_text("Positive by the slide model judge: P(positive) 0.734, threshold 0.500")
    expect(part).to_contain_text("it is not a probability of tumour")
    layer = page.get_by_role("button", name="Attention", exact=True)
    expect(layer).to_have_attribute("aria-pressed", "false")
    with page.expect_response(re.compile(r"attention/deepzoom_files/\d+/\d+_\d+\.png")) as tile:
        layer.click()
    assert tile.value.headers["content-type"] == "image/png"
    legend = page.locator(".legend")
    said = "which tiles the slide's probability rests on; not a probability of tumour"
    expect(legend).to_contain_text(f"Attention: {said}")
    heatmap = page.get_by_role("button", name="Heatmap")
    expect(heatmap).to_have_attribute("aria-pressed", "false")  # one over the other would say nothing
    page.keyboard.press("i")
    expect(layer).to_have_attribute("aria-pressed", "false")
    expect(legend).to_have_count(0)
    page.keyboard.press("h")
    expect(heatmap).to_have_attribute("aria-pressed", "true")
    before = page.locator(".magnification option").first.text_content()
    expect(legend).to_contain_text("P(tumour)")
    expect(part.get_by_role("heading", level=3)).to_have_text(["Tiles by attention × score", "Tiles of most attention"])
    part.get_by_role("button", name=re.compile(r"Attention \d+\.\d %, score")).first.click()
    page.wait_for_function(
        "before => document.querySelector('.magnification option').textContent !== before", arg=before
    )


def test_a_server_of_a_slide_bundle_says_what_judges_and_takes_no_images(judged, open_page):
    facts = judged.get("/model")
    own = {"name": "judge", "version": "9" * 12, "description": "", "method": "abmil", "label_rule": "ITC are positive"}
    own |= {"classes": ["negative", "positive"], "threshold": {"value": 0.5, "rule": "fixed", "split": "none"}}
    own |= {"metrics": {}, "metrics_split": None, "limits": [], "card_html": "<h1>judge</h1>"}
    page = open_page(judged.address, "#/slides")
    expect(page.get_by_role("listitem").filter(has_text="known")).to_contain_text(
        "Positive by judge, 0.734 · 2 lesions"
    )
    page.route("**/model", lambda route: route.fulfill(json={**facts, "slide_model": own}))
    page.get_by_role("navigation").get_by_role("link", name="Model").click()
    expect(page.get_by_role("region", name="What judges slides")).to_contain_text("abmil")
    expect(page.get_by_role("heading", name=f"What scores its tiles: {facts['name']}")).to_be_visible()
    assert faults(page, axe_source()) == []
    page.keyboard.press("2")
    expect(page.get_by_text("This server's model judge judges whole slides and no single images")).to_be_visible()
    expect(page.get_by_label("Images", exact=True)).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_attention_and_its_legend_break_no_rule(judged, open_page, theme):
    page = open_page(judged.address, "#/slides", color_scheme=theme)
    page.get_by_role("heading", name="known").get_by_role("link").click()
    page.get_by_role("button", name="Attention", exact=True).click()
    expect(page.locator(".legend-attention")).to_be_visible()
    assert faults(page, axe_source()) == []


def test_a_scan_without_a_slide_model_shows_no_attention(server, open_page):
    page = open_page(server.address, "#/slides")
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page.locator(".lesion")).to_have_count(2)
    expect(page.get_by_role("region", name="Slide model")).to_have_count(0)
    expect(page.get_by_role("button", name="Attention", exact=True)).to_have_count(0)
