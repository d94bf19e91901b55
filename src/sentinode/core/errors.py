"""One root for every error that a user can meet, each child also inheriting the fitting builtin.

A message gives the value that was wrong and what to do about it, in one line: the command line prints it as it is.
"""


class SentinodeError(Exception):
    """Something that the user can mend. The command line prints its message and ends with exit status 2."""


class ArgumentError(SentinodeError, TypeError):
    """An argument of a kind that a call does not take, such as None in the place of a path."""


class DataError(SentinodeError, ValueError):
    """A data set that is not what its layout says: an empty folder, a missing column, an unknown label."""


class DataNotFoundError(DataError, FileNotFoundError):
    """A data set, an image or a file of one that is not where it was said to be."""


class ImageError(DataError):
    """An image that is truncated, of an unknown format, or of a mode that can't be converted without inventing."""


class LeakError(DataError):
    """The same pixels, slide or patient on two sides of a split."""


class RecipeError(SentinodeError, ValueError):
    """A recipe with an unknown key, a value of a wrong type, or values that contradict each other."""


class WeightsError(SentinodeError, ValueError):
    """A weights file that does not fit the architecture, or an architecture that nobody knows."""


class OfflineError(SentinodeError, ConnectionError):
    """Weights that only a hub has, and no network to reach it."""


class BundleError(SentinodeError, ValueError):
    """A bundle that is missing, incomplete, tampered with, too new, or that answers differently than recorded."""


class RegistryError(SentinodeError, ValueError):
    """Something of a model registry that can't be done: a name that can't be, a promotion that the gate refuses."""


class VersionNotFoundError(RegistryError, LookupError):
    """A model, a version or an alias that the registry does not have."""


class EvaluationError(SentinodeError, ValueError):
    """Labels and scores from which the figure that was asked for can't be computed."""


class StorageError(SentinodeError, OSError):
    """A disk that is full, or a place that can't be written."""

    def __str__(self) -> str:
        # The builtin would put "[Errno 28]" before the message.
        return self.strerror or super().__str__()


class BusyError(StorageError):
    """A place in which another process works."""


class MissingExtraError(SentinodeError, ImportError):
    """An optional dependency that is not installed. The message has the install line."""


class PluginError(SentinodeError, ImportError):
    """A part that another package brings, and that can't be loaded, or is not what it was declared as."""


class SlideError(SentinodeError, ValueError):
    """A slide that can't serve: junk, truncated, without µm/px, or coarser than what was asked for."""


class SlideNotFoundError(SlideError, FileNotFoundError):
    """A slide that is not where it was said to be."""


class UnsupportedSlideError(SlideError):
    """A slide that one reader does not read; another may."""


class SlideReadError(SlideError, OSError):
    """A place of an open slide whose pixels can't be had; the message names slide, level and place."""


class AnnotationError(DataError):
    """An annotation file that is of no known form, without coordinates, or drawn on another slide."""


class TrainingError(SentinodeError, RuntimeError):
    """A training run that can't go on: a loss that is not finite, a run folder that can't be resumed."""
