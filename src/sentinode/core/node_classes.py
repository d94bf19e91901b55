"""The words of CAMELYON17 for what is found in a lymph node: classes of a slide, stages of a patient."""

from typing import Literal, get_args

SlideClass = Literal["negative", "itc", "micro", "macro"]
"""Class of a slide by its largest metastasis."""

Stage = Literal["pN0", "pN0(i+)", "pN1mi", "pN1", "pN2"]
"""Pathologic stage of the lymph nodes, as far as CAMELYON17 tells them apart."""

SLIDE_CLASSES: tuple[SlideClass, ...] = get_args(SlideClass)
"""From none to the largest."""

STAGES: tuple[Stage, ...] = get_args(Stage)
"""Stages in rising order; the weights of kappa follow it."""
