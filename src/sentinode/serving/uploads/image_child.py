"""The process that decodes unusual images: `python -m sentinode.serving.uploads.image_child NICENESS MEMORY_BYTES`.

What a file does to a decoder happens here: it may be ended at any moment, and may write so much memory and no more.
"""

from sentinode.core.errors import ImageError
from sentinode.core.images import decode_image
from sentinode.serving.workers.child_main import CONTENT, Fields, Say, serve_jobs


def decode(job: Fields, say: Say) -> Fields:
    """The pixels of an image, and their height and width.

    Raises:
        ImageError: It is damaged, or needs more memory than this process may write.
    """
    del say
    try:
        pixels = decode_image(job[CONTENT], "the image")
    except MemoryError:
        raise ImageError("the image needs more memory than decoding may take; save it as PNG") from None
    except ImageError:
        raise
    except Exception as error:
        # Pillow's plugins let others through for some damaged files; whatever it was, it is no image.
        raise ImageError(f"the image is damaged ({type(error).__name__}); replace it") from error
    return {CONTENT: pixels.tobytes(), "height": pixels.shape[0], "width": pixels.shape[1]}


if __name__ == "__main__":
    serve_jobs(decode)
