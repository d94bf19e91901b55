import type OpenSeadragon from "openseadragon";
import { useEffect, useRef, useState } from "react";
import type { Geometry, Place } from "../api/types";
import { useKeys } from "../ui/hooks";
import { polygonOf, simplified } from "./geometry";
import { frameOf, middleOf, placeOf, type Viewer } from "./viewer";

type DragEvent = Omit<OpenSeadragon.CanvasDragEvent, "delta">;

export type Tool = "polygon" | "freehand" | "ruler";
/** A click this near the first corner closes the polygon; screen pixels. */
const CLOSE_PX = 10;
/** How far a freehand line may be from what was drawn; screen pixels. */
const SMOOTH_PX = 1;

/** Drawing and measuring on the slide: the wheel, two fingers and, for a polygon, dragging still move it. */
export function useDrawing(viewer: Viewer | null, onDone: (polygon: Geometry) => Promise<boolean>) {
  const [tool, setTool] = useState<Tool | null>(null);
  const [corners, setCorners] = useState<Place[]>([]);
  const [saving, setSaving] = useState(false);
  const latest = useRef({ corners, saving, onDone });
  latest.current = { corners, saving, onDone };

  const stop = () => {
    setTool(null);
    setCorners([]);
  };
  /** What can't be saved stays, to be finished again; while it is being saved nothing can be changed. */
  const finish = async (places: Place[]) => {
    const polygon = polygonOf(places);
    if (!polygon || latest.current.saving) return;
    setCorners(places);
    setSaving(true);
    const saved = await latest.current.onDone(polygon);
    setSaving(false);
    if (saved) stop();
  };
  const finishing = useRef(finish);
  finishing.current = finish;
  /** A ruler has two ends. */
  const mark = (place: Place) =>
    setCorners((places) => (tool === "ruler" && places.length !== 1 ? [place] : [...places, place]));
  const marking = useRef(mark);
  marking.current = mark;

  useEffect(() => {
    if (!viewer || !tool) return;
    viewer.canvas.focus({ preventScroll: true }); // else Space would press the button that has the keyboard
    const at = (event: { position: OpenSeadragon.Point }) => placeOf(viewer, event.position);
    let from: Place | null = null; // where a drag of the ruler began
    let fingers = false; // two of them move the slide
    const click = (event: OpenSeadragon.CanvasClickEvent) => {
      event.preventDefaultAction = true;
      if (tool === "freehand" || !event.quick || latest.current.saving) return;
      const { corners: places } = latest.current;
      const here = at(event);
      const [first] = places;
      const near = first && Math.hypot(first.x - here.x, first.y - here.y) * frameOf(viewer).scale < CLOSE_PX;
      if (tool === "polygon" && near && places.length >= 3) void finishing.current(places);
      else marking.current(here);
    };
    const doubled = (event: { preventDefaultAction?: boolean }) => {
      event.preventDefaultAction = true;
    };
    const drag = (event: DragEvent & { delta: OpenSeadragon.Point }) => {
      if (tool === "polygon" || fingers || latest.current.saving) return;
      event.preventDefaultAction = true;
      const here = at(event);
      if (tool === "freehand") return setCorners((places) => [...places, here]);
      from ??= placeOf(viewer, event.position.minus(event.delta));
      setCorners([from, here]);
    };
    const dragged = (event: DragEvent) => {
      if (tool === "polygon" || fingers || latest.current.saving) return;
      event.preventDefaultAction = true;
      from = null;
      if (tool === "ruler") return;
      const line = simplified(latest.current.corners, SMOOTH_PX / frameOf(viewer).scale);
      if (line.length >= 3) void finishing.current(line);
      else setCorners([]);
    };
    const pressed = () => {
      fingers = false;
    };
    // What the first finger drew before the second came was not meant.
    const pinched = () => {
      if (!fingers && tool !== "polygon" && !latest.current.saving) setCorners([]);
      [fingers, from] = [true, null];
    };
    viewer.addHandler("canvas-press", pressed);
    viewer.addHandler("canvas-click", click);
    viewer.addHandler("canvas-double-click", doubled);
    viewer.addHandler("canvas-drag", drag);
    viewer.addHandler("canvas-drag-end", dragged);
    viewer.addHandler("canvas-pinch", pinched);
    return () => {
      viewer.removeHandler("canvas-click", click);
      viewer.removeHandler("canvas-double-click", doubled);
      viewer.removeHandler("canvas-drag", drag);
      viewer.removeHandler("canvas-drag-end", dragged);
      viewer.removeHandler("canvas-pinch", pinched);
      viewer.removeHandler("canvas-press", pressed);
    };
  }, [viewer, tool]);

  useKeys(
    {
      " ": tool === "freehand" || !viewer ? undefined : () => mark(middleOf(viewer)),
      Backspace: () => setCorners((places) => places.slice(0, -1)),
      Enter: tool === "ruler" ? undefined : () => void finish(corners),
      Escape: stop,
    },
    tool !== null && !saving,
  );
  const start = (next: Tool | null) => {
    if (saving) return;
    setCorners([]);
    setTool(next);
  };
  return { tool, start, corners, saving, finish: () => void finish(corners), stop };
}

export type Drawing = ReturnType<typeof useDrawing>;
