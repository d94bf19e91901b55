"""The rows of a run of pretraining: what each probe found, which is best, and whether the run is over."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sentinode.core.csv_output import write_csv
from sentinode.training.pretraining.collapse import Diversity
from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe, ProbeConfig

LOG_FILE = "log.csv"


@dataclass(frozen=True)
class ProbeRow:
    """One probe."""

    step: int
    """Batches learned from so far."""
    loss: float
    """Mean over the steps since the last probe; 0 at the start."""
    probe: float
    embedding_spread: float
    embedding_rank: float
    projection_spread: float

    @property
    def diversity(self) -> Diversity:
        """Its part that tells of a collapse."""
        return Diversity(self.embedding_spread, self.embedding_rank, self.projection_spread)


def best_row(rows: Sequence[ProbeRow]) -> ProbeRow:
    """The best probe after the start; the first of equals."""
    return max(rows[1:], key=lambda row: (row.probe, -row.step))


def is_over(rows: Sequence[ProbeRow], recipe: PretrainRecipe) -> bool:
    """Whether a run with these rows has nothing left to learn: all steps done, or the probe fell.

    Told from the rows alone, so that a run killed right after its last probe is not trained further when resumed.
    """
    return bool(rows) and (rows[-1].step >= (recipe.pretraining.steps or 0) or has_fallen(rows, recipe.probe))


def has_fallen(rows: Sequence[ProbeRow], config: ProbeConfig) -> bool:
    """Whether the last probes, as many as the configuration has patience for, were all clearly below the best one."""
    if len(rows) <= config.patience + 1:
        return False
    least = best_row(rows).probe - config.tolerance
    return all(row.probe < least for row in rows[-config.patience :])


def write_log(folder: Path, rows: Sequence[ProbeRow]) -> None:
    """Write `log.csv`."""
    columns = [field.name for field in fields(ProbeRow)]
    shown = ([value if key == "step" else f"{value:.6g}" for key, value in asdict(row).items()] for row in rows)
    write_csv(folder / LOG_FILE, columns, shown)
