import type OpenSeadragon from "openseadragon";
import { useEffect, useRef, useState } from "react";
import type { Geometry, Place } from "../api/types";
import { useKeys } from "../ui/hooks";
import { polygonOf, simplified } from "./geometry";
import { frameOf, middleOf, placeOf, type Viewer } from "./viewer";

type DragEvent = Omit<OpenSeadragon.CanvasDragEvent, "delta">;

export type Tool = "polygon" | "freehand";
/** A click this near the first corner closes the polygon; screen pixels. */
const CLOSE_PX = 10;
/** How far a freehand line may be from what was drawn; screen pixels. */
const SMOOTH_PX = 1;

/** Drawing on the slide: the wheel and, for a polygon, dragging still move it. */
export function useDrawing(viewer: Viewer | null, onDone: (polygon: Geometry) => void) {
  const [tool, setTool] = useState<Tool | null>(null);
  const [corners, setCorners] = useState<Place[]>([]);
  const latest = useRef({ corners, onDone });
  latest.current = { corners, onDone };

  const stop = () => {
    setTool(null);
    setCorners([]);
  };
  const finish = (places: Place[]) => {
    const polygon = polygonOf(places);
    if (!polygon) return;
    stop();
    latest.current.onDone(polygon);
  };
  const finishing = useRef(finish);
  finishing.current = finish;

  useEffect(() => {
    if (!viewer || !tool) return;
    const at = (event: { position: OpenSeadragon.Point }) => placeOf(viewer, event.position);
    const click = (event: OpenSeadragon.CanvasClickEvent) => {
      event.preventDefaultAction = true;
      if (tool !== "polygon" || !event.quick) return;
      const { corners: places } = latest.current;
      const here = at(event);
      const [first] = places;
      const near = first && Math.hypot(first.x - here.x, first.y - here.y) * frameOf(viewer).scale < CLOSE_PX;
      if (near && places.length >= 3) finishing.current(places);
      else setCorners([...places, here]);
    };
    const doubled = (event: { preventDefaultAction?: boolean }) => {
      event.preventDefaultAction = true;
    };
    const drag = (event: DragEvent) => {
      if (tool !== "freehand") return;
      event.preventDefaultAction = true;
      const here = at(event);
      setCorners((places) => [...places, here]);
    };
    const dragged = (event: DragEvent) => {
      if (tool !== "freehand") return;
      event.preventDefaultAction = true;
      const line = simplified(latest.current.corners, SMOOTH_PX / frameOf(viewer).scale);
      if (line.length >= 3) finishing.current(line);
      else setCorners([]);
    };
    viewer.addHandler("canvas-click", click);
    viewer.addHandler("canvas-double-click", doubled);
    viewer.addHandler("canvas-drag", drag);
    viewer.addHandler("canvas-drag-end", dragged);
    return () => {
      viewer.removeHandler("canvas-click", click);
      viewer.removeHandler("canvas-double-click", doubled);
      viewer.removeHandler("canvas-drag", drag);
      viewer.removeHandler("canvas-drag-end", dragged);
    };
  }, [viewer, tool]);

  useKeys(
    {
      " ": tool === "polygon" ? () => viewer && setCorners((places) => [...places, middleOf(viewer)]) : undefined,
      Backspace: () => setCorners((places) => places.slice(0, -1)),
      Enter: () => finish(corners),
      Escape: stop,
    },
    tool !== null,
  );
  const start = (next: Tool | null) => {
    setCorners([]);
    setTool(next);
  };
  return { tool, start, corners, finish: () => finish(corners), stop };
}

export type Drawing = ReturnType<typeof useDrawing>;
