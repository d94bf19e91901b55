"""Copies of bundles by their hash, which a registry keeps: a run's folder may go, what was promoted stays."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import BundleError, RegistryError, StorageError
from sentinode.core.files import atomic_file, atomic_folder
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import INFO_FILE
from sentinode.models.bundle_signature import SIGNATURE_FILE

_REPORT = ("report.html", "metrics.json")
"""The evaluation of the run that the bundle comes from. Shown by a server; no part of what the hash is over."""


@dataclass(frozen=True)
class SealedCopies:
    """A folder with a folder for each bundle, named by its hash."""

    folder: Path

    def take(self, bundle: Bundle) -> Path:
        """Copy a bundle, with its signature and its run's report; returns the copy's folder.

        One that is there already is checked, and gets a signature that is new; where it was changed it is written anew.

        Raises:
            StorageError: The disk is full or can't be written.
        """
        place = self.folder / bundle.sha256
        if not _is_whole(place, bundle.sha256):
            try:
                with atomic_folder(place, replace=place.is_dir()) as temporary:
                    for file in (INFO_FILE, *bundle.info.files):
                        shutil.copyfile(bundle.folder / file, temporary / file)
                    _copy_report(bundle.folder, temporary)
            except StorageError:
                if not _is_whole(place, bundle.sha256):  # otherwise another process has made the same one
                    raise
        signature = bundle.folder / SIGNATURE_FILE
        if signature.is_file() and bundle.folder.resolve() != place.resolve():
            with atomic_file(place / SIGNATURE_FILE) as temporary:
                shutil.copyfile(signature, temporary)
        self.open(bundle.sha256, place)
        return place

    def open(self, sha256: str, elsewhere: Path) -> Bundle:
        """Open the bundle of a hash, after checking that every file is the one that was written, and the signature
        where keys are trusted.

        Args:
            sha256: The hash.
            elsewhere: Where the copy lies that was made when the version was added, perhaps by a server with another
                folder: it is taken over from there.

        Raises:
            RegistryError: There is no copy.
            BundleError: The copy was changed, or is not signed by whom it must be.
        """
        place = self.folder / sha256
        if not place.is_dir():
            if not (elsewhere / INFO_FILE).is_file():
                raise RegistryError(
                    f"version {sha256[:12]} has no copy in {self.folder}, and none in {elsewhere} where it was added; "
                    "add its bundle again: sentinode models add BUNDLE"
                )
            return open_bundle(self.take(_opened(elsewhere, sha256)))
        return _opened(place, sha256)


def _is_whole(folder: Path, sha256: str) -> bool:
    """Whether every file is there and as it was written; who has signed it is asked when it is opened."""
    try:
        bundle = open_bundle(folder, trust=())
    except BundleError:
        return False
    return bundle.sha256 == sha256


def _opened(folder: Path, sha256: str) -> Bundle:
    try:
        bundle = open_bundle(folder)
    except BundleError as error:
        raise BundleError(
            f"the registry's copy of version {sha256[:12]} can't be used: {error}; where it was changed, `sentinode "
            "models add BUNDLE` writes it anew"
        ) from error
    if bundle.sha256 != sha256:
        raise BundleError(
            f"{folder} holds the bundle {bundle.sha256[:12]} in place of {sha256[:12]}; add the right bundle again: "
            "sentinode models add BUNDLE"
        )
    return bundle


def _copy_report(bundle: Path, to: Path) -> None:
    for folder in (bundle, bundle.parent / "report"):
        if (folder / _REPORT[0]).is_file():
            for file in _REPORT:
                if (folder / file).is_file():
                    shutil.copyfile(folder / file, to / file)
            return
