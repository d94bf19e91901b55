"""Every odd input, by kind. To add one: an entry in the tuple of its kind."""

from sentinode.testing.oddities.heavy_files import HEAVY
from sentinode.testing.oddities.odd_annotations import ANNOTATIONS
from sentinode.testing.oddities.odd_patches import PATCHES
from sentinode.testing.oddities.odd_slides import SLIDES
from sentinode.testing.oddities.odd_tables import TABLES
from sentinode.testing.oddities.oddity import Oddity

ODDITIES: tuple[Oddity, ...] = (*SLIDES, *PATCHES, *ANNOTATIONS, *TABLES, *HEAVY)
