"""The engine of a scan: opened when the first slide needs it, and with other test-time averaging if asked for."""

from dataclasses import dataclass, field

from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import engine_name, engine_of, open_engine
from sentinode.models.engines.stain_engine import StainEngine
from sentinode.models.model_config import TestTime
from sentinode.scanning.scan_config import ScanPlan
from sentinode.scanning.scan_record import StainFacts
from sentinode.scanning.slide_model import SlideModel


@dataclass
class LazyEngine:
    """A bundle and how to run it. A cohort that is finished already never loads it."""

    bundle: Bundle
    plan: ScanPlan
    """What it is to do."""
    threads: int
    slide_model: SlideModel | None = None
    """What judges the slide by the features that the bundle gives, if it is that of a slide bundle."""
    name: str = field(init=False)
    """Of the engine."""
    sha256: str = field(init=False)
    """The bundle's hash."""
    _opened: Engine | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Check what can be checked without loading it.

        Raises:
            SentinodeError: There is no such engine, or the bundle's averaging can't be switched.
        """
        self.name = engine_name(self.plan.config.engine, self.bundle.info.precision)
        self.sha256 = self.bundle.sha256
        if self.slide_model:
            self.slide_model.check(self.plan.config)
        if self._switched and (self.bundle.info.members or self.bundle.info.precision == "int8"):
            raise BundleError(
                f"bundle {self.bundle.name} is an ensemble or INT8, whose test-time averaging can't be switched here; "
                "leave out --test-time"
            )

    @property
    def _switched(self) -> TestTime | None:
        wanted = self.plan.config.test_time
        return wanted if wanted != self.bundle.info.model.test_time else None

    @property
    def identity(self) -> dict[str, str]:
        """What of it decides the result of a scan."""
        judged = {"slide_model": self.slide_model.bundle.sha256} if self.slide_model else {}
        return {"bundle": self.sha256, "engine": self.name, **judged}

    def get(self, stain: StainFacts | None = None) -> Engine:
        """The engine, opened at the first call.

        Args:
            stain: Of the slide that it is for, where the bundle normalises stain.
        """
        if self._opened is None:
            self._opened = self._open() if self._switched else open_engine(self.bundle, self.name, threads=self.threads)
        if isinstance(self._opened, StainEngine) and stain is not None:
            return self._opened.of_slide(stain.look)
        return self._opened

    def _open(self) -> Engine:
        """The network in place of the bundle's graph, which has its own averaging."""
        from sentinode.models.bundle_network import around, load_deployed

        info = self.bundle.info
        model = info.model.model_copy(update={"test_time": self._switched})
        switched = info.model_copy(update={"model": model})
        deployed = around(load_deployed(self.bundle).network, switched).eval()
        return engine_of(deployed, switched, self.name, threads=self.threads)
