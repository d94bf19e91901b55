"""What callers give: paths as texts or as paths, None as the default or refused in a line, names as they wrote them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sentinode as sn
from sentinode.core.errors import ArgumentError, SentinodeError, SlideError

NOTHING: Any = None


_REFUSED: dict[str, tuple[str, Callable[[Any], object]]] = {
    "open_bundle": ("bundle", sn.open_bundle),
    "open_engine": ("bundle", sn.open_engine),
    "open_slide": ("path", sn.open_slide),
    "open_scan": ("folder", sn.open_scan),
    "predict": ("bundle", lambda one: sn.predict(one, "patches")),
    "load_recipe": ("recipe", sn.load_recipe),
    "scan bundle": ("bundle", lambda one: sn.scan(one, "slide.tif", "scans")),
    "scan slides": ("slides", lambda one: sn.scan("pcam", one, "scans")),
    "scan out": ("out", lambda one: sn.scan("pcam", "slide.tif", one)),
    "slide_features name": ("name", lambda one: sn.slide_features(one, "slide.tif", "bags")),
    "slide_features slides": ("slides", lambda one: sn.slide_features("pcam", one, "bags")),
    "slide_features out": ("out", lambda one: sn.slide_features("pcam", "slide.tif", one)),
    "explain": ("out", lambda one: sn.explain("pcam", "patches", out=one)),
    "inspect data": ("data", lambda one: sn.inspect(one, "look")),
    "inspect out": ("out", lambda one: sn.inspect("folder:patches", one)),
    "evaluate bundle": ("bundle", lambda one: sn.evaluate(one, "folder:patches", "measured")),
    "evaluate data": ("data", lambda one: sn.evaluate("pcam", one, "measured")),
    "evaluate out": ("out", lambda one: sn.evaluate("pcam", "folder:patches", one)),
    "compare bundles": ("bundles", lambda one: sn.compare(one, "folder:patches", "compared")),
    "compare out": ("out", lambda one: sn.compare(["pcam", "pcam"], "folder:patches", one)),
    "crossval recipe": ("recipe", lambda one: sn.crossval(one, "honest", data="folder:patches")),
    "crossval out": ("out", lambda one: sn.crossval("colour", one, data="folder:patches")),
}


@pytest.mark.parametrize("value", [None, 5, b"pcam", ""])
@pytest.mark.parametrize("call", _REFUSED)
def test_no_path_is_refused_with_the_name_of_the_argument(call: str, value: Any) -> None:
    name, function = _REFUSED[call]
    with pytest.raises(ArgumentError, match=rf"^{name} is .+; give .+for example {name}="):
        function(value)


def test_what_is_in_a_list_is_named_by_its_place() -> None:
    with pytest.raises(ArgumentError, match=r"slides\[1\] is None"):
        sn.scan("pcam", ["slide.tif", NOTHING], "scans")
    with pytest.raises(ArgumentError, match=r"overrides is 5; give texts"):
        sn.inspect("folder:patches", "look", overrides=5)  # type: ignore[arg-type]


def test_data_is_an_address_or_a_path() -> None:
    by_address = sn.inspect("folder:patches", "by-address")
    by_path = sn.inspect(Path("patches"), Path("by-path"), overrides=None)
    assert by_path.facts["counts"] == by_address.facts["counts"]


@pytest.mark.slow
def test_none_means_the_default() -> None:
    measured = sn.evaluate(
        Path("pcam"), Path("patches"), Path("measured"), split=None, overrides=None, engine=None, settings=None
    )
    assert measured.figures.split == "test"
    assert len(sn.predict("pcam", "patches/test/*/0.png", engine=None)) == 2
    scan = sn.scan("pcam", "slide.tif", "scans", rule=None, second_look=None, verify_reader=None, region=None)
    assert scan.record.status == "finished"


def test_an_override_alone_is_one() -> None:
    assert sn.load_recipe("demo", overrides="training.epochs=3").training.epochs == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mpp": 0.001}, r"^mpp = 0\.001: "),
        ({"slide_mpp": 0.001}, r"^slide_mpp = 0\.001: "),
        ({"stride": 0}, r"^stride = 0: "),
        ({"region": (0, 0, 10)}, r"^region is \(0, 0, 10\)"),
        ({"region": 7}, r"^region is 7"),
        ({"threads": -1}, r"^threads is -1; give a whole number of at least 1"),
        ({"verify_reader": 0.5}, r"^verify_reader is 0\.5"),
        ({"batch": "many"}, r"^batch = 'many'"),
    ],
)
def test_an_option_is_named_as_it_was_written(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SentinodeError, match=said):
        sn.scan("pcam", "slide.tif", "scans", **given)


def test_slides_without_features_are_an_error_or_left_out() -> None:
    Path("torn.tif").write_bytes(Path("slide.tif").read_bytes()[:300])
    given = {"tissue": None, "region": (0, 0, 300, 300)}
    with pytest.raises(SlideError, match=r"torn\.tif"):
        sn.slide_features("pcam", "torn.tif", "bags", **given)
    with pytest.raises(SlideError, match=r"\. is a folder; give \['\.'\]"):
        sn.slide_features("pcam", ".", "bags")
    (bag,) = sn.slide_features("pcam", ["slide.tif", "torn.tif"], "bags", **given)
    assert (bag.name, len(bag)) == ("slide", len(bag.coords))
    assert "torn" in Path("bags", "features.csv").read_text(encoding="utf-8")


def test_a_size_given_as_mpp_is_the_slides() -> None:
    scan = sn.scan("pcam", "slide.tif", "given", mpp=0.9, stride=96)
    assert (scan.record.slide.mpp_x, scan.record.config["stride_px"]) == (0.9, 96)
