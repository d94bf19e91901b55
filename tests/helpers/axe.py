"""axe's rules on a page, with WCAG 2.2 AA."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_source() -> str:
    """axe-core's script."""
    if not AXE.is_file():
        pytest.fail("axe-core is not installed; run `make lint`, which installs the viewer's packages")
    return AXE.read_text(encoding="utf-8")


def faults(page: Page, axe: str) -> list[str]:
    """What breaks a rule on a page as it is."""
    page.evaluate(axe)  # as the debugger does it: the page's policy lets no script in
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES
    )
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
