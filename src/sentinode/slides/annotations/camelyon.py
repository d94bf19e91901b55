"""What is known to be wrong with slides of CAMELYON16, by the organisers' own notes and errata."""

_TRAPS = {
    "test_049": "Test_049 duplicates another slide of the test set: leave it out of every statistic",
    "test_114": "Test_114 is not fully annotated: leave it out of FROC",
    "normal_086": "Normal_086 was mislabelled and has tumour: don't train on it as a normal slide",
}


def known_trap(slide_name: str) -> str | None:
    """What is wrong with a slide of this name, and what to do about it; None for all others.

    Args:
        slide_name: Without a suffix, in any case: `Test_114`.
    """
    return _TRAPS.get(slide_name.lower())
