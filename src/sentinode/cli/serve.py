"""`sentinode serve`: the HTTP API and the page."""

import logging
import warnings
from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import Engine, say
from sentinode.core.errors import SentinodeError
from sentinode.core.settings import Settings


def serve(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")],
    slides: Annotated[Path | None, typer.Option("--slides", help="Folder of slides to show; read only.")] = None,
    scans: Annotated[
        Path | None, typer.Option("--scans", help="Folder of scans, as of `sentinode scan --out`.")
    ] = None,
    annotations: Annotated[Path | None, typer.Option(help="Folder of annotations; without: beside the slides.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="The server's own folder: database, uploads.")] = None,
    report: Annotated[Path | None, typer.Option(help="The model's evaluation report, report.html.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.")] = 8000,
    database: Annotated[str | None, typer.Option(help="SQLAlchemy URL; without: SQLite in the data folder.")] = None,
    users: Annotated[Path | None, typer.Option("--users", help="User file of `sentinode users add`.")] = None,
    api_key_file: Annotated[Path | None, typer.Option(help="File with a token that may do everything.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Serve other machines without any token.")] = False,
    name: Annotated[list[str] | None, typer.Option("--name", help="A host name of this server. Repeatable.")] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option("--allow-origin", help="Origin of a page that may use the API. Repeatable.")
    ] = None,
    store_images: Annotated[
        bool, typer.Option("--store-images", help="Keep uploaded images, not only hashes.")
    ] = False,
    engine: Engine = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without: every core.")] = None,
) -> None:
    """Serve a model: predictions, slides, scans and reviews over HTTP, and the page to use them.

    Ends at Ctrl-C or SIGTERM: requests are finished, a running scan goes on at the next start.
    """
    from sentinode.core.extras import require

    require("fastapi", extra="serve")
    from sentinode.serving.app import create_app
    from sentinode.serving.serve_config import ServeConfig
    from sentinode.serving.server import allowed_hosts, check_access, run

    protected = bool(users or api_key_file)
    check_access(host, protected=protected, insecure=insecure)
    for folder in (slides, annotations):
        if folder is not None and not folder.is_dir():
            raise SentinodeError(f"{folder} is not a folder; check the path")
    if report is not None and not report.is_file():
        raise SentinodeError(f"{report} is not a file; give the report.html of sentinode evaluate")
    settings = Settings.from_environment()
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
        api_key=_key(api_key_file),
        hosts=allowed_hosts(host, tuple(name or ()), protected=protected),
        origins=tuple(allow_origin or ()),
    )
    app = create_app(config)
    warnings.simplefilter("ignore")  # libraries warn of what is in uploads and slides, which is not for the log
    shown = f"[{host}]" if ":" in host else host
    run(app, host, port, lambda bound: say(f"serving {bundle} at http://{shown}:{bound} (Ctrl-C to end)"))
    logging.getLogger("sentinode.serving").info("ended")


def _key(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SentinodeError(f"{path} can't be read as a key ({error}); give a file with one line") from error
    if len(key) < 16 or any(letter.isspace() for letter in key):
        raise SentinodeError(f"the key in {path} has {len(key)} characters; use one line of at least 16 random ones")
    return key
