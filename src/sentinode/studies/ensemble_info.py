"""What the bundle of an ensemble says of itself: name, provenance and limits, out of its members'."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import GRAPH_FILE, BundleInfo, Classes, Provenance
from sentinode.models.bundle_writer import library_versions, time_of_making
from sentinode.models.ensemble_assembly import Joined
from sentinode.studies.ensemble_data import HeldOut


def draft_info(bundles: Sequence[Bundle], joined: Joined, held: HeldOut, *, name: str, description: str) -> BundleInfo:
    """What is known before anything is fitted; without a positive class, to which a threshold belongs."""
    first = bundles[0].info
    limits = dict.fromkeys(limit for bundle in bundles for limit in bundle.info.limits)
    return BundleInfo(
        name=name or _name(bundles),
        description=description
        or (first.description if len(bundles) == 1 else f"The mean of {plural(len(bundles), 'model')}."),
        classes=Classes(names=first.classes.names, aliases=first.classes.aliases),
        input=joined.input,
        model=joined.model,
        head=first.head if len(bundles) == 1 else None,
        members=joined.members,
        embedding_size=joined.deployed.network.embedding_size,
        precision=joined.model.storage,
        temperature=1.0,
        provenance=_provenance(bundles, joined, held),
        limits=(*limits, *_limits(bundles, joined, held)),
    )


def _provenance(bundles: Sequence[Bundle], joined: Joined, held: HeldOut) -> Provenance:
    now = time_of_making()
    infos = [bundle.info for bundle in bundles]
    if len(infos) == 1:
        origin = {"derived_from": infos[0].files[GRAPH_FILE], "libraries": library_versions(), "created": now}
        return infos[0].provenance.model_copy(update=origin)
    recipe = {
        **held.recipe.model_dump(mode="json", exclude_none=True),
        "ensemble": {
            **joined.model.arguments,
            "members": [
                {"name": info.name, "graph_sha256": info.files[GRAPH_FILE], "recipe": info.provenance.recipe}
                for info in infos
            ],
        },
    }
    return Provenance(
        recipe=recipe,
        recipe_sha256=sha256_of_json(recipe),
        data_sha256=held.data_sha256,
        split_sha256=held.split_sha256,
        libraries=library_versions(),
        created=now,
        trained_on=" ".join(_once(f"{info.name}: {info.provenance.trained_on}" for info in infos)),
        licences=" ".join(_once(info.provenance.licences for info in infos)),
    )


def _limits(bundles: Sequence[Bundle], joined: Joined, held: HeldOut) -> list[str]:
    found = []
    if len(bundles) == 1:
        switched = {member.model.test_time for member in joined.members} or {joined.model.test_time}
        found.append(
            f"Test-time averaging was set to {' and '.join(sorted(switched))} after training; temperature, threshold "
            f"and low-confidence band were fitted again, on {held.split}."
        )
    if held.logits is not None:
        found.append(
            "Temperature, threshold and low-confidence band were fitted to the answers of those members that had not "
            "learned from an image. The mean of all members is a little less sure than one of them."
        )
    if unknown := _once(bundle.info.name for bundle in bundles if not bundle.seen()):
        found.append(
            f"Which images {', '.join(unknown)} learned from is not recorded, so nothing says that the threshold was "
            "fitted to other ones."
        )
    return found


def _name(bundles: Sequence[Bundle]) -> str:
    if len(bundles) == 1:
        return bundles[0].info.name
    counts = Counter(bundle.info.name for bundle in bundles)
    return "ensemble of " + ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())


def _once(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]
