"""What a caller relies on of a model: two versions that differ in it can't take each other's place unnoticed."""

from typing import Any

from sentinode.models.bundle_info import BundleInfo


def contract_of(info: BundleInfo) -> dict[str, Any]:
    """What a model takes and what it tells apart, by what each part is called."""
    classes = info.classes
    return {
        "tile size in px": info.input.tile_size,
        "µm/px": info.input.mpp,
        "images of any size": bool(info.input.pooling),
        "tiles with their context": info.input.context,
        "classes": list(classes.names),
        "positive class": classes.positive,
    }


def differences(champion: BundleInfo, candidate: BundleInfo) -> list[str]:
    """Where the candidate's input contract is another, each in words; none where it is the same.

    Args:
        champion: What serves.
        candidate: What is to take its place.
    """
    ours, theirs = contract_of(champion), contract_of(candidate)
    return [f"{part}: {ours[part]} → {theirs[part]}" for part in ours if ours[part] != theirs[part]]
