"""The data of a search: train and validation, and no way to the test split."""

from dataclasses import replace

from sentinode.data.dataset import Dataset


def without_test(data: Dataset) -> Dataset:
    """`data` whose manifest does not know the test samples.

    Every image is read through a row that the manifest names, so whoever has this data set alone, as the trials of a
    search have, can't read a test image, count one or be told apart by one.

    Raises:
        DataError: There is nothing to train on or nothing to validate on.
    """
    table = data.manifest.table
    kept = table[table["split"].isin(("train", "validation"))].reset_index(drop=True)
    reduced = replace(data, manifest=replace(data.manifest, table=kept))
    reduced.manifest.require("train", "validation")
    return reduced
