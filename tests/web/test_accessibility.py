"""axe's rules on every view, light and dark, with WCAG 2.2 AA."""

import pytest
from playwright.sync_api import expect

from helpers.axe import axe_source, faults


@pytest.fixture(scope="module")
def axe():
    return axe_source()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_view_breaks_a_rule(server, open_page, axe, images, theme):
    page = open_page(server.address, "#/patch", color_scheme=theme)
    expect(page.get_by_text("looks at 30")).to_be_visible()
    assert faults(page, axe) == []
    page.get_by_label("Images", exact=True).set_input_files(images)
    expect(page.get_by_alt_text("Where the model looked")).to_be_visible()
    assert faults(page, axe) == []

    page.keyboard.press("3")
    expect(page.get_by_role("region", name="Model card")).to_be_visible()
    assert faults(page, axe) == []

    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="known")).to_be_visible()
    assert faults(page, axe) == []

    page.get_by_role("heading", name="known").get_by_role("link").click()
    page.locator(".lesion-main").first.click()
    page.keyboard.press("x")
    expect(page.get_by_role("region", name="Explained tile").get_by_alt_text("Where")).to_be_visible()
    assert faults(page, axe) == []

    page.keyboard.press("?")
    assert faults(page, axe) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_question_before_an_upload_is_deleted_breaks_no_rule(server, open_page, axe, theme):
    page = open_page(server.address, "#/patch", color_scheme=theme)
    one = {**server.get("/slides")["slides"][0], "uploaded": True}
    page.route("**/slides", lambda route: route.fulfill(json={"slides": [one]}))
    page.goto(f"{server.address}/#/slides")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page, axe) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_state_of_the_slide_view_breaks_a_rule(server, open_page, axe, theme):
    page = open_page(server.address, color_scheme=theme)
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page.locator(".lesion")).to_have_count(2)

    def looked(name):
        assert faults(page, axe) == [], name

    page.get_by_role("button", name="known: facts").click()
    looked("facts")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export").click()
    looked("export")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator(".pane")).to_have_count(2)
    looked("side by side")
    page.keyboard.press("c")
    page.keyboard.press("p")
    page.keyboard.press("Space")
    expect(page.locator(".corner")).to_have_count(1)
    looked("drawing")
    page.keyboard.press("l")
    looked("measuring")
    page.keyboard.press("Escape")
    page.get_by_label("Threshold").fill("0.99")
    expect(page.get_by_text("No lesion at this threshold")).to_be_visible()
    looked("no lesion")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_failure_breaks_a_rule(server, keyed, open_page, axe, images, tmp_path, theme):
    page = open_page(keyed.address, color_scheme=theme)
    expect(page.get_by_label("Access key")).to_be_visible()
    assert faults(page, axe) == []

    page = open_page(server.address, "#/slides/nosuchslide0", color_scheme=theme, refused=True)
    expect(page.get_by_role("alert")).to_be_visible()
    assert faults(page, axe) == []

    text = tmp_path / "notes.png"
    text.write_text("no image")
    page.keyboard.press("2")
    page.get_by_label("Images", exact=True).set_input_files([text, images[0]])
    expect(page.get_by_role("alert")).to_be_visible()
    assert faults(page, axe) == []

    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="known")).to_be_visible()
    page.get_by_label("Slide files").set_input_files([text])
    expect(page.get_by_role("alert")).to_be_visible()
    assert faults(page, axe) == []
