"""The slides of the server: a folder that is given, and what was uploaded. Outside, a slide is a random id.

A path is only ever made from a file that a listing of the two folders has found, never from what a client sends.
"""

import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import DataError, SentinodeError
from sentinode.core.system_files import is_system_file
from sentinode.serving.problems import Problem
from sentinode.serving.serve_config import ServeConfig
from sentinode.serving.store.slide_store import Slides
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.reader_table import SLIDE_SUFFIXES
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.slide_names import SlideNames

_LISTED_S = 2.0


@dataclass(frozen=True)
class KnownSlide:
    """A slide's file."""

    id: str
    path: Path
    version: str
    """Version of its content, by size and time of change."""

    @property
    def name(self) -> str:
        """The file's name without its suffix; scans are named so."""
        return self.path.stem


@dataclass
class _Open:
    slide: Slide
    users: int = 0
    evicted: bool = False


class Library:
    """Lists slides, tells their facts and keeps a few of them open."""

    def __init__(self, config: ServeConfig, slides: Slides) -> None:
        self._config, self._ids = config, slides
        self._known: dict[str, KnownSlide] = {}
        self._listed = -math.inf
        self._facts: dict[tuple[str, str], dict[str, Any]] = {}
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()
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
        known = self.find(slide_id)
        if known is None or not known.path.is_file():
            if known is not None:
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

    @contextmanager
    def open(self, known: KnownSlide) -> Iterator[Slide]:
        """The open slide; it may be shared by threads, and is closed when it was not used for longest.

        Raises:
            Problem: 422 where no reader opens it.
        """
        held = self._hold(known)
        try:
            yield held.slide
        except SentinodeError as error:
            raise Problem(422, self.public(str(error), known)) from error
        finally:
            with self._lock:
                held.users -= 1
                last = held.evicted and held.users == 0
            if last:
                held.slide.close()

    def facts(self, known: KnownSlide) -> dict[str, Any]:
        """What GET /slides says of a slide, but for its scan."""
        key = (known.id, known.version)
        found = self._facts.get(key)
        if found is None:
            found = self._read_facts(known)
            if len(self._facts) > 10_000:
                self._facts.clear()
            self._facts[key] = found
        return {**found, "has_annotations": self.annotations(known) is not None}

    def properties(self, known: KnownSlide) -> dict[str, str]:
        """What the file says of itself, without what may name a patient: labels, dates, users and free text."""
        with self.open(known) as slide:
            named = (
                "openslide.vendor",
                "openslide.objective-power",
                "openslide.mpp-x",
                "openslide.mpp-y",
                "aperio.MPP",
            )
            found = {key: slide.facts.properties[key] for key in named if key in slide.facts.properties}
            return {**found, "reader": slide.facts.reader, "mpp_source": slide.mpp_source}

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

    def public(self, message: str, known: KnownSlide) -> str:
        """A message about a slide without the server's paths."""
        return " ".join(message.replace(str(known.path), known.path.name).split())

    def close(self) -> None:
        """Close every slide."""
        with self._lock:
            held = list(self._open.values())
            self._open.clear()
        for one in held:
            one.slide.close()

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

    def _hold(self, known: KnownSlide) -> _Open:
        key = (known.id, known.version)
        with self._lock:
            held = self._open.get(key)
            if held is not None:
                self._open.move_to_end(key)
                held.users += 1
                return held
        try:
            slide = open_slide(known.path, cache_bytes=self._config.limits.slide_cache_bytes)
        except SentinodeError as error:
            raise Problem(422, self.public(str(error), known)) from error
        unused: list[Slide] = []
        with self._lock:
            held = self._open.get(key)
            if held is None:
                held = self._open[key] = _Open(slide)
            else:  # another thread was faster
                unused.append(slide)
            held.users += 1
            while len(self._open) > self._config.limits.open_slides:
                _, old = self._open.popitem(last=False)
                old.evicted = True
                if not old.users:
                    unused.append(old.slide)
        for one in unused:
            one.close()
        return held

    def _read_facts(self, known: KnownSlide) -> dict[str, Any]:
        facts: dict[str, Any] = {"id": known.id, "name": known.name, "file": known.path.name}
        nothing = {"width": None, "height": None, "mpp": None, "objective": None, "levels": 0}
        try:
            with self.open(known) as slide:
                mpp = slide.mpp if slide.facts.mpp else None
                power = slide.facts.properties.get("openslide.objective-power")
                return {
                    **facts,
                    "status": "ready",
                    "problem": None,
                    "width": slide.width,
                    "height": slide.height,
                    "mpp": {"x": mpp.x, "y": mpp.y} if mpp else None,
                    "objective": float(power) if power and power.replace(".", "", 1).isdecimal() else None,
                    "levels": len(slide.facts.levels),
                }
        except Problem as problem:
            return {**facts, "status": "unreadable", "problem": problem.detail, **nothing}
        except Exception as error:  # noqa: BLE001 - whatever a reader does with a damaged file, the others are listed
            reason = f"the file can't be read ({type(error).__name__}); copy it again"
            return {**facts, "status": "unreadable", "problem": reason, **nothing}

    def _list(self) -> dict[str, KnownSlide]:
        found: dict[str, KnownSlide] = {}
        for place, folder in (("folder", self._config.slides), ("upload", self._config.uploads)):
            files = _slide_files(folder) if folder else {}
            ids = self._ids.ids_of(place, files)
            for file, version in files.items():
                assert folder is not None
                found[ids[file]] = KnownSlide(ids[file], folder / file, version)
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
            found[entry.name] = f"{stat.st_size:x}-{stat.st_mtime_ns:x}"
    return found
