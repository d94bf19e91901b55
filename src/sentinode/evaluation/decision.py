"""Decision curve: is acting on the model better than treating everybody or nobody? (Vickers & Elkin 2006)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit in true positives per sample, over the threshold probability at which one would act."""

    threshold: tuple[float, ...]
    """Threshold probabilities p_t, ascending, in (0, 1)."""

    model: tuple[float, ...]
    """TP/n − FP/n · p_t/(1 − p_t), calling positive where the probability >= p_t."""

    treat_all: tuple[float, ...]
    """The same when everybody is called positive. Treating nobody is 0 everywhere."""
