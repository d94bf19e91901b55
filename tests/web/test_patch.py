"""Story: images in, classes and reasons out."""

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect


def test_one_image_is_classified_and_explained(server, open_page, images):
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files(images[0])
    detail = page.get_by_role("region", name="Result for image-0.png")
    expect(detail.locator(".verdict-class")).not_to_be_empty()
    expect(detail.get_by_text("calibrated probability")).to_be_visible()
    overlay = detail.get_by_alt_text("Where the model looked")
    expect(overlay).to_be_visible()
    assert overlay.evaluate("image => image.naturalWidth") == 30
    detail.get_by_label("Explanation").fill("0.8")
    assert overlay.evaluate("image => getComputedStyle(image).opacity") == "0.8"


def test_another_method_gives_another_map(server, open_page, images):
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files(images[0])
    overlay = page.get_by_alt_text("Where the model looked")
    expect(overlay).to_be_visible()
    first = overlay.get_attribute("src")
    page.get_by_label("Method").select_option("occlusion")
    expect(overlay).not_to_have_attribute("src", first)


def test_many_images_become_a_table_that_sorts_and_is_saved(server, open_page, images):
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files(images)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(page.get_by_role("button", name="Save CSV")).to_be_enabled()
    page.get_by_role("button", name="P(tumour)").click()
    shown = [float(text) for text in rows.locator("td:nth-child(4)").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    assert page.get_by_role("columnheader", name="P(tumour)").get_attribute("aria-sort") == "descending"

    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [round(float(line["tumour"]), 3) for line in lines] == shown
    assert {line["file"] for line in lines} == {path.name for path in images}


def test_arrow_keys_walk_through_the_table(server, open_page, images):
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files(images)
    expect(page.get_by_role("region", name="Result for image-0.png")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("region", name="Result for image-1.png")).to_be_visible()


def test_an_image_dropped_or_pasted_is_taken(server, open_page, images):
    page = open_page(server.address, "#/patch")
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "image.png", {type: "image/png"}));
            return transfer;
        }""",
        list(images[0].read_bytes()),
    )
    page.dispatch_event(".patch", "drop", {"dataTransfer": transfer})
    expect(page.locator("tbody tr")).to_have_count(1)
    page.evaluate(
        """transfer => window.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer}))""", transfer
    )
    expect(page.get_by_role("button", name="pasted-1.png")).to_be_visible()


def test_what_is_no_image_says_so_and_the_rest_goes_on(server, open_page, images, tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("no image")
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files([images[0], text])
    expect(page.locator("tbody td.bad")).to_have_count(1)
    expect(page.locator("tbody tr").first.locator(".number").first).to_be_visible()
    page.get_by_role("button", name="notes.png").click()
    expect(page.get_by_role("alert")).to_contain_text("no image of a known format; send a PNG")
    expect(page.get_by_role("button", name="again")).to_have_count(0)  # the same file would be refused again


def test_an_image_of_another_size_is_refused_until_scaling_is_asked_for(server, open_page, tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (60, 60, 3)).astype(np.uint8)).save(path)
    page = open_page(server.address, "#/patch")
    page.get_by_label("Images", exact=True).set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text("30")
    page.get_by_label("Scale square images").check()
    expect(page.locator(".verdict-class")).not_to_be_empty()


def test_without_a_server_it_says_what_to_do(server, open_page, images):
    page = open_page(server.address, "#/patch", refused=True)
    page.route("**/predict/batch*", lambda route: route.fulfill(status=500, body="{}"))
    page.get_by_label("Images", exact=True).set_input_files(images[0])
    expect(page.get_by_role("alert")).to_contain_text("try again", ignore_case=True)
    page.unroute("**/predict/batch*")
    page.get_by_role("button", name="Try 1 again").click()
    expect(page.locator(".verdict-class")).not_to_be_empty()


@pytest.mark.parametrize(
    ("outside", "said"),
    [
        (["stain", "sharpness"], "Unlike the training images in stain and sharpness."),
        (["tissue"], "No tissue in it."),
        (["tissue", "stain"], "No tissue in it. Unlike the training images in stain."),
    ],
)
def test_an_image_unlike_the_training_ones_says_so(server, open_page, images, outside, said):
    page = open_page(server.address, "#/patch")

    def novel(route):
        answer = route.fetch()
        found = answer.json()
        for each in found.get("predictions", [found]):
            each["outside"] = outside
        route.fulfill(response=answer, json=found)

    page.route(re.compile("/predict"), novel)
    page.get_by_label("Images", exact=True).set_input_files(images[:2])
    expect(page.locator("tbody tr").first).to_contain_text("Unlike training")
    page.locator("tbody tr button").first.click()
    expect(page.locator(".verdict")).to_contain_text(said)
