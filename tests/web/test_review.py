"""Story: lesions are accepted, rejected, drawn and commented on; all of it is kept and can be taken back."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect


@pytest.fixture
def own(lab):
    """The server without a review; one test's are taken back before the next."""
    yield lab
    for review in reviews(lab)[1]:
        BEFORE.add(review["id"])
        request = urllib.request.Request(f"{lab.address}/reviews/{review['id']}", method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()


BEFORE = set()
"""Ids of reviews of earlier tests, which are undone, and kept as all are."""


def opened(server, open_page, **options):
    page = open_page(server.address, **options)
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page.locator(".scale")).to_be_visible()
    expect(page.locator(".lesion")).to_have_count(2)
    return page


def reviews(server):
    scan = next(slide for slide in server.get("/slides")["slides"] if slide["name"] == "known")["scan"]["id"]
    kept = server.get(f"/scans/{scan}/reviews")["reviews"]
    return scan, [one for one in kept if one["id"] not in BEFORE]


def test_verdicts_by_key_are_saved_undone_restored_and_exported(own, open_page):
    page = opened(own, open_page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("y")
    first = page.locator(".lesion").nth(0)
    expect(first).to_contain_text("accepted")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    second = page.locator(".lesion").nth(1)
    expect(second).to_contain_text("rejected")
    _, kept = reviews(own)
    assert [(one["verdict"], one["undone"]) for one in kept] == [("accept", False), ("reject", False)]

    page.keyboard.press("u")
    expect(second).not_to_contain_text("rejected")
    assert reviews(own)[1][1]["undone"]
    page.keyboard.press("Shift+U")
    expect(second).to_contain_text("rejected")

    page.reload()
    expect(page.locator(".lesion").nth(1)).to_contain_text("rejected")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="GeoJSON").click()
    content = json.loads(download.value.path().read_text())
    assert (content["reviewed"], len(content["features"])) == ("part", 2)
    page.get_by_label("Whole slide reviewed").check()
    with page.expect_download() as download:
        page.get_by_role("link", name="GeoJSON").click()
    assert json.loads(download.value.path().read_text())["reviewed"] == "whole"
    with page.expect_download() as download:
        page.get_by_role("link", name="XML").click()
    assert download.value.path().read_text().count("<Annotation ") == 1


def test_a_verdict_outlives_a_change_of_threshold(own, open_page):
    page = opened(own, open_page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("y")
    expect(page.locator(".lesion").nth(0)).to_contain_text("accepted")
    page.get_by_label("Threshold").fill("0.8")
    expect(page.get_by_role("button", name="Back to 0.50")).to_be_visible()
    expect(page.locator(".lesion").nth(0)).to_contain_text("accepted")


def test_a_comment_is_kept_with_its_author_and_time(own, open_page):
    page = opened(own, open_page)
    page.locator(".lesion-main").first.click()
    page.keyboard.press("e")
    page.keyboard.type("Capsular vessels?")
    page.keyboard.press("Enter")
    expect(page.locator(".lesion-detail blockquote")).to_contain_text("Capsular vessels?")
    assert reviews(own)[1][0]["comment"] == "Capsular vessels?"


def test_a_missed_lesion_is_drawn_corner_by_corner(own, open_page):
    page = opened(own, open_page)
    page.keyboard.press("p")
    box = page.locator(".deep").bounding_box()
    centre = box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3
    corners = [(0, 0), (80, 0), (80, 60), (0, 60)]
    for x, y in corners:
        page.mouse.click(centre[0] + x, centre[1] + y)
    expect(page.locator(".corner")).to_have_count(4)
    page.keyboard.press("Enter")
    expect(page.locator(".line-drawn")).to_have_count(1)
    expect(page.locator(".corner")).to_have_count(0)
    _, kept = reviews(own)
    assert [one["kind"] for one in kept] == ["lesion"]
    xs, ys = zip(*kept[0]["polygon"]["coordinates"][0], strict=True)
    assert (max(xs) - min(xs)) / (max(ys) - min(ys)) == pytest.approx(80 / 60, rel=0.05)
    page.keyboard.press("u")
    expect(page.locator(".line-drawn")).to_have_count(0)


def test_a_missed_lesion_is_drawn_in_one_stroke(own, open_page):
    page = opened(own, open_page)
    page.get_by_role("button", name="Freehand").click()
    box = page.locator(".deep").bounding_box()
    x, y = box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4
    page.mouse.move(x, y)
    page.mouse.down()
    for dx, dy in [(40, -20), (90, 0), (100, 50), (50, 80), (5, 50)]:
        page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()
    expect(page.locator(".line-drawn")).to_have_count(1)
    assert reviews(own)[1][0]["kind"] == "lesion"


def test_a_polygon_can_be_drawn_by_keys_alone(own, open_page):
    page = opened(own, open_page)
    drawn(page)
    page.keyboard.press("Enter")
    expect(page.locator(".line-drawn")).to_have_count(1)


def drawn(page):
    """A lesion drawn by the keyboard alone, not yet finished."""
    page.keyboard.press("+")
    page.keyboard.press("p")
    for count, key in enumerate(("d", "s", "a"), start=1):
        page.keyboard.press("Space")
        expect(page.locator(".corner")).to_have_count(count)
        page.keyboard.press(key)


def test_a_drawn_lesion_is_listed_commented_on_and_removed(own, open_page):
    page = opened(own, open_page)
    drawn(page)
    page.keyboard.press("Enter")
    row = page.get_by_role("listitem").filter(has_text="mm²").last
    row.get_by_role("button").first.click()
    row.get_by_label("Comment on the drawn lesion").fill("Subcapsular.")
    row.get_by_role("button", name="Save").click()
    expect(row.locator("blockquote")).to_contain_text("Subcapsular.")
    row.get_by_role("button", name="Remove").click()
    expect(page.locator(".line-drawn")).to_have_count(0)
    expect(page.get_by_text("Drawn by reviewers")).to_have_count(0)


def test_a_drawn_lesion_is_shown_as_kept_once_the_server_kept_it_and_is_sent_once(own, open_page):
    page = opened(own, open_page)
    drawn(page)
    held = []
    page.route("**/reviews", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    page.keyboard.press("Enter")
    expect(page.locator(".drawing-ends")).to_contain_text("Saving")
    for key in ("Enter", "Space", "Escape"):
        page.keyboard.press(key)
    expect(page.locator(".corner")).to_have_count(3)
    expect(page.locator(".line-drawn")).to_have_count(0)
    held.pop().continue_()
    expect(page.locator(".line-drawn")).to_have_count(1)
    expect(page.locator(".drawing-ends, .corner")).to_have_count(0)
    assert (held, len(reviews(own)[1])) == ([], 1)


def test_what_can_not_be_saved_is_not_lost(own, open_page):
    page = opened(own, open_page, refused=True)
    drawn(page)
    page.route("**/reviews", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("sentinode serve")
    expect(page.locator(".corner")).to_have_count(3)
    page.unroute("**/reviews")
    page.get_by_role("button", name="Finish").click()
    expect(page.locator(".corner")).to_have_count(0)
    expect(page.locator(".line-drawn")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_slide_without_tumour_is_exported_once_all_of_it_was_looked_at(own, open_page):
    page = opened(own, open_page)
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_text("Accept, reject or draw a lesion first.")).to_be_visible()
    page.get_by_label("Whole slide reviewed").check()
    with page.expect_download() as download:
        page.get_by_role("link", name="GeoJSON").click()
    assert json.loads(download.value.path().read_text())["features"] == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="GeoJSON")).to_have_count(0)
    expect(page.get_by_role("button", name="Export")).to_be_focused()
