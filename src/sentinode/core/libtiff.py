"""Pillow's own libtiff, kept from printing: what is wrong with a file stands in the one line of our error."""

import ctypes
from functools import cache
from pathlib import Path

import PIL

_FOLDERS = ("pillow.libs/libtiff*", "PIL/.dylibs/libtiff*")  # in wheels for Linux and for macOS


@cache
def silence_libtiff() -> bool:
    """Set libtiff's handler of errors to none; whether its library was found beside Pillow.

    Pillow does so with libtiff's warnings, and leaves its errors to standard error, where no caller can catch them.
    """
    packages = Path(PIL.__file__).parents[1]
    found = [path for pattern in _FOLDERS for path in packages.glob(pattern)]
    for path in found:
        ctypes.CDLL(str(path)).TIFFSetErrorHandler(None)  # the library that Pillow has loaded, by the same path
    return bool(found)
