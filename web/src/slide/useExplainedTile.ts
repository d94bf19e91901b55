import type OpenSeadragon from "openseadragon";
import { useEffect, useRef, useState } from "react";
import { explainTile, type Wish } from "../api/endpoints";
import type { Place } from "../api/types";
import { FIRST_WISH } from "../patch/Explained";
import { useLoad } from "../ui/hooks";
import { contains } from "./geometry";
import type { Findings } from "./useFindings";
import { placeOf, type Viewer } from "./viewer";

/** A second click within this time is a zoom; milliseconds. */
const DOUBLE_MS = 280;

/** The tile that was clicked, and why it was scored as it was. A click on a lesion picks it, too. */
export function useExplainedTile(slideId: string, viewer: Viewer | null, findings: Findings) {
  const [place, setPlace] = useState<Place | null>(null);
  const [wish, setWish] = useState<Wish>(FIRST_WISH);
  const [opacity, setOpacity] = useState(0.5);
  const key = place && `${slideId} ${place.x} ${place.y} ${JSON.stringify(wish)}`;
  const answer = useLoad(key, (signal) => explainTile(slideId, place ?? { x: 0, y: 0 }, wish, signal));
  const explain = (at: Place) => {
    const tile = findings.grid?.at(at)?.tile;
    // Of a scanned tile its corner, so that it is the very tile that was scored.
    setPlace(tile ? { x: Math.round(tile.x), y: Math.round(tile.y) } : { x: Math.round(at.x), y: Math.round(at.y) });
  };
  const clicked = useRef((_: Place) => {});
  clicked.current = (at) => {
    const hit = findings.listed?.find((lesion) => contains(lesion.polygon, at));
    if (hit) findings.select(hit);
    explain(at);
  };
  useEffect(() => {
    if (!viewer) return;
    let timer = 0;
    const click = (event: OpenSeadragon.CanvasClickEvent) => {
      clearTimeout(timer);
      if (!event.quick || event.preventDefaultAction) return;
      const at = placeOf(viewer, event.position);
      timer = window.setTimeout(() => clicked.current(at), DOUBLE_MS);
    };
    const doubled = () => clearTimeout(timer);
    viewer.addHandler("canvas-click", click, undefined, -1); // after a drawing tool, which may take the click
    viewer.addHandler("canvas-double-click", doubled);
    return () => {
      clearTimeout(timer);
      viewer.removeHandler("canvas-click", click);
      viewer.removeHandler("canvas-double-click", doubled);
    };
  }, [viewer]);
  return {
    place,
    explain,
    close: () => setPlace(null),
    wish,
    setWish,
    opacity,
    setOpacity,
    answer: place ? answer.value : null,
    loading: answer.loading,
    problem: answer.problem,
    retry: answer.retry,
  };
}

export type ExplainedTile = ReturnType<typeof useExplainedTile>;
