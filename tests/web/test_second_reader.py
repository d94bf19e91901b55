"""Story: two reviewers judge the same lesions, the page shows who said what, and an admin decides."""

import json

import pytest
from playwright.sync_api import expect

from helpers.axe import axe_source, faults
from sentinode.serving.access.tokens import Users

NAMES = {"ann": "reviewer", "bob": "reviewer", "eve": "admin"}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """A user file, and its users' tokens."""
    users = Users(tmp_path_factory.mktemp("users") / "users.json")
    return users.path, {name: users.add(name, role) for name, role in NAMES.items()}


@pytest.fixture(scope="module")
def shared(start_server, make_folder, tokens):
    """A server that three people use."""
    return start_server(make_folder(), "--users", str(tokens[0]))


@pytest.fixture
def sign_in(shared, tokens, open_page):
    """Opens the slide as somebody."""

    def opened(name, **options):
        page = open_page(shared.address, refused=True, **options)
        page.get_by_label("Access key").fill(tokens[1][name])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="known").get_by_role("link").click()
        expect(page.locator(".scale")).to_be_visible()
        expect(page.locator(".lesion").nth(1)).to_be_visible()
        return page

    return opened


def judge(page, key):
    page.locator(".lesion-main").first.click()
    page.keyboard.press(key)


def test_two_reviewers_disagree_and_an_admin_decides(sign_in):
    ann = sign_in("ann")
    judge(ann, "y")
    row = ann.locator(".lesion").first
    expect(row).to_contain_text("✓ accepted")
    expect(ann.get_by_text("Reviewed: tumour")).to_be_visible()

    bob = sign_in("bob")
    row = bob.locator(".lesion").first
    expect(row).to_contain_text("✓ accepted")
    judge(bob, "r")
    expect(row).to_contain_text("≠ disagreed: ✓ ann, ✕ bob")
    expect(row.locator(".votes li")).to_contain_text(["✓ Accepted by ann", "✕ Rejected by bob"])
    expect(row.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
    for theme in ("light", "dark"):
        bob.emulate_media(color_scheme=theme)
        assert faults(bob, axe_source()) == [], theme
    expect(row.get_by_role("button", name="Accept")).to_have_attribute("aria-pressed", "false")
    expect(bob.get_by_text("Reviewers disagree on 1 place")).to_be_visible()
    expect(bob.locator(".line-disagreed")).to_have_count(1)
    expect(bob.get_by_role("group", name="Decide as admin")).to_have_count(0)
    bob.get_by_role("button", name="Export").click()
    expect(bob.get_by_label("Whole slide reviewed")).to_be_disabled()

    eve = sign_in("eve")
    eve.get_by_role("button", name="Show it").click()
    row = eve.locator(".lesion").first
    row.get_by_role("button", name="Decide: accept").click()
    expect(row).to_contain_text("✓ accepted · decided by eve")
    expect(row.locator(".votes li")).to_have_count(3)
    expect(eve.get_by_text("Reviewed: tumour")).to_be_visible()
    eve.get_by_role("button", name="Export").click()
    eve.get_by_label("Whole slide reviewed").check()
    with eve.expect_download() as download:
        eve.get_by_role("link", name="GeoJSON").click()
    (feature,) = json.loads(download.value.path().read_text())["features"]
    assert feature["properties"]["name"] == "accepted by eve (adjudicated)"
    eve.keyboard.press("Escape")
    eve.keyboard.press("u")  # an admin's key takes back the admin's own step alone
    expect(row).to_contain_text("≠ disagreed")
    expect(eve.get_by_role("button", name="Undo")).to_be_disabled()


def test_what_one_drew_another_judges(sign_in):
    ann = sign_in("ann")
    ann.keyboard.press("+")
    ann.keyboard.press("p")
    for count, key in enumerate(("d", "s", "a"), start=1):
        ann.keyboard.press("Space")
        expect(ann.locator(".corner")).to_have_count(count)
        ann.keyboard.press(key)
    expect(ann.locator(".enclosed")).to_have_count(1)
    ann.keyboard.press("Enter")
    expect(ann.locator(".line-drawn")).to_have_count(1)
    row = ann.get_by_role("listitem").filter(has_text="mm² · ann").last
    row.get_by_role("button").first.click()
    expect(row.get_by_role("button", name="Reject")).to_have_count(0)

    bob = sign_in("bob")
    row = bob.get_by_role("listitem").filter(has_text="mm² · ann").last
    row.get_by_role("button").first.click()
    row.get_by_role("button", name="Reject").click()
    expect(row).to_contain_text("≠ disagreed: ✓ ann, ✕ bob")
