"""The rule for lesions that is shipped is that of the bundles that are shipped, and says on what it was fitted."""

from helpers.scanner import engine_of
from sentinode.models.bundle import open_bundle
from sentinode.scanning.learned_rule import shipped_rule
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.second_looker import AUTO
from sentinode.scanning.second_reading import choose_reading
from sentinode.scanning.tiling_config import Machine


def test_it_judges_the_shipped_bundles_looks() -> None:
    reading = choose_reading(AUTO, AUTO, engine_of(open_bundle("pcam"), ScanConfig()), Machine(threads=1))
    assert reading is not None
    assert (reading.facts.second_look, reading.rule) == ("pcam", shipped_rule())


def test_who_changes_the_heuristic_rule_gets_it() -> None:
    changed = ScanConfig(threshold=0.7)
    assert choose_reading(AUTO, AUTO, engine_of(open_bundle("pcam"), changed), Machine(threads=1)) is None


def test_it_says_what_it_gives_on_slides_left_out() -> None:
    rule = shipped_rule()
    assert rule is not None
    assert rule.validation.false_lesions_a_normal_slide <= 0.1
    assert rule.validation.normal_slides >= 10
    assert "No real metastasis is among them" in rule.card
