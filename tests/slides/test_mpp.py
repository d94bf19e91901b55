"""Where µm/px may be taken from."""

import pytest

from sentinode.slides.mpp import Mpp, mpp_from_properties

GENERIC = {"openslide.vendor": "generic-tiff"}


@pytest.mark.parametrize(
    ("properties", "mpp", "source"),
    [
        ({"openslide.vendor": "aperio", "aperio.MPP": "0.4990"}, Mpp(0.499, 0.499), "aperio.MPP"),
        (
            {"openslide.vendor": "hamamatsu", "openslide.mpp-x": "0.23", "openslide.mpp-y": "0.24"},
            Mpp(0.23, 0.24),
            "openslide.mpp-x, openslide.mpp-y",
        ),
        (
            {**GENERIC, "tiff.ResolutionUnit": "centimeter", "tiff.XResolution": "40000", "tiff.YResolution": "20000"},
            Mpp(0.25, 0.5),
            "resolution tags (centimeter)",
        ),
        (
            {"tiff.ResolutionUnit": "inch", "tiff.XResolution": "50800", "tiff.YResolution": "50800"},
            Mpp(0.5, 0.5),
            "resolution tags (inch)",
        ),
        ({"openslide.objective-power": "20"}, Mpp(0.5, 0.5), "estimated from the objective power 20×"),
        ({}, None, "none"),
        ({"aperio.MPP": "0"}, None, "none"),
        ({"aperio.MPP": "n/a", "openslide.objective-power": "nan"}, None, "none"),
    ],
)
def test_sources(properties: dict[str, str], mpp: Mpp | None, source: str) -> None:
    found, words = mpp_from_properties(properties)
    assert words == source
    assert (found is None) == (mpp is None)
    if mpp and found:
        assert (found.x, found.y) == pytest.approx((mpp.x, mpp.y))


@pytest.mark.parametrize("dpi", [72, 96, 300])
@pytest.mark.parametrize(("unit", "inches"), [("inch", 1), ("centimeter", 1 / 2.54)])
def test_a_printers_resolution_says_nothing(dpi: int, unit: str, inches: float) -> None:
    tags = {"tiff.XResolution": str(dpi * inches), "tiff.YResolution": str(dpi * inches), "tiff.ResolutionUnit": unit}
    # OpenSlide itself repeats such tags as µm/px
    assert mpp_from_properties({**GENERIC, **tags, "openslide.mpp-x": "352.8", "openslide.mpp-y": "352.8"})[0] is None


def test_the_scanners_own_value_goes_before_the_tags_and_the_objective() -> None:
    properties = {"openslide.vendor": "aperio", "aperio.MPP": "0.25", "openslide.objective-power": "20"}
    tags = {"tiff.ResolutionUnit": "centimeter", "tiff.XResolution": "10000", "tiff.YResolution": "10000"}
    assert mpp_from_properties({**properties, **tags}) == (Mpp(0.25, 0.25), "aperio.MPP")


def test_words() -> None:
    assert (str(Mpp(0.5, 0.5)), str(Mpp(0.25, 0.5))) == ("0.5", "0.25 × 0.5")
    assert Mpp(0.25, 0.5).scaled(4, 2) == Mpp(1.0, 1.0)


@pytest.mark.parametrize(
    "properties",
    [
        {"tiff.ResolutionUnit": "centimeter", "tiff.XResolution": "1", "tiff.YResolution": "1"},
        {"tiff.ResolutionUnit": "centimeter", "tiff.XResolution": "20000", "tiff.YResolution": "1"},
        {"openslide.vendor": "aperio", "aperio.MPP": "2.5e-7"},
        {"openslide.vendor": "aperio", "aperio.MPP": "250", "openslide.objective-power": "40"},
        {"openslide.vendor": "mirax", "openslide.mpp-x": "0.25", "openslide.mpp-y": "25"},
        {"openslide.vendor": "mirax", "openslide.objective-power": "0.4"},
    ],
)
def test_a_size_of_no_microscope_is_not_believed(properties: dict[str, str]) -> None:
    found, source = mpp_from_properties(properties)
    assert found is None
    assert source.startswith("none: ")
    assert source.endswith("is not believed")


@pytest.mark.parametrize("value", [0.05, 20.0])
def test_the_bounds_are_believed(value: float) -> None:
    assert mpp_from_properties({"aperio.MPP": str(value)})[0] == Mpp(value, value)
