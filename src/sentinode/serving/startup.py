"""`sentinode serve`: from its options to a server that runs until it is told to end."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from sentinode.core.errors import BusyError, SentinodeError
from sentinode.core.result_folder import locked
from sentinode.core.settings import Settings
from sentinode.registry.alias import is_alias
from sentinode.serving.app import create_app
from sentinode.serving.page_sources import is_outdated
from sentinode.serving.protocol.addresses import (
    allowed_hosts,
    check_access,
    check_origins,
    check_proxies,
    checked_root_path,
)
from sentinode.serving.protocol.server import run
from sentinode.serving.routes.page_routes import PAGE
from sentinode.serving.serve_config import Limits, ServeConfig

_LEAST_KEY = 16  # characters


def serve(
    bundle: str,
    *,
    slides: Path | None = None,
    scans: Path | None = None,
    annotations: Path | None = None,
    data: Path | None = None,
    report: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    database: str | None = None,
    users: Path | None = None,
    api_key_file: Path | None = None,
    insecure: bool = False,
    names: Sequence[str] = (),
    origins: Sequence[str] = (),
    trusted_proxies: Sequence[str] = (),
    root_path: str = "",
    store_images: bool = False,
    engine: str = "auto",
    threads: int | None = None,
    scan_memory_gib: float = 8.0,
    scan_patience_min: float = 60.0,
    settings: Settings | None = None,
    tell: Callable[[str], None],
) -> None:
    """Serve a model until Ctrl-C or SIGTERM; requests are finished, a running scan goes on at the next start.

    Args:
        bundle: A bundle's folder or a shipped name, or a slide bundle's folder: then scans are judged by it. Or
            NAME@ALIAS: what that alias of the registry in `data` points to, also after it is moved.
        slides: Folder of slides to show; read only.
        scans: Folder of scans; None: in the server's own folder.
        annotations: Folder of annotations; None: beside the slides.
        data: The server's own folder; None: beside the scans, else as the settings say.
        report: The model's evaluation report.
        host: Address to listen on.
        port: 0: any that is free.
        database: SQLAlchemy URL; None: SQLite in the server's own folder.
        users: User file.
        api_key_file: File with a token that may do everything.
        insecure: Serve other machines without any token.
        names: Host names of this server.
        origins: Of pages that may use the API.
        trusted_proxies: Addresses or networks of proxies that say who asks, and whether by TLS.
        root_path: Path of the server behind its proxy.
        store_images: Keep uploaded images, not only hashes.
        engine: `auto`, `openvino` or `torch`.
        threads: CPU threads; None: those of the settings.
        scan_memory_gib: Most memory, in GiB, that a scan may take.
        scan_patience_min: Minutes after which a scan that gets no further is ended.
        settings: The machine's; None: by the environment.
        tell: Called with a line once the server listens.

    Raises:
        SentinodeError: An address without protection, a folder or file that is not there, or a key that is too short.
        BusyError: Another server has that folder of its own.
    """
    protected = bool(users or api_key_file)
    check_access(host, protected=protected, insecure=insecure)
    _check_places(slides, annotations, report)
    if report is not None and is_alias(bundle):
        raise SentinodeError(
            f"--report {report} is of one version, and {bundle} may come to point to another; leave it out: a version "
            "brings the report of its run along"
        )
    check_origins(origins)
    check_proxies(trusted_proxies)
    os.umask(0o077)  # slides, predictions and reviews are nobody else's
    settings = settings or Settings.from_environment()
    state = data or (scans / ".server" if scans else settings.data / "server")
    config = ServeConfig(
        bundle=bundle,
        state=state,
        scans=scans or state / "scans",
        slides=slides,
        annotations=annotations,
        database=database,
        engine=engine,
        threads=threads or settings.threads,
        store_images=store_images,
        report=report,
        users=users,
        api_key=None if api_key_file is None else _key(api_key_file),
        names=tuple(names),
        hosts=allowed_hosts(host, tuple(names), protected=protected),
        origins=tuple(origins),
        trusted_proxies=tuple(trusted_proxies),
        root_path=checked_root_path(root_path),
        limits=Limits(scan_memory_bytes=round(scan_memory_gib * (1 << 30)), scan_silence_s=60 * scan_patience_min),
    )
    with _alone_in(state):
        app = create_app(config)
        warnings.simplefilter("ignore")  # libraries warn of what is in uploads and slides, which is not for the log
        run(app, host, port, lambda bound: _tell_started(tell, config, app.state.service.store.made, host, bound))
    logging.getLogger("sentinode.serving").info("ended")
    if app.state.service.opening:
        _leave()


def _leave() -> NoReturn:
    """End the process now, all being closed: the interpreter's own end would break a thread in a library, and abort."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


@contextmanager
def _alone_in(state: Path) -> Iterator[None]:
    """Hold a server's own folder: two would clear away each other's uploads and restart each other's scans."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(state / "server.lock"))
        except BusyError as error:
            raise BusyError(f"another server uses {state}; stop it, or give this one another --data") from error
        yield


def _tell_started(tell: Callable[[str], None], config: ServeConfig, made: Path | None, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    tell(f"serving {config.bundle} at http://{shown}:{port} (Ctrl-C to end)")
    if is_outdated(PAGE, Path(__file__).parents[3]):
        tell("the viewer's page is older than its sources in web/; build it anew: make page")
    if made:
        tell(f"{made} is a new database: there was none")


def _check_places(slides: Path | None, annotations: Path | None, report: Path | None) -> None:
    for folder in (slides, annotations):
        if folder is not None and not folder.is_dir():
            raise SentinodeError(f"{folder} is not a folder; check the path")
    if report is not None and not report.is_file():
        raise SentinodeError(f"{report} is not a file; give the report.html of sentinode evaluate")


def _key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SentinodeError(f"{path} can't be read as a key ({error}); give a file with one line") from error
    if len(key) < _LEAST_KEY or any(letter.isspace() for letter in key):
        raise SentinodeError(
            f"the key in {path} has {len(key)} characters; use one line of at least {_LEAST_KEY} random ones"
        )
    return key
