"""Story: the gallery, and a scan that is watched."""

from playwright.sync_api import expect


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


def test_a_scan_is_started_watched_and_ends_with_a_result(make_folder, start_server, open_page):
    own = start_server(make_folder())
    page = open_page(own.address, "#/slides")
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
    scan = next(one for one in own.get("/slides")["slides"] if one["name"] == "fresh")["scan"]
    assert scan["status"] == "finished"
