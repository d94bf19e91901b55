import { type ReactNode, useRef } from "react";
import { createPortal } from "react-dom";
import { frameOf, useFrame, type Viewer } from "./viewer";

/** How much more than is seen is painted on each side, as a part of it; slide.css has the same. */
const MARGIN = 0.5;

/**
 * Shapes in level-0 pixels, over the slide and under the navigator. While the slide is only moved, what was painted is
 * moved with it: painting a thousand outlines anew for every frame would not keep up.
 */
export function SvgLayer({ viewer, children }: { viewer: Viewer; children: ReactNode }) {
  const layer = useRef<SVGSVGElement>(null);
  const group = useRef<SVGGElement>(null);
  const painted = useRef({ scale: 0, x: 0, y: 0, width: 0, height: 0 });
  useFrame(viewer, () => {
    const { scale, x, y } = frameOf(viewer);
    const { x: width, y: height } = viewer.viewport.getContainerSize();
    const was = painted.current;
    const [right, down] = [x - was.x, y - was.y];
    const same = Math.abs(scale / was.scale - 1) < 1e-6 && width === was.width && height === was.height;
    if (same && Math.abs(right) <= MARGIN * width && Math.abs(down) <= MARGIN * height) {
      layer.current?.style.setProperty("transform", `translate(${right}px, ${down}px)`);
      return;
    }
    painted.current = { scale, x, y, width, height };
    layer.current?.style.setProperty("transform", "none");
    const [left, top] = [x + MARGIN * width, y + MARGIN * height];
    group.current?.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${left} ${top})`);
  });
  return createPortal(
    <svg ref={layer} className="shapes" aria-hidden="true">
      <g ref={group}>{children}</g>
    </svg>,
    viewer.canvas,
  );
}
