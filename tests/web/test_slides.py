"""Story: the gallery, and a scan that is watched."""

from playwright.sync_api import expect

from helpers import slide_files


def card(page, name):
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def test_the_gallery_shows_each_slide_with_its_outcome(server, open_page):
    page = open_page(server.address, "#/slides")
    known = card(page, "known")
    expect(known).to_contain_text("Score 0.980")
    expect(known).to_contain_text("2 lesions")
    expect(known.locator(".badge")).to_have_text("Micrometastasis")
    picture = known.get_by_role("img")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())


def test_slides_are_found_by_name_and_ordered_by_score(server, open_page):
    page = open_page(server.address, "#/slides")
    expect(page.locator(".slide-card h2")).to_have_count(2)
    page.get_by_label("Order").select_option("score")
    expect(page.locator(".slide-card h2").first).to_contain_text("known")
    page.get_by_label("Find a slide by its name").fill("FRE")
    expect(page.locator(".slide-card h2")).to_have_text(["fresh"])


def test_a_scan_is_started_watched_and_ends_with_a_result(lab, open_page):
    page = open_page(lab.address, "#/slides")
    seen = page.evaluate_handle(
        """() => {
            const seen = new Set();
            new MutationObserver(() => {
                for (const bar of document.querySelectorAll(".slide-card .progress")) seen.add(bar.textContent);
            }).observe(document.body, {subtree: true, childList: true, characterData: true});
            return seen;
        }"""
    )
    fresh = card(page, "fresh")
    fresh.get_by_role("button", name="Scan").click()
    expect(fresh).to_contain_text("Score", timeout=4 * 60_000)  # a process of its own starts for it
    told = page.evaluate("seen => [...seen]", seen)
    assert any("tiles" in words or "tissue" in words for words in told)
    scan = next(one for one in lab.get("/slides")["slides"] if one["name"] == "fresh")["scan"]
    assert scan["status"] == "finished"


def test_every_state_of_a_scan_says_what_it_means(server, open_page):
    page = open_page(server.address, "#/patch")
    expect(page.get_by_text("Drop images here")).to_be_visible()
    known = next(one for one in server.get("/slides")["slides"] if one["name"] == "known")

    def slide(name, **scan):
        return {**known, "id": name, "name": name, "scan": {**known["scan"], "id": name, **scan}}

    told = [
        slide("waits", status="queued", finished=None),
        slide("broke", status="failed", problem="level 0 is damaged; copy the file again"),
        slide("stopped", status="cancelled"),
        {
            **known,
            "name": "odd",
            "status": "unreadable",
            "problem": "odd.tif is truncated; copy it again",
            "scan": None,
        },
    ]
    page.route("**/slides", lambda route: route.fulfill(json={"slides": told}))
    page.route("**/slides/*/thumbnail*", lambda route: route.fulfill(status=200, body=b"", content_type="image/jpeg"))
    page.route("**/scans/*", lambda route: route.fulfill(status=200, body="", content_type="text/event-stream"))
    page.keyboard.press("1")
    expect(card(page, "waits")).to_contain_text("Waiting for its turn")
    expect(card(page, "waits").get_by_role("button", name="Cancel")).to_be_visible()
    expect(card(page, "broke")).to_contain_text("Scan failed: Level 0 is damaged; copy the file again")
    expect(card(page, "broke").get_by_role("button", name="Scan again")).to_be_visible()
    expect(card(page, "stopped")).to_contain_text("goes on where it stopped")
    expect(card(page, "odd")).to_contain_text("odd.tif is truncated; copy it again")
    page.get_by_label("Order").select_option("state")
    expect(page.locator(".slide-card h2").first).to_contain_text("waits")


def test_slides_are_added_and_what_is_none_is_refused_with_what_to_do(lab, open_page, tmp_path):
    known = next(one for one in lab.get("/slides")["slides"] if one["name"] == "known")
    good = tmp_path / "added.tif"
    slide_files.write_tiff(good, slide_files.pyramid(slide_files.picture(900, 700), 2), compression="jpeg")
    text, empty = tmp_path / "notes.txt", tmp_path / "empty.svs"
    text.write_text("no slide")
    empty.write_bytes(b"no slide")
    page = open_page(lab.address, "#/slides", refused=True)
    expect(card(page, known["name"])).to_be_visible()
    page.get_by_label("Slide files").set_input_files([text, good, empty])
    expect(card(page, "added")).to_be_visible()
    refused = page.get_by_role("alert")
    expect(refused).to_have_count(2)
    expect(refused.nth(0)).to_contain_text("send one that ends in")
    expect(refused.nth(1)).to_contain_text("check that it is a whole slide file")
    page.get_by_role("button", name="Clear these messages").click()
    expect(refused).to_have_count(0)


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(server, open_page, tmp_path):
    path = tmp_path / "long.tif"
    path.write_bytes(b"0" * 1000)
    page = open_page(server.address, "#/slides")
    expect(card(page, "known")).to_be_visible()
    page.route("**/slides", lambda route: None if route.request.method == "POST" else route.continue_())
    page.get_by_label("Slide files").set_input_files([path])
    expect(page.get_by_role("progressbar", name="long.tif")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_upload_is_deleted_by_keyboard_after_a_question_and_others_are_not(lab, open_page, tmp_path):
    slide_files.write_tiff(tmp_path / "brought.tif", slide_files.pyramid(slide_files.picture(), 2))
    page = open_page(lab.address, "#/slides")
    page.get_by_label("Slide files").set_input_files(tmp_path / "brought.tif")
    button = card(page, "brought").get_by_role("button", name="Delete brought")
    expect(button).to_be_visible(timeout=60_000)
    uploads = [one["name"] for one in lab.get("/slides")["slides"] if one["uploaded"]]
    assert len(uploads) < len(lab.get("/slides")["slides"])
    expect(page.get_by_role("button", name="Delete")).to_have_count(len(uploads))
    picture = card(page, "brought").get_by_role("img")
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Delete brought?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete the slide").press("Enter")
    expect(card(page, "brought")).to_have_count(0)
    assert "brought" not in [one["name"] for one in lab.get("/slides")["slides"]]
