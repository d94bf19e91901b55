import { type ReactNode, useRef } from "react";
import { createPortal } from "react-dom";
import { frameOf, useFrame, type Viewer } from "./viewer";

/** Shapes in level-0 pixels, over the slide and under the navigator. */
export function SvgLayer({ viewer, children }: { viewer: Viewer; children: ReactNode }) {
  const group = useRef<SVGGElement>(null);
  useFrame(viewer, () => {
    const { scale, x, y } = frameOf(viewer);
    group.current?.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${x} ${y})`);
  });
  return createPortal(
    <svg className="shapes" aria-hidden="true">
      <g ref={group}>{children}</g>
    </svg>,
    viewer.canvas,
  );
}
