"""Rates of several ways to do the same, taken in turn so that a machine whose speed swings treats them alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Run = Callable[[], int]
"""Does the work and returns how many tiles it did."""


@dataclass(frozen=True)
class Rates:
    """Tiles per second of each run in each round."""

    wall: dict[str, list[float]]
    processor: dict[str, list[float]]
    """Per second of this process's processor time: other processes on the machine disturb it less."""

    def compared(self, first: str, second: str, target: float | None = None) -> dict[str, object]:
        """Ratio of two runs' rates: the median over the rounds' ratios, with the lowest and the highest of them."""
        ratios = _ratios(self.wall[first], self.wall[second])
        return {
            "compared": f"{first} / {second}",
            "tiles_per_second": {name: round(statistics.median(self.wall[name]), 1) for name in (first, second)},
            "ratio": round(statistics.median(ratios), 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
            "ratio_of_processor_time": round(
                statistics.median(_ratios(self.processor[first], self.processor[second])), 3
            ),
            **({} if target is None else {"target": target}),
        }


def interleave(runs: Mapping[str, Run], rounds: int) -> Rates:
    """Every run once in each of `rounds` rounds, after one round that is not counted."""
    rates = Rates({name: [] for name in runs}, {name: [] for name in runs})
    for number in range(rounds + 1):
        for name, run in runs.items():
            start, used = time.perf_counter(), time.process_time()
            count = run()
            if number:
                rates.wall[name].append(count / (time.perf_counter() - start))
                rates.processor[name].append(count / max(time.process_time() - used, 1e-9))
    return rates


def _ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [own / other for own, other in zip(first, second, strict=True)]
