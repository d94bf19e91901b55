"""`sentinode` whose model and views of slides wait while a file is there: `held_server.py FILE SECONDS serve …`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentinode.cli.main import main
from sentinode.serving import service
from sentinode.serving.predictions.predictor import Predictor
from sentinode.serving.slides.slide_views import SlideViews


def _held(work: Callable[..., Any], hold: Path) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        while hold.exists():
            time.sleep(0.01)
        return work(*arguments, **options)

    return run


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    service._FINISH_S = float(sys.argv.pop(1))
    Predictor.run = _held(Predictor.run, file)  # type: ignore[method-assign]
    SlideViews.tile = _held(SlideViews.tile, file)  # type: ignore[method-assign]
    main()
