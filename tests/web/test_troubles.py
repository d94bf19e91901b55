"""Every wait shows that it is one, and every failure says what to do."""

import json

import pytest
from playwright.sync_api import expect


def problem(status, detail, **headers):
    body = {"type": "about:blank", "title": "x", "status": status, "detail": detail, "request_id": "r"}
    return {"status": status, "body": json.dumps(body), "content_type": "application/problem+json", "headers": headers}


def test_a_server_that_went_is_told_and_found_again(server, open_page):
    page = open_page(server.address, "#/patch", refused=True)
    expect(page.get_by_text("Drop images here")).to_be_visible()
    page.route("**/slides", lambda route: route.abort())
    page.keyboard.press("1")
    expect(page.get_by_role("alert")).to_contain_text("sentinode serve")
    page.unroute("**/slides")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="known")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_busy_server_is_asked_again_by_itself(server, open_page, images):
    page = open_page(server.address, "#/patch", refused=True)
    asked = []

    def busy_once(route):
        asked.append(route)
        if len(asked) > 1:
            return route.continue_()
        return route.fulfill(**problem(503, "the queue is full; try again in 3 s", **{"Retry-After": "3"}))

    page.route("**/predict/batch*", busy_once)
    page.get_by_label("Images", exact=True).set_input_files(images[0])
    expect(page.get_by_text("The page tries again by itself")).to_be_visible()
    expect(page.locator(".verdict-class")).not_to_be_empty()
    expect(page.get_by_text("The page tries again by itself")).to_have_count(0)
    assert len(asked) == 2


def test_a_session_that_ends_leads_to_the_sign_in_and_back(keyed, key, open_page):
    page = open_page(keyed.address, refused=True)

    def sign_in():
        page.get_by_label("Access key").fill(key)
        page.get_by_role("button", name="Sign in").click()

    sign_in()
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page.locator(".lesion")).to_have_count(2)
    page.context.clear_cookies()
    # A key, as it needs nothing on the page: tiles that still come on a busy machine may lead to the sign-in first.
    page.keyboard.press("]")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in()
    expect(page.locator(".lesion").first).to_be_visible()
    expect(page.get_by_role("button", name="known: facts")).to_be_visible()


def test_pictures_that_are_refused_after_the_session_lead_to_the_sign_in(keyed, key, open_page):
    page = open_page(keyed.address, refused=True)
    page.get_by_label("Access key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page.locator(".lesion")).to_have_count(2)
    page.context.clear_cookies()
    for _ in range(5):
        page.keyboard.press("+")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_slide_that_is_gone_leads_back_to_the_others(server, open_page):
    page = open_page(server.address, "#/slides/nosuchslide0", refused=True)
    expect(page.get_by_role("alert")).to_contain_text("Not found")
    page.get_by_role("link", name="All slides").click()
    expect(page.get_by_role("heading", name="known")).to_be_visible()


def test_a_scan_whose_files_went_says_so_and_is_asked_for_again(server, open_page):
    page = open_page(server.address, refused=True)
    page.route("**/lesions*", lambda route: route.fulfill(**problem(410, "the scan's folder is gone; scan again")))
    page.get_by_role("heading", name="known").get_by_role("link").click()
    alert = page.get_by_role("alert").filter(has_text="scan again")
    expect(alert).to_contain_text("No longer there")
    page.unroute("**/lesions*")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".lesion")).to_have_count(2)


@pytest.mark.parametrize(
    ("status", "detail", "title"),
    [
        (501, "explaining needs torch: pip install 'sentinode[explain]'", "Not available on this server"),
        (422, "the method lime does not suit this model; take occlusion", "Not possible with this"),
        (500, "it failed; the log has the request id", "The server answered 500"),
    ],
)
def test_without_an_explanation_the_answer_stays_and_the_reason_is_said(
    server, open_page, images, status, detail, title
):
    page = open_page(server.address, "#/patch", refused=True)
    answer = problem(status, detail)
    answer["body"] = answer["body"].replace('"title": "x"', f'"title": "The server answered {status}"')
    page.route("**/explain?*", lambda route: route.fulfill(**answer))
    page.get_by_label("Images", exact=True).set_input_files(images[0])
    expect(page.locator(".verdict-class")).not_to_be_empty()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(title)
    expect(alert).to_contain_text(detail[5:])
    page.unroute("**/explain?*")
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_alt_text("Where the model looked")).to_be_visible()


@pytest.mark.parametrize("status", [413, 415])
def test_an_image_that_is_refused_says_why(server, open_page, images, status):
    page = open_page(server.address, "#/patch", refused=True)
    page.route("**/predict/batch*", lambda route: route.fulfill(**problem(status, "17 MB, at most 16 MB; crop it")))
    page.get_by_label("Images", exact=True).set_input_files(images[0])
    expect(page.get_by_role("alert")).to_contain_text("crop it")


def test_results_stay_while_one_looks_at_another_view(server, open_page, images):
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files(images)
    expect(page.get_by_role("button", name="Save CSV")).to_be_enabled()
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="known")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("tbody tr")).to_have_count(5)
    expect(page.get_by_alt_text("Where the model looked")).to_be_visible()
