import { useState } from "react";
import type { Slide } from "../api/types";
import { length, probability, whole } from "../ui/format";
import type { Grid } from "./grid";
import { Legend, type LegendFacts } from "./Legend";
import { SvgLayer } from "./SvgLayer";
import { useCursor } from "./useCursor";
import { frameOf, scalesOf, useFrame, type Viewer, zoomBy, zoomHome, zoomTo } from "./viewer";

const LONGEST_PX = 150;
/** An eyepiece view of 10× shows about 1 µm to the pixel. */
const UM_AT_1X = 10;
/** What a microscope's objectives show. */
const OBJECTIVES = [1.25, 2.5, 5, 10, 20, 40];
const ZOOM = 1.5;

/** Scale bar, magnification, what the colours mean, and what lies under the cursor. */
export function Readout(props: {
  viewer: Viewer;
  slide: Slide;
  grid: Grid | null;
  target: string;
  /** Null: neither heatmap nor attention is shown. */
  legend: LegendFacts | null;
}) {
  const { viewer, slide, grid, target, legend } = props;
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
        <span className="readout-part">
          {slide.mpp && <ScaleBar umPerPx={slide.mpp.x / scale} />}
          <Magnification viewer={viewer} slide={slide} scale={scale} />
        </span>
        {legend && <Legend facts={legend} target={target} />}
        <span className="readout-part readout-cursor">
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

/** Nearer, farther, and straight to what an objective shows. */
function Magnification({ viewer, slide, scale }: { viewer: Viewer; slide: Slide; scale: number }) {
  const times = (at: number) => (slide.mpp ? (at * UM_AT_1X) / slide.mpp.x : at * 100);
  const unit = slide.mpp ? "×" : " %";
  const steps = slide.mpp ? OBJECTIVES : [25, 50, 100, 200];
  const now = times(scale);
  const [least, most] = scalesOf(viewer).map(times) as [number, number];
  return (
    <span className="magnification">
      <button type="button" aria-label="Farther" title="Key −" onClick={() => zoomBy(viewer, 1 / ZOOM)}>
        −
      </button>
      <select
        aria-label="Magnification"
        title={slide.mpp ? "As through a microscope: 10× is 1 µm/px" : "Screen pixels to a pixel of the slide"}
        value=""
        onChange={(event) => {
          if (event.target.value === "whole") zoomHome(viewer);
          else zoomTo(viewer, Number(event.target.value) / times(1));
        }}
      >
        <option value="" hidden>
          {`${now >= 10 ? now.toFixed(0) : now.toPrecision(2)}${unit}`}
        </option>
        <option value="whole">Whole slide</option>
        {steps
          .filter((step) => step >= least && step <= most)
          .map((step) => (
            <option key={step} value={step}>
              {`${step}${unit}`}
            </option>
          ))}
      </select>
      <button type="button" aria-label="Nearer" title="Key +" onClick={() => zoomBy(viewer, ZOOM)}>
        +
      </button>
    </span>
  );
}

function ScaleBar({ umPerPx }: { umPerPx: number }) {
  const most = LONGEST_PX * umPerPx;
  const power = 10 ** Math.floor(Math.log10(most));
  const um = power * (most >= 5 * power ? 5 : most >= 2 * power ? 2 : 1);
  return (
    <span className="scale">
      <span className="scale-bar" style={{ width: `${um / umPerPx}px` }} />
      <span className="number">{length(um)}</span>
    </span>
  );
}
