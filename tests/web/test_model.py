"""Story: what the model is, and what it may be used for."""

import re

import pytest
from playwright.sync_api import expect


def test_facts_card_and_threshold_are_shown(server, open_page):
    page = open_page(server.address, "#/model")
    facts = server.get("/model")
    expect(page.get_by_role("heading", level=1)).to_have_text(facts["name"])
    expect(page.get_by_text(facts["version"]).first).to_be_visible()
    expect(page.get_by_role("region", name="Model card")).to_contain_text("For research only")
    expect(page.get_by_role("heading", name="Threshold choices")).to_be_visible()


def test_a_card_brings_no_script_and_no_picture_into_the_page(server, open_page):
    page = open_page(server.address, "#/slides")
    expect(page.get_by_role("heading", name="known")).to_be_visible()

    def changed(route):
        body = server.get("/model")
        body["card_html"] = (
            '<p onclick="x()" style="color:red">kept<script>window.bad = 1</script>'
            '<img src="/x.png" onerror="window.bad=1">'
            '<a href="javascript:window.bad=1">link</a></p>'
        )
        route.fulfill(json=body)

    page.route("**/model", changed)
    page.keyboard.press("3")
    card = page.get_by_role("region", name="Model card")
    expect(card).to_contain_text("kept")
    assert card.locator("script, img, [onclick], [style], a[href]").count() == 0
    assert page.evaluate("window.bad") is None


def test_the_report_is_shown_where_there_is_one(lab, open_page):
    page = open_page(lab.address, "#/model")
    expect(page.frame_locator("iframe[title='Evaluation report']").get_by_text("Measured.")).to_be_visible()


def test_the_report_gives_the_sensitivity_and_specificity_of_every_threshold(lab, open_page):
    page = open_page(lab.address, "#/model")
    choices = page.get_by_role("region", name="Threshold choices")
    expect(choices).to_contain_text("Measured on test")
    for kind in ("sensitivity", "specificity"):
        path = choices.locator(f".curve-{kind}").get_attribute("d")
        assert len(re.findall("[ML]", path)) == 7
    choices.get_by_role("slider").fill("0.72")  # 0.75 is the nearest that was measured
    expect(choices).to_contain_text("43.8 %")
    expect(choices).to_contain_text("86.6 %")
    choices.get_by_role("slider").press("Home")
    expect(choices).to_contain_text("100.0 %")


@pytest.mark.parametrize("view", ["slides", "patch", "model"])
def test_every_view_says_research_use_only(server, open_page, view):
    page = open_page(server.address, f"#/{view}")
    expect(page.get_by_role("contentinfo")).to_contain_text("Research use only. Not a medical device")
