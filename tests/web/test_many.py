"""A slide of many lesions: the worklist and the outlines stay cheap."""

import pytest
from playwright.sync_api import expect

LESIONS = 540


@pytest.fixture
def slide(lab, open_page):
    """The slide of many lesions, opened."""
    page = open_page(lab.address)
    page.get_by_role("heading", name="many").get_by_role("link").click()
    expect(page.locator(".lesion")).to_have_count(LESIONS)
    return page


def test_the_threshold_counts_them_live_and_rows_are_written_anew(slide, lab):
    scan = next(one for one in lab.get("/slides")["slides"] if one["name"] == "many")["scan"]["id"]
    slide.evaluate("window.row = document.querySelector('.lesion')")
    for threshold in ("0.7", "0.9"):
        slide.get_by_label("Threshold").fill(threshold)
        left = len(lab.get(f"/scans/{scan}/lesions?threshold={threshold}")["lesions"])
        assert 50 < left < LESIONS
        expect(slide.locator(".count .big")).to_have_text(str(left))
        expect(slide.locator(".lesion")).to_have_count(left)
    assert slide.evaluate("window.row === document.querySelector('.lesion')")


def test_outlines_of_a_kind_are_one_shape_and_are_moved_without_being_drawn_again(slide):
    lines = slide.locator(".line-found")
    expect(lines).to_have_count(1)
    assert lines.get_attribute("d").count("Z") == LESIONS
    slide.evaluate(
        """() => {
            window.drawn = 0;
            const group = document.querySelector('.shapes g');
            new MutationObserver(all => { window.drawn += all.length; }).observe(group, {attributes: true});
        }"""
    )
    place = "() => document.querySelector('.shapes g').getScreenCTM().e"
    before = slide.evaluate(place)
    box = slide.locator(".deep").bounding_box()
    slide.mouse.move(box["x"] + 300, box["y"] + 300)
    slide.mouse.down()
    slide.mouse.move(box["x"] + 420, box["y"] + 330, steps=8)
    slide.mouse.up()
    slide.wait_for_function(f"before => ({place})() - before > 60", arg=before)
    assert slide.evaluate("window.drawn") == 0


def test_the_last_of_them_is_reached_and_judged_by_keys(slide):
    slide.locator(".lesion-main").last.focus()
    slide.keyboard.press("Enter")
    expect(slide.locator(".lesion.current .rank")).to_have_text(str(LESIONS))
    slide.keyboard.press("ArrowUp")
    current = slide.locator(".lesion.current")
    expect(current.locator(".rank")).to_have_text(str(LESIONS - 1))
    slide.keyboard.press("y")
    expect(current).to_contain_text("accepted")
    expect(slide.locator(".count")).to_contain_text("1 reviewed")
    slide.keyboard.press("u")
    expect(current).not_to_contain_text("accepted")
