"""All parts of a running server, put together once and handed to the routes."""

import asyncio
from collections.abc import Callable

from fastapi import Request

from sentinode.core.errors import SentinodeError
from sentinode.core.files import storage_errors
from sentinode.models.bundle import Bundle
from sentinode.registry.alias import Alias, is_alias
from sentinode.registry.place import registry_of
from sentinode.scanning.slide_model import SlideModel, open_scanning
from sentinode.serving.access.token_checks import TokenChecks
from sentinode.serving.access.tokens import LOCAL, Access, User
from sentinode.serving.predictions.alias_follower import AliasFollower
from sentinode.serving.predictions.batcher import Batcher
from sentinode.serving.predictions.explainer import Explainer
from sentinode.serving.predictions.model_in_service import ModelInService
from sentinode.serving.predictions.predictor import Answer, Asked, Predictor
from sentinode.serving.predictions.served_model import ServedModel
from sentinode.serving.protocol.server_metrics import Metrics
from sentinode.serving.reviews.reviewed_outlines import ReviewedOutlines
from sentinode.serving.scans.scan_jobs import ScanJobs
from sentinode.serving.scans.scan_results import Results
from sentinode.serving.serve_config import ServeConfig
from sentinode.serving.slides.slide_library import Library
from sentinode.serving.slides.slide_views import DRAWING, SlideViews
from sentinode.serving.slides.view_cache import ViewCache
from sentinode.serving.uploads.form_upload import BodyBudget
from sentinode.serving.uploads.image_decoder import ImageDecoder
from sentinode.serving.uploads.slide_upload import remove_left_over
from sentinode.serving.workers.bounded_pool import BoundedPool
from sentinode.store.database import database_errors, open_store

_LISTERS = 2
_READERS = 2
"""Of results and reviews, which wait for no slide that is hard to draw."""
_FINISH_S = 6.0
"""Longest time that views and explanations are waited for at the end; less than the server waits for requests."""


class Service:
    """Made when the app is made, started and stopped with it."""

    def __init__(self, config: ServeConfig) -> None:
        """Open what can be opened at once: bundle, database, users.

        Raises:
            SentinodeError: One of them can't be used.
        """
        self.config, limits = config, config.limits
        self.alias = Alias.of(config.bundle) if is_alias(config.bundle) else None
        first = None if self.alias else self._opening(*open_scanning(config.bundle, config.threads))
        for folder in (config.state, config.uploads, config.incoming, config.scans):
            with storage_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        remove_left_over(config.incoming)
        self.access = Access(config.users, config.api_key)
        self.checks = TokenChecks(self.access)
        self.store = open_store(config.database_url)
        self.metrics = Metrics()
        self.registry = registry_of(self.store, config.state)
        self.in_service = ModelInService(first or self._of_alias(), limits.kept_model_bytes, self._of_version)
        images = config.images if config.store_images else None
        self.predictor = Predictor(self.store.predictions, self.metrics, images)
        self.batcher: Batcher[Asked, Answer] = Batcher(
            self.predictor.run,
            most_waiting=limits.waiting_images,
            most_at_once=limits.images_at_once,
            wait_s=limits.batch_wait_s,
            seen=self.metrics.batch,
        )
        self.decoder = ImageDecoder(limits)
        self.view_pool = BoundedPool("views of slides", DRAWING, limits.waiting_renders)
        self.listing_pool = BoundedPool("facts of slides", _LISTERS, limits.waiting_renders)
        self.result_pool = BoundedPool("results of scans and their reviews", _READERS, limits.waiting_renders)
        self.explanation_pool = BoundedPool("explanations", 1, limits.waiting_explanations)
        self.bodies = BodyBudget(limits.body_bytes_at_once)
        self.views = ViewCache(limits.rendered_bytes)
        self.explainer = Explainer(config.engine, config.threads, config.explain_niceness)
        self.slide_views = SlideViews(limits)
        self.library = Library(config, self.store.slides, self.slide_views)
        self.results = Results(config.scans)
        self.outlines = ReviewedOutlines(self.store.reviews)
        self.jobs = ScanJobs(
            config.scans,
            self.in_service,
            self.store.scans,
            self.library,
            config.threads,
            limits,
            config.scan_niceness,
        )
        self.follower = AliasFollower(self.registry, self.alias, self.in_service, self._opening) if self.alias else None
        self.stopping = Stopping(self._give_up)
        """Set when the server is asked to end: streams then end, too."""
        self.streams = 0
        self._watch()

    @property
    def opening(self) -> bool:
        """Whether a library is still at work on a model."""
        return self.model.opening or bool(self.follower and self.follower.opening)

    @property
    def model(self) -> ServedModel:
        """What answers now. A request takes it once."""
        return self.in_service.current

    def start(self) -> None:
        """Load the model in the background, then what explains, and go on with the scans; in the loop that serves."""
        self.stopping.watch(asyncio.get_running_loop())
        self.slide_views.start()
        self.model.start()
        self.explainer.start(self.model)
        self.jobs.start()
        if self.follower:
            self.follower.start()

    async def stop(self) -> None:
        """Park the scans, close everything; the requests have ended, or were given up."""
        if self.follower:
            await asyncio.to_thread(self.follower.stop)
        await self.batcher.close()
        self.slide_views.close()
        await self.view_pool.close()
        await self.listing_pool.close()
        await self.result_pool.close()
        self.explainer.stop()
        await self.explanation_pool.close()
        self.decoder.close()
        self.checks.close()
        self.jobs.stop()
        await asyncio.to_thread(self.model.stop)
        self.store.close()

    def _opening(self, bundle: Bundle, slide_model: SlideModel | None = None) -> ServedModel:
        return ServedModel(bundle, slide_model, self.config.engine, self.config.threads)

    def _of_alias(self) -> ServedModel:
        assert self.alias is not None
        try:
            with database_errors(self.store.engine):
                return self._opening(self.registry.open(self.alias))
        except SentinodeError:
            self.store.close()
            raise

    def _of_version(self, version: str) -> ServedModel | None:
        """For a scan: a model of the registry, which is not opened."""
        try:
            return self._opening(self.registry.open_version(version))
        except SentinodeError:
            return None

    def _give_up(self) -> None:
        self.view_pool.give_up()
        self.listing_pool.give_up()
        self.result_pool.give_up()
        self.explanation_pool.give_up()

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("queue_images", "Images that wait for the model", lambda: self.batcher.waiting)
        watch("queue_renders", "Views of slides that wait or are drawn", lambda: self.view_pool.held)
        watch("queue_explanations", "Explanations that wait or are made", lambda: self.explanation_pool.held)
        watch("rendered_bytes", "Bytes of views that are kept", lambda: self.views.held_bytes)


class Stopping:
    """Whether the server was asked to end. What was asked of it before is finished, but not for ever."""

    def __init__(self, give_up: Callable[[], None]) -> None:
        """`give_up`: called in the loop when the time to finish is over."""
        self._give_up = give_up
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = False

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop that serves."""
        self._loop = loop

    def set(self) -> None:
        """Ask the server to end; may be called where a signal is handled."""
        if not self._asked and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.call_later, _FINISH_S, self._give_up)
        self._asked = True

    def is_set(self) -> bool:
        """Whether it was asked."""
        return self._asked


def service_of(request: Request) -> Service:
    """The server that a request came to."""
    service: Service = request.app.state.service
    return service


def user_of(request: Request) -> User:
    """Who asks; the middleware has let them in."""
    user: User | None = request.scope["state"].get("user")
    return user or LOCAL
