"""`sentinode` whose model and views of slides wait while a file is there: `held_server.py FILE SECONDS serve …`."""

import sys
import time
from pathlib import Path

from sentinode.cli.main import main
from sentinode.serving import service
from sentinode.serving.predictor import Predictor
from sentinode.serving.routes import slide_routes


def _held(work, hold):
    def run(*arguments, **options):
        while hold.exists():
            time.sleep(0.01)
        return work(*arguments, **options)

    return run


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    service._FINISH_S = float(sys.argv.pop(1))
    Predictor.run = _held(Predictor.run, file)
    slide_routes.slide_tile = _held(slide_routes.slide_tile, file)
    main()
