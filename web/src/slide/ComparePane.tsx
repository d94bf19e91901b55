import { useEffect } from "react";
import type { Features, Slide } from "../api/types";
import { Failure } from "../ui/parts";
import { TruthShapes } from "./Shapes";
import { useViewer, type Viewer } from "./viewer";

/** The same place of the slide with its annotations alone. */
export function ComparePane({ slide, other, truth }: { slide: Slide; other: Viewer; truth: Features | null }) {
  const { ref, viewer, problem } = useViewer(slide, false);
  useEffect(() => (viewer ? follow(other, viewer) : undefined), [other, viewer]);
  return (
    <div className="pane">
      <div
        ref={ref}
        className="deep"
        role="application"
        aria-label={`${slide.name} with its annotations; moves with the other`}
      />
      <span className="pane-title">
        {slide.has_annotations ? "Truth" : "Slide alone: no annotations lie beside it"}
      </span>
      {viewer && truth && <TruthShapes viewer={viewer} truth={truth} />}
      {problem && <Failure problem={problem} />}
    </div>
  );
}

/** Holds two viewers at the same place, whichever is moved; returns how to let go. */
function follow(one: Viewer, two: Viewer): () => void {
  let copying = false;
  const copy = (from: Viewer, to: Viewer) => {
    if (copying) return;
    copying = true;
    to.viewport.zoomTo(from.viewport.getZoom(true), undefined, true);
    to.viewport.panTo(from.viewport.getCenter(true), true);
    copying = false;
  };
  // The one that was touched last leads: where both are led, they would pull at each other.
  let leader = one;
  const lead = (viewer: Viewer) => () => {
    leader = viewer;
  };
  const moved = (viewer: Viewer, to: Viewer) => () => leader === viewer && copy(viewer, to);
  const pairs = [
    { viewer: one, touched: lead(one), moved: moved(one, two) },
    { viewer: two, touched: lead(two), moved: moved(two, one) },
  ];
  const touches = ["canvas-press", "canvas-scroll", "canvas-pinch"] as const;
  for (const { viewer, touched, moved } of pairs) {
    for (const name of touches) viewer.addHandler(name, touched);
    viewer.addHandler("animation", moved);
    viewer.addHandler("resize", moved);
  }
  // Keys and jumps move the first.
  const keys = lead(one);
  window.addEventListener("keydown", keys, true);
  const list = (event: PointerEvent) => !two.element?.contains(event.target as Node) && keys();
  window.addEventListener("pointerdown", list, true);
  copy(one, two);
  return () => {
    window.removeEventListener("keydown", keys, true);
    window.removeEventListener("pointerdown", list, true);
    for (const { viewer, touched, moved } of pairs) {
      for (const name of touches) viewer.removeHandler(name, touched);
      viewer.removeHandler("animation", moved);
      viewer.removeHandler("resize", moved);
    }
  };
}
