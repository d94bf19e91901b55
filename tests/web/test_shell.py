"""Story: signing in, keys, themes."""

import pytest
from playwright.sync_api import expect


def test_a_server_with_keys_asks_for_one(keyed, key, open_page):
    page = open_page(keyed.address, "#/slides", refused=True)
    field = page.get_by_label("Access key")
    field.fill("not the key of this server")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This key is not known")
    field.fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="known")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="known")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(field).to_be_visible()


def test_keys_lead_everywhere_and_the_sheet_lists_them(server, open_page):
    page = open_page(server.address)
    expect(page.get_by_role("heading", name="Slides")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Patch")).to_be_visible()
    page.keyboard.press("3")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Patch")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_contain_text("Accept (yes), reject the lesion")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


def test_the_theme_follows_the_system_and_can_be_chosen(server, open_page):
    page = open_page(server.address, color_scheme="dark")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) != dark
    page.reload()
    assert page.evaluate(ground) != dark
    page.keyboard.press("t")
    assert page.evaluate(ground) == dark


def test_each_view_has_its_link_key_and_title(server, open_page):
    page = open_page(server.address)
    expect(page.get_by_role("heading", name="Slides")).to_be_visible()
    links = page.get_by_role("navigation", name="Views").get_by_role("link")
    for number, title in enumerate(("Slides", "Patch", "Model"), start=1):
        page.keyboard.press(str(number))
        expect(page).to_have_title(f"{title} · Sentinode")
        expect(page).to_have_url(f"{server.address}/#/{title.lower()}")
        expect(links.and_(page.locator("[aria-current=page]"))).to_have_text(title)
    page.keyboard.press("1")
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page).to_have_title("Slide · Sentinode")
    expect(links.and_(page.locator("[aria-current=page]"))).to_have_text("Slides")
    page.goto(f"{server.address}/#/nowhere")
    expect(page).to_have_title("Slides · Sentinode")
    page.keyboard.press("?")
    everywhere = page.get_by_role("dialog", name="Keyboard").locator("section", has_text="Everywhere")
    expect(everywhere).to_contain_text("123Slides, Patch, Model")


@pytest.mark.parametrize("width", [768, 1280, 1920])
def test_no_view_is_wider_than_the_screen(server, open_page, width):
    page = open_page(server.address, viewport={"width": width, "height": 1000})
    for view in ("slides", "patch", "model"):
        page.goto(f"{server.address}/#/{view}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{server.address}/#/slides")
    page.get_by_role("heading", name="known").get_by_role("link").click()
    expect(page.locator(".lesion")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
