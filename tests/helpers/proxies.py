"""nginx and Caddy as `docs/serving.md` sets them up, on free ports of the loopback."""

import datetime
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from helpers.programs import missing

NAME = "viewer.example"
_PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
_WAIT_S = 60
_CERTIFICATE = f"/etc/ssl/{NAME}"


class Proxy:
    """A proxy with TLS before a server; `port` is its own."""

    def __init__(self, kind: str, upstream: int, folder: Path) -> None:
        program = shutil.which(kind) or shutil.which(kind, path="/usr/sbin")
        if program is None:
            missing(kind, kind)
        self.port = _free_port()
        _make_certificate(folder)
        text = _documented(kind).replace(_CERTIFICATE, str(folder / NAME)).replace(":8000", f":{upstream}")
        file = folder / f"{kind}.conf"
        if kind == "nginx":
            file.write_text(_NGINX.format(folder=folder, server=text.replace("443", f"127.0.0.1:{self.port}")))
            command = [program, "-c", str(file), "-e", str(folder / "error.log")]
        else:
            file.write_text(
                "{\n admin off\n auto_https off\n}\n" + text.replace(f"{NAME} {{", f"{NAME}:{self.port} {{")
            )
            command = [program, "run", "--adapter", "caddyfile", "--config", str(file)]
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        with (folder / "proxy.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self._wait(folder)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
        """The answer to a request for the documented name, and its body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_WAIT_S)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=_WAIT_S)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection.sock = context.wrap_socket(plain, server_hostname=NAME)
        named = {"Host": self.place, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    @property
    def place(self) -> str:
        """Name and port."""
        return f"{NAME}:{self.port}"

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(_WAIT_S)

    def _wait(self, folder: Path) -> None:
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((folder / "proxy.log").read_text())


_NGINX = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def _documented(kind: str) -> str:
    """The example of the page."""
    found = re.search(rf"```{kind}\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found, kind
    return found[1]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{NAME}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{NAME}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
