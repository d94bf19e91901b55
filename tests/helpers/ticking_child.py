"""A process that says how far it is again and again: `python -m helpers.ticking_child NICENESS`."""

import time

from sentinode.serving.workers.child_main import Fields, Say, serve_jobs


def tick(job: Fields, say: Say) -> Fields:
    """Say `done` so many times."""
    for done in range(job["times"]):
        time.sleep(0.05)
        say({"done": done})
    return {}


if __name__ == "__main__":
    serve_jobs(tick)
