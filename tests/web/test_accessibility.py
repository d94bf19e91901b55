"""axe's rules on every view, light and dark, with WCAG 2.2 AA."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core."""
    if not AXE.is_file():
        pytest.fail("axe-core is not installed; run `make lint`, which installs the viewer's packages")
    return AXE.read_text(encoding="utf-8")


def faults(page, axe):
    page.evaluate(axe)  # as the debugger does it: the page's policy lets no script in
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
    )
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


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
