"""Serve the shipped model, and ask it over HTTP; any language can.

python examples/use_the_api.py FOLDER
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image

import sentinode as sn


def predict(address: str, image: Path) -> dict[str, object]:
    """POST /predict with an image as a form, as `curl -F file=@IMAGE` does it."""
    edge = "an-edge-between-parts"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{image.name}"\r\n\r\n'
    body = head.encode() + image.read_bytes() + f"\r\n--{edge}--\r\n".encode()
    request = urllib.request.Request(
        f"{address}/predict", body, {"Content-Type": f"multipart/form-data; boundary={edge}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


def wait_until_ready(address: str) -> None:
    """The server answers at once, and loads its model meanwhile: until then it is not ready, and says 503."""
    while True:
        try:
            urllib.request.urlopen(f"{address}/health/ready", timeout=60).close()
        except urllib.error.HTTPError:
            time.sleep(0.1)
        else:
            return


def main(out: Path) -> None:
    """Start a server on a free port, send it a patch that comes with the model, and stop it."""
    out.mkdir(parents=True, exist_ok=True)
    patch = out / "patch.png"
    Image.fromarray(sn.open_bundle("pcam").example()["tiles"][0]).save(patch)
    command = [
        sys.executable,
        "-m",
        "sentinode.cli.main",
        "serve",
        "pcam",
        "--port",
        "0",
        "--data",
        str(out / "server"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[3]  # serving pcam at http://127.0.0.1:PORT (Ctrl-C to end)
        try:
            wait_until_ready(address)
            print(json.dumps(predict(address, patch), indent=2))
        finally:
            server.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "served"))
