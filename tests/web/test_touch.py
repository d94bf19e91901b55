"""A tablet: fingers and pen on the slide."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect


@pytest.fixture
def slide(lab, open_page):
    """The scanned slide on a touch screen; what was drawn is taken back afterwards."""
    page = open_page(lab.address, has_touch=True, viewport={"width": 820, "height": 1180})
    page.get_by_role("heading", name="known").get_by_role("link").tap()
    expect(page.locator(".scale")).to_be_visible()
    expect(page.locator(".lesion")).to_have_count(2)
    yield page
    for review in reviews(lab):
        request = urllib.request.Request(f"{lab.address}/reviews/{review['id']}", method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()


def reviews(lab):
    scan = next(one for one in lab.get("/slides")["slides"] if one["name"] == "known")["scan"]["id"]
    return [one for one in lab.get(f"/scans/{scan}/reviews")["reviews"] if not one["undone"]]


def touch(page, *steps):
    """Fingers go from place to place, a list of (x, y) for each step; they are lifted at the end."""
    session = page.context.new_cdp_session(page)
    box = page.locator(".deep").bounding_box()

    def send(kind, fingers):
        points = [{"x": box["x"] + x, "y": box["y"] + y, "id": n} for n, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", steps[0])
    for fingers in steps[1:]:
        send("touchMove", fingers)
    send("touchEnd", [])


def frame(page):
    """Screen pixels to a level-0 pixel, and where level 0 begins."""
    return page.evaluate(
        "() => { const {a, e, f} = document.querySelector('.shapes g').getScreenCTM(); return [a, e, f]; }"
    )


def test_two_fingers_zoom(slide):
    before = frame(slide)[0]
    touch(slide, *[[(400 - n, 300), (420 + n, 300)] for n in range(0, 120, 10)])
    slide.wait_for_function("before => document.querySelector('.shapes g').getScreenCTM().a > 2 * before", arg=before)


STROKE = [(400, 200), (450, 180), (500, 200), (510, 250), (460, 280), (405, 250)]


def test_a_lesion_is_drawn_with_a_finger(slide, lab):
    slide.get_by_role("button", name="Freehand").tap()
    touch(slide, *[[place] for place in STROKE])
    expect(slide.locator(".line-drawn")).to_have_count(1)
    expect(slide.get_by_text("Drawn by reviewers")).to_be_visible()
    assert [one["kind"] for one in reviews(lab)] == ["lesion"]


def test_two_fingers_move_the_slide_while_one_would_draw(slide, lab):
    slide.get_by_role("button", name="Freehand").tap()
    before = frame(slide)[0]
    touch(slide, *[[(400 - n, 300), (420 + n, 300)] for n in range(0, 120, 10)])
    slide.wait_for_function("before => document.querySelector('.shapes g').getScreenCTM().a > 2 * before", arg=before)
    expect(slide.locator(".line-sketch, .line-drawn")).to_have_count(0)
    expect(slide.get_by_role("button", name="Freehand")).to_have_attribute("aria-pressed", "true")
    assert reviews(lab) == []


def test_corners_are_set_with_a_pen(slide, lab):
    slide.get_by_role("button", name="Polygon").tap()
    session = slide.context.new_cdp_session(slide)
    box = slide.locator(".deep").bounding_box()
    for count, (x, y) in enumerate([(300, 200), (420, 210), (400, 300)], start=1):
        for kind, buttons in (("mousePressed", 1), ("mouseReleased", 0)):
            session.send(
                "Input.dispatchMouseEvent",
                {"type": kind, "x": box["x"] + x, "y": box["y"] + y, "button": "left", "buttons": buttons,
                 "clickCount": 1, "pointerType": "pen"},
            )  # fmt: skip
        expect(slide.locator(".corner")).to_have_count(count)
    slide.get_by_role("button", name="Finish").tap()
    expect(slide.locator(".line-drawn")).to_have_count(1)
    assert json.dumps(reviews(lab)[0]["polygon"])
