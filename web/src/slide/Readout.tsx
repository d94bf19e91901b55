import { useState } from "react";
import type { Slide } from "../api/types";
import { length, probability, whole } from "../ui/format";
import type { Grid } from "./grid";
import { SvgLayer } from "./SvgLayer";
import { useCursor } from "./useCursor";
import { frameOf, useFrame, type Viewer } from "./viewer";

const LONGEST_PX = 150;
/** An eyepiece view of 10× shows about 1 µm to the pixel. */
const UM_AT_1X = 10;

/** Scale bar, magnification, and what lies under the cursor. */
export function Readout({
  viewer,
  slide,
  grid,
  target,
}: {
  viewer: Viewer;
  slide: Slide;
  grid: Grid | null;
  target: string;
}) {
  const [scale, setScale] = useState(() => frameOf(viewer).scale);
  useFrame(viewer, () => {
    const now = frameOf(viewer).scale;
    setScale((was) => (Math.abs(was / now - 1) < 1e-4 ? was : now));
  });
  const cursor = useCursor(viewer);
  const under = cursor && grid?.at(cursor);
  const inside = cursor && cursor.x >= 0 && cursor.y >= 0 && cursor.x < slide.width && cursor.y < slide.height;
  return (
    <>
      {under && (
        <SvgLayer viewer={viewer}>
          <rect className="cursor-tile" {...under.tile} />
        </SvgLayer>
      )}
      <div className="readout">
        {slide.mpp ? <ScaleBar umPerPx={slide.mpp.x / scale} /> : <span>{(scale * 100).toPrecision(3)} %</span>}
        <span className="readout-cursor">
          {inside && (
            <>
              <span className="number quiet">
                {slide.mpp
                  ? `${length(cursor.x * slide.mpp.x)}, ${length(cursor.y * slide.mpp.y)}`
                  : `${whole(cursor.x)}, ${whole(cursor.y)} px`}
              </span>
              {grid && (
                <span className="number">
                  {under ? `P(${target}) ${probability(under.probability)}` : "not scanned"}
                </span>
              )}
            </>
          )}
        </span>
      </div>
    </>
  );
}

function ScaleBar({ umPerPx }: { umPerPx: number }) {
  const most = LONGEST_PX * umPerPx;
  const power = 10 ** Math.floor(Math.log10(most));
  const um = power * (most >= 5 * power ? 5 : most >= 2 * power ? 2 : 1);
  const magnification = UM_AT_1X / umPerPx;
  return (
    <span className="scale">
      <span className="scale-bar" style={{ width: `${um / umPerPx}px` }} />
      <span className="number">{length(um)}</span>
      <span className="number quiet" title="As through a microscope: 10× is 1 µm/px">
        {magnification >= 10 ? magnification.toFixed(0) : magnification.toPrecision(2)}×
      </span>
    </span>
  );
}
