import OpenSeadragon from "openseadragon";
import { useEffect, useState } from "react";
import type { Place } from "../api/types";
import { placeOf, type Viewer } from "./viewer";

/** Where the pointer is on the slide, level-0 pixels. */
export function useCursor(viewer: Viewer): Place | null {
  const [place, setPlace] = useState<Place | null>(null);
  useEffect(() => {
    const element = viewer.canvas;
    const moved = (event: PointerEvent) => {
      const box = element.getBoundingClientRect();
      setPlace(placeOf(viewer, new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top)));
    };
    const left = () => setPlace(null);
    element.addEventListener("pointermove", moved);
    element.addEventListener("pointerleave", left);
    return () => {
      element.removeEventListener("pointermove", moved);
      element.removeEventListener("pointerleave", left);
    };
  }, [viewer]);
  return place;
}
