"""`sentinode serve`: the HTTP API and the page."""

from pathlib import Path
from typing import Annotated

import typer

from sentinode.cli.options import Engine, say


def serve(
    bundle: Annotated[
        str,
        typer.Argument(help="A bundle's or slide bundle's folder, a shipped name, or NAME@ALIAS."),
    ],
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
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy", help="Address or network of a proxy that says who asks, and whether by TLS. Repeatable."
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", help="Path of this server behind its proxy, such as /sentinode.")
    ] = "",
    store_images: Annotated[
        bool, typer.Option("--store-images", help="Keep uploaded images, not only hashes.")
    ] = False,
    engine: Engine = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without: every core.")] = None,
    scan_memory: Annotated[
        float,
        typer.Option("--scan-memory", min=0.5, max=4096, help="Most memory of a scan, GiB; one that needs more fails."),
    ] = 8.0,
    scan_patience: Annotated[
        float,
        typer.Option(
            "--scan-patience", min=1, max=10_080, help="Minutes after which a scan that gets no further is ended."
        ),
    ] = 60.0,
) -> None:
    """Serve a model: predictions, slides, scans and reviews over HTTP, and the page to use them.

    Ends at Ctrl-C or SIGTERM: requests are finished, a running scan goes on at the next start.
    """
    from sentinode.serving import startup

    startup.serve(
        bundle, slides=slides, scans=scans, annotations=annotations, data=data, report=report, host=host, port=port,
        database=database, users=users, api_key_file=api_key_file, insecure=insecure, names=name or (),
        origins=allow_origin or (), trusted_proxies=trusted_proxy or (), root_path=root_path,
        store_images=store_images, engine=engine, threads=threads, scan_memory_gib=scan_memory,
        scan_patience_min=scan_patience, tell=say,
    )  # fmt: skip
