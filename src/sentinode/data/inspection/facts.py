"""The figures of a data set's inspection, as plain values that JSON can hold. Nothing here reads a pixel.

All functions take the same table, one line for each image that could be read: `id`, `label`, `group` (or None), `split`
(`train`, `validation`, `test`, or `unused`), `row` (in the pack), `pixels` (their hash), `even` (near-blank), and the
columns of stain statistics.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sentinode.core.stain_statistics import STAIN_COLUMNS
from sentinode.data.near_duplicates import CORRELATION, EVEN_SHARE, EVEN_TONE, REACH, NearPair
from sentinode.data.source import Exclusion
from sentinode.data.source_splits import SPLITS

Facts = dict[str, Any]

SIDES = (*SPLITS, "unused")
"""Where an image can be: in a split, or in a source's split that is not used."""
MEANING_EXACT = "The same pixels, bit by bit."
MEANING_NEAR = (
    "The same picture after a flip or a quarter turn, recompression, a change of brightness, a slight blur, or a shift"
    f" by up to 1/{round(1 / REACH)} of its side: local contrast correlates by at least {CORRELATION}. Exact and"
    " near-blank images are not counted again."
)
MEANING_BLANK = (
    f"At least {EVEN_SHARE:.0%} of the pixels lie within {EVEN_TONE} grey levels (of 255) of the patch's median: bare "
    "glass, the inside of a fat cell, or a black frame."
)
_EXAMPLES = 12
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def counts(table: pd.DataFrame, class_names: Sequence[str]) -> Facts:
    """Images by split and class: {split: {class: n}}."""
    by = pd.crosstab(table["split"], table["label"])
    by = by.reindex(index=list(SIDES), columns=list(class_names), fill_value=0)
    return {
        str(split): {name: int(n) for name, n in zip(class_names, row, strict=True)}
        for split, row in zip(SIDES, by.to_numpy(), strict=True)
        if split in SPLITS or row.any()
    }


def groups(table: pd.DataFrame, class_names: Sequence[str]) -> Facts:
    """Slides or patients: how many in each split, their sizes, each one's classes, those on two sides."""
    known = table[table["group"].notna()]
    if known.empty:
        return {"known": False, "n": 0, "images_without": len(table), "by_split": {}, "on_two_sides": [], "table": []}
    by = pd.crosstab(known["group"], known["label"]).reindex(columns=list(class_names), fill_value=0)
    splits = known.groupby("group")["split"].agg(lambda column: sorted(set(column), key=SIDES.index))
    sizes = known["group"].value_counts()
    rows = [
        {"group": str(name), "splits": splits[name], "images": int(sizes[name]), "classes": _integers(by.loc[name])}
        for name in sorted(by.index, key=lambda name: (SIDES.index(splits[name][0]), str(name)))
    ]
    return {
        "known": True,
        "n": len(sizes),
        "images_without": len(table) - len(known),
        "by_split": {split: int(known.loc[known["split"] == split, "group"].nunique()) for split in SIDES},
        "images_per_group": {
            "least": int(sizes.min()), "median": float(sizes.median()), "most": int(sizes.max())
        },
        "on_two_sides": [row["group"] for row in rows if len(row["splits"]) > 1],
        "table": rows,
    }  # fmt: skip


def _integers(row: "pd.Series[Any]") -> dict[str, int]:
    return {str(name): int(value) for name, value in row.items()}


def exclusions(found: Iterable[Exclusion]) -> Facts:
    """What was left out, by kind: {kind: {n, examples}}."""
    kinds: dict[str, Facts] = {}
    for one in found:
        kind = kinds.setdefault(one.kind, {"n": 0, "examples": []})
        kind["n"] += 1
        if len(kind["examples"]) < _EXAMPLES:
            kind["examples"].append({"id": one.id, "detail": one.detail})
    return dict(sorted(kinds.items(), key=lambda item: -item[1]["n"]))


def exact_duplicates(table: pd.DataFrame) -> Facts:
    """Sets of images with the same pixels: within a split, across two, with two labels."""
    repeated = table[table.duplicated("pixels", keep=False)]
    sets = [part for _, part in repeated.groupby("pixels", sort=False)]
    within = dict.fromkeys(SIDES, 0)
    across = {_pair(a, b): 0 for a, b in combinations(SIDES, 2)}
    for part in sets:
        for split, n in part["split"].value_counts().items():
            within[str(split)] += int(n) - 1
        for a, b in combinations(sorted(set(part["split"]), key=SIDES.index), 2):
            across[_pair(a, b)] += 1
    labels, splits = (repeated.groupby("pixels", sort=False)[name].nunique() for name in ("label", "split"))
    shown = sorted(sets, key=lambda part: (-len(set(part["label"])), -len(set(part["split"])), -len(part)))
    return {
        "meaning": MEANING_EXACT,
        "sets": len(sets),
        "images": len(repeated),
        "surplus": len(repeated) - len(sets),
        "surplus_within": within,
        "sets_across": across,
        "sets_in_two_splits": int((splits > 1).sum()),
        "sets_with_two_labels": int((labels > 1).sum()),
        "examples": [[_image(row) for row in part.head(4).to_dict("records")] for part in shown[:_EXAMPLES]],
    }


def near_duplicates(table: pd.DataFrame, pairs: Sequence[NearPair]) -> Facts:
    """Pairs of near duplicates (by row of the table): within a split, across two, with two labels."""
    split, label = table["split"].to_numpy(), table["label"].to_numpy()
    within, across = dict.fromkeys(SIDES, 0), {_pair(a, b): 0 for a, b in combinations(SIDES, 2)}
    for pair in pairs:
        a, b = sorted((split[pair.first], split[pair.second]), key=SIDES.index)
        if a == b:
            within[a] += 1
        else:
            across[_pair(a, b)] += 1
    worst = sorted(pairs, key=lambda pair: (split[pair.first] == split[pair.second], -pair.correlation))
    examples = [
        {
            "correlation": round(pair.correlation, 4),
            "images": [_image(table.iloc[k]) for k in (pair.first, pair.second)],
        }
        for pair in worst[:_EXAMPLES]
    ]
    return {
        "meaning": MEANING_NEAR,
        "pairs": len(pairs),
        "pairs_within": within,
        "pairs_across": across,
        "pairs_in_two_splits": sum(across.values()),
        "pairs_with_two_labels": sum(label[pair.first] != label[pair.second] for pair in pairs),
        "examples": examples,
    }


def near_blank(table: pd.DataFrame, class_names: Sequence[str]) -> Facts:
    """Near-blank images by class and by split."""
    even = table[table["even"]]
    chosen = even.sample(min(_EXAMPLES, len(even)), random_state=0) if len(even) else even
    return {
        "meaning": MEANING_BLANK,
        "n": len(even),
        "counts": counts(even, class_names),
        "examples": [_image(row) for row in chosen.to_dict("records")],
    }


def colour(table: pd.DataFrame, class_names: Sequence[str]) -> Facts:
    """Quantiles of the images' colour and stain statistics: by_split → class → column → one value for each quantile."""
    facts: Facts = {"quantiles": list(_QUANTILES), "by_split": {}}
    for split in SIDES:
        of_split = table[table["split"] == split]
        facts["by_split"][split] = {
            name: _quantiles(of_split[of_split["label"] == name])
            for name in class_names
            if (of_split["label"] == name).any()
        }
    return facts


def _quantiles(part: pd.DataFrame) -> Facts:
    values = np.quantile(part[list(STAIN_COLUMNS)].to_numpy(np.float64), _QUANTILES, axis=0)
    return {name: [round(float(value), 4) for value in values[:, k]] for k, name in enumerate(STAIN_COLUMNS)}


def _pair(first: str, second: str) -> str:
    return f"{first} and {second}"


def _image(row: Any) -> Facts:
    return {"id": row["id"], "split": row["split"], "label": row["label"], "row": int(row["row"])}


def examples(table: pd.DataFrame, class_names: Sequence[str], most: int) -> Facts:
    """For each class some images that are not near-blank, from as many groups and splits as there are."""
    shuffled = table[~table["even"]].sample(frac=1, random_state=0)
    turn = shuffled.groupby(["label", "split", shuffled["group"].fillna("")]).cumcount()
    ordered = shuffled.assign(turn=turn).sort_values("turn", kind="stable")
    chosen = {name: ordered[ordered["label"] == name].head(most) for name in class_names}
    return {name: [_image(row) for row in part.to_dict("records")] for name, part in chosen.items()}
