"""The page of an inspection: what is in a data set, and what would go wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.messages import count, listed, plural
from sentinode.core.metric import Metric
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.stain_charts import class_colours, stain_plane, stain_quantiles
from sentinode.reports.frame import write_page
from sentinode.reports.picture import picture_address
from sentinode.reports.wording import FEW, MISSING, class_words

Facts = Mapping[str, Any]

_WIDEST = 144  # pixels of a picture in the page
_MOST_GROUPS = 200  # groups in the page; all of them are in inspect.json
_STAINS, _COLOURS = ("haematoxylin_mean", "eosin_mean"), ("red_mean", "green_mean", "blue_mean")
_SPLIT_BY = {
    "source": "the splits are the source's own",
    "group": "splits that the source lacks are cut by group",
    "stain": "splits that the source lacks are cut by clusters of similar stain",
    "none": "splits that the source lacks are cut image by image",
}


def write_inspection_page(facts: Facts, table: pd.DataFrame, tiles: NDArray[np.uint8], out: Path) -> None:
    """Write the page of an inspection.

    Args:
        facts: What `inspect.json` holds; see docs/data.md.
        table: One line for each image: `label`, `split` and the columns of its stain statistics.
        tiles: (M, H, W, 3) uint8 RGB, which each `row` in the facts refers to.
        out: The file, usually `index.html`.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    names, sides = facts["class_names"], list(facts["counts"])
    used = table[table["split"] != "unused"]
    values: dict[str, Any] = {
        "title": f"{facts['source']}: data inspection",
        "kind": "data inspection",
        "heading": facts["source"],
        "facts": _head(facts),
        "found": facts,
        "names": names,
        "few": len(names) <= FEW,
        "size": _size(facts["sizes"][0]),
        "baseline": _baseline(facts["colour_baseline"]),
        "colours": class_colours(names, facts["positive"]),
        "pictures": {row: picture_address(tiles[row], _WIDEST) for row in sorted(set(_rows(facts)))},
        "counts": _counts(facts, sides),
        "charts": drawn([draw(used, names, facts["positive"], sides) for draw in (stain_quantiles, stain_plane)]),
        "medians": list(_medians(facts["colour"]["by_split"])),
        "duplicates": list(_duplicates(facts["exact_duplicates"], facts["near_duplicates"], sides)),
        "blank": _blank(facts),
        "sizes": [(_size(size), size["images"]) for size in facts["sizes"]],
        "groups": _groups(facts["groups"], names) if facts["groups"]["known"] else None,
        "provenance": _provenance(facts),
    }
    write_page("inspection.html.j2", values, out)


def _head(facts: Facts) -> list[tuple[str, str]]:
    counts = {name: _total(facts, name) for name in facts["class_names"]}
    classes = listed([f"{count(number)} {class_words(name)}" for name, number in counts.items()])
    return [
        ("n", plural(facts["images"]["used"], "image")),
        ("Classes", classes if len(counts) <= FEW else str(len(counts))),
    ]


def _rows(value: Any) -> Iterator[int]:
    """Every `row` of an image in the facts, however deep."""
    if isinstance(value, Mapping):
        if "row" in value:
            yield value["row"]
        for inner in value.values():
            yield from _rows(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _rows(inner)


def _size(size: Facts) -> str:
    return f"{size['width']}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{size['height']}"


def _baseline(found: Facts) -> Metric | None:
    if found["auc"] is None:
        return None
    return Metric(found["auc"], found["low"], found["high"], found["method"], found["n"])


def _total(facts: Facts, name: str) -> int:
    return sum(by_class[name] for by_class in facts["counts"].values())


def _counts(facts: Facts, sides: Sequence[str]) -> dict[str, Any]:
    """The table of images by split and class: with few classes a row a split, with many a row a class."""
    names, by_side, groups = facts["class_names"], facts["counts"], facts["groups"]
    caption = f"Images that training would use, by split and class; {_SPLIT_BY[facts['split']['made_by']]}"
    everything, known = facts["images"]["used"], groups["known"]
    by_split = [groups["by_split"].get(side, 0) for side in sides]
    if len(names) <= FEW:
        rows = []
        for side, in_groups in zip(sides, by_split, strict=True):
            of_side = by_side[side]
            numbers = [*of_side.values(), sum(of_side.values()), *([in_groups] if known else [])]
            rows.append(_row(side, numbers, _shares(of_side)))
        numbers = [*(_total(facts, name) for name in names), everything, *([groups["n"]] if known else [])]
        head = ["Split", *names, "All", *(["Groups"] if known else [])]
        return {"caption": caption, "head": head, "rows": [*rows, _row("all", numbers, [], True)], "shares": "Shares"}
    rows = []
    for name in names:
        own = [by_side[side][name] for side in sides]
        rows.append(_row(name, [*own, sum(own)], [(name, sum(own) / max(everything, 1))]))
    sums = [sum(by_side[side].values()) for side in sides]
    rows.append(_row("all", [*sums, everything], [], True))
    rows += [_row("groups", [*by_split, groups["n"]], [])] if known else []
    return {"caption": caption, "head": ["Class", *sides, "All"], "rows": rows, "shares": "Share of all"}


def _row(name: str, numbers: list[int], shares: list[tuple[str, float]], total: bool = False) -> dict[str, Any]:
    return {"name": name, "numbers": numbers, "shares": shares, "total": total}


def _shares(by_class: Mapping[str, int]) -> list[tuple[str, float]]:
    whole = sum(by_class.values())
    return [(name, number / whole) for name, number in by_class.items()] if whole else []


def _medians(by_split: Facts) -> Iterator[tuple[str, str, list[float], list[float]]]:
    """Split, class, medians of both stains, medians of the three colours."""
    for split, by_class in by_split.items():
        for name, columns in by_class.items():
            yield split, name, [columns[key][2] for key in _STAINS], [columns[key][2] for key in _COLOURS]


def _duplicates(exact: Facts, near: Facts, sides: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Where, exact copies, near duplicates: within each split, across each two, with two labels."""
    for side in sides:
        yield f"within {side}", exact["surplus_within"][side], near["pairs_within"][side]
    for first, second in combinations(sides, 2):
        where = f"{first} and {second}"
        yield f"across {where}", exact["sets_across"][where], near["pairs_across"][where]
    yield "with two labels", exact["sets_with_two_labels"], near["pairs_with_two_labels"]


def _blank(facts: Facts) -> str:
    blank = facts["near_blank"]
    if not blank["n"]:
        return "None."
    by_class = [f"{count(_total(blank, name))} {class_words(name)}" for name in facts["class_names"]]
    return f"{count(blank['n'])} of {plural(facts['images']['read'], 'image')} that could be read: {listed(by_class)}."


def _groups(groups: Facts, names: Sequence[str]) -> dict[str, Any]:
    per = groups["images_per_group"]
    words = (
        f"{plural(groups['n'], 'slide or patient')} with {count(per['least'])} to {plural(per['most'], 'image')} each"
        f" (median {per['median']:.0f})"
    )
    if groups["images_without"]:
        words += f"; {plural(groups['images_without'], 'image')} without one"
    rows = [{**row, "shares": _shares({n: row["classes"][n] for n in names})} for row in groups["table"]]
    return {"words": f"{words}.", "rows": rows[:_MOST_GROUPS]}


def _provenance(facts: Facts) -> list[tuple[str, str]]:
    return [
        ("Source", facts["source"]),
        ("Fingerprint", facts["fingerprint"]),
        ("Split", facts["split"]["hash"] or MISSING),
        ("All figures", "inspect.json, beside this page"),
        ("Labels", "the source's; nothing on this page was checked by a pathologist"),
    ]
