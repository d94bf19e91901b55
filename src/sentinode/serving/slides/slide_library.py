"""The slides of the server: a folder that is given, and what was uploaded. Outside, a slide is a random id.

A path is only ever made from a file that a listing of the two folders has found, never from what a client sends.
"""

import math
import os
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sentinode.core.errors import DataError
from sentinode.core.system_files import is_system_file
from sentinode.serving.problems import Problem
from sentinode.serving.serve_config import ServeConfig
from sentinode.serving.slides.known_slide import KnownSlide, version_of
from sentinode.serving.slides.slide_views import SlideViews
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.reader_table import SLIDE_SUFFIXES
from sentinode.slides.slide_names import SlideNames
from sentinode.store.slide_store import FOLDER, UPLOAD, Slides

_LISTED_S = 2.0
_MOST_FACTS = 10_000
_UNKNOWN: dict[str, Any] = {
    "width": None, "height": None, "mpp": None, "objective": None, "levels": 0, "origin": (0, 0), "properties": {},
}  # fmt: skip


class Library:
    """Lists slides and tells their facts."""

    def __init__(self, config: ServeConfig, slides: Slides, views: SlideViews) -> None:
        self._config, self._ids, self._views = config, slides, views
        self._known: dict[str, KnownSlide] = {}
        self._listed = -math.inf
        self._facts: dict[tuple[str, str], dict[str, Any]] = {}
        self._drawn: dict[Path, tuple[int, dict[str, KnownSlide], AnnotationFolder]] = {}
        self._lock = threading.Lock()

    def all(self) -> list[KnownSlide]:
        """Every slide, by name; the folders are looked at again when that was some seconds ago."""
        with self._lock:
            if time.monotonic() - self._listed > _LISTED_S:
                self._known = self._list()
                self._listed = time.monotonic()
            return sorted(self._known.values(), key=lambda slide: (slide.name.casefold(), slide.path.name))

    def find(self, slide_id: str) -> KnownSlide | None:
        """The slide of that id, if the last listing has it; asks no disk, so it may be called where requests wait."""
        return self._known.get(slide_id)

    def get(self, slide_id: str) -> KnownSlide:
        """The slide of that id, whose file is there.

        Raises:
            Problem: 404.
        """
        self.all()
        known = self.find(slide_id)
        if known is not None and not known.path.is_file():
            self.forget_listing()
            self.all()
            known = self.find(slide_id)
        if known is None:
            raise Problem(404, f"there is no slide {slide_id[:40]!r}; GET /slides lists those that are here")
        return known

    def forget_listing(self) -> None:
        """Look at the folders again at the next question; waits for a look that is being taken, which may be old."""
        with self._lock:
            self._listed = -math.inf

    def facts(self, known: KnownSlide) -> dict[str, Any]:
        """What GET /slides says of a slide, but for its scan; with `properties` and `origin`, which it does not.

        Raises:
            Problem: 503 where every process that reads slides is busy.
        """
        return {
            **self._facts_of(known),
            "has_annotations": self.annotations(known) is not None,
            "uploaded": known.uploaded,
        }

    def ready_facts(self, known: KnownSlide) -> dict[str, Any]:
        """As `facts`, without `has_annotations` and `uploaded`, of a slide that can be read.

        Raises:
            Problem: 422 where it can't be; 503 where every process that reads slides is busy.
        """
        found = self._facts_of(known)
        if found["status"] != "ready":
            raise Problem(422, found["problem"])
        return found

    def annotations(self, known: KnownSlide) -> Path | None:
        """The slide's annotation file, if it has one."""
        for folder in (self._config.annotations, known.path.parent):
            try:
                found = self._annotations(folder).of(known.name) if folder else None
            except DataError:  # several: which is meant is not known
                found = None
            if found:
                return found
        return None

    def _annotations(self, folder: Path) -> AnnotationFolder:
        """The annotations of a folder; it is listed again when its files or the slides have changed."""
        try:
            changed_ns = folder.stat().st_mtime_ns
        except OSError as error:
            raise DataError(f"{folder} can't be read: {error.strerror}; check the path") from error
        known = self._known
        held = self._drawn.get(folder)
        if held is None or held[0] != changed_ns or held[1] is not known:
            names = SlideNames(slide.path.name for slide in known.values())
            held = self._drawn[folder] = (changed_ns, known, AnnotationFolder(folder, names))
        return held[2]

    def _facts_of(self, known: KnownSlide) -> dict[str, Any]:
        key = (known.id, known.version)
        found = self._facts.get(key)
        if found is None:
            found = self._read_facts(known)
            if len(self._facts) > _MOST_FACTS:
                self._facts.clear()
            self._facts[key] = found
        return found

    def _read_facts(self, known: KnownSlide) -> dict[str, Any]:
        named: dict[str, Any] = {"id": known.id, "name": known.name, "file": known.path.name}
        try:
            return {**named, "status": "ready", "problem": None, **self._views.facts(known)}
        except Problem as problem:
            if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:  # says nothing of the slide
                raise
            return {**named, "status": "unreadable", "problem": problem.detail, **_UNKNOWN}

    def _list(self) -> dict[str, KnownSlide]:
        found: dict[str, KnownSlide] = {}
        for place, folder in ((FOLDER, self._config.slides), (UPLOAD, self._config.uploads)):
            files = _slide_files(folder) if folder else {}
            ids = self._ids.ids_of(place, files)
            for file, version in files.items():
                assert folder is not None
                found[ids[file]] = KnownSlide(ids[file], folder / file, version, place == UPLOAD)
        return found


def _slide_files(folder: Path) -> dict[str, str]:
    """File name → version, of the slides in a folder; hidden files and names that are not UTF-8 are left out."""
    found = {}
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return {}
    for entry in entries:
        if is_system_file(entry.name) or Path(entry.name).suffix.lower() not in SLIDE_SUFFIXES:
            continue
        try:
            entry.name.encode()
            stat = entry.stat()
        except (OSError, UnicodeEncodeError):
            continue
        if entry.is_file():
            found[entry.name] = version_of(stat.st_size, stat.st_mtime_ns)
    return found
