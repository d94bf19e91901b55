"""The process that opens and draws slides: `python -m sentinode.serving.slides.slide_child NICENESS MEMORY_BYTES`.

Whatever a file does to a library happens here: it may be ended at any moment, and may write so much memory and no more.
"""

from functools import cache

import numpy as np

from sentinode.core.errors import SentinodeError, SlideError
from sentinode.serving.slides.deepzoom import jpeg, png, slide_tile
from sentinode.serving.slides.open_slides import OpenSlides
from sentinode.serving.workers.child_main import CONTENT, Fields, Say, serve_jobs
from sentinode.slides.slide import Slide

_THUMBNAIL_QUALITY = 85
_TISSUE = (0, 114, 178, 110)
_TOLD = ("openslide.vendor", "openslide.objective-power", "openslide.mpp-x", "openslide.mpp-y", "aperio.MPP")
"""Properties that name no patient: labels, dates, users and free text may."""


def look(job: Fields, say: Say) -> Fields:
    """Open a slide, and draw of it what the job's `view` names.

    Raises:
        SentinodeError: It can't be opened or read, or needs more memory than this process may write.
    """
    del say
    slides = _slides(job["most"], job["cache_bytes"])
    if job["view"] == "forget":
        slides.forget(job["path"])
        return {}
    try:
        return _VIEWS[job["view"]](slides.get(job["path"], job["version"]), job)
    except MemoryError:
        slides.forget()
        message = f"{job['path']} needs more memory than a view may take"
        raise SlideError(f"{message}; save it as a pyramid in tiles, as a tiled TIFF with coarser levels") from None
    except SentinodeError:
        raise
    except Exception as error:
        slides.forget(job["path"])
        raise SlideError(f"{job['path']} can't be read ({type(error).__name__}); copy it again") from error
    finally:
        if job["view"] == "facts":  # asked once; whoever draws it opens it for long
            slides.forget(job["path"])


@cache
def _slides(most: int, cache_bytes: int) -> OpenSlides:
    return OpenSlides(most, cache_bytes)


def _facts(slide: Slide, job: Fields) -> Fields:
    del job
    mpp = slide.mpp if slide.facts.mpp else None
    said = slide.facts.properties
    power = said.get("openslide.objective-power")
    return {
        "width": slide.width,
        "height": slide.height,
        "mpp": {"x": mpp.x, "y": mpp.y} if mpp else None,
        "objective": float(power) if power and power.replace(".", "", 1).isdecimal() else None,
        "levels": len(slide.facts.levels),
        "origin": slide.facts.origin,
        "properties": {
            **{key: said[key] for key in _TOLD if key in said},
            "reader": slide.facts.reader,
            "mpp_source": slide.mpp_source,
        },
    }


def _tile(slide: Slide, job: Fields) -> Fields:
    return {CONTENT: slide_tile(slide, job["level"], job["column"], job["row"])}


def _thumbnail(slide: Slide, job: Fields) -> Fields:
    return {CONTENT: jpeg(slide.thumbnail(max_side=job["max_side"]), _THUMBNAIL_QUALITY)}


def _tissue(slide: Slide, job: Fields) -> Fields:
    del job
    from sentinode.scanning.overview import survey_slide  # a third of a second that other views need not wait for
    from sentinode.slides.tissue.tissue_mask import TissueConfig

    mask = survey_slide(slide, TissueConfig()).mask.mask
    return {CONTENT: png(np.where(mask[..., None], np.array(_TISSUE, np.uint8), np.uint8(0)).astype(np.uint8))}


def _pixels(slide: Slide, job: Fields) -> Fields:
    return {CONTENT: slide.read_at(job["mpp"], job["x"], job["y"], job["size"], job["size"]).tobytes()}


_VIEWS = {"facts": _facts, "tile": _tile, "thumbnail": _thumbnail, "tissue": _tissue, "pixels": _pixels}

if __name__ == "__main__":
    serve_jobs(look)
