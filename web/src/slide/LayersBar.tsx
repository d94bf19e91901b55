import { useState } from "react";
import { reviewFile } from "../api/endpoints";
import type { Scan, Slide } from "../api/types";
import { link } from "../shell/routes";
import { length, whole } from "../ui/format";
import { Menu, Slider, Toggle } from "../ui/parts";
import type { Layers } from "./layers";
import { SlideFacts } from "./SlideFacts";
import type { Drawing } from "./useDrawing";
import type { Reviews } from "./useReviews";

/** What lies over the slide, tools, and what can be taken away as a file. */
export function LayersBar(props: {
  slide: Slide;
  scan: Scan | null;
  layers: Layers;
  change: (part: Partial<Layers>) => void;
  /** Whether a slide model judged the slide. */
  judged: boolean;
  drawing: Drawing;
  reviews: Reviews;
}) {
  const { slide, scan, layers, change, drawing, reviews } = props;
  return (
    <div className="bar-top">
      <a className="back" href={link("slides")}>
        ← Slides
      </a>
      <SlideFacts slide={slide} />
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out in a bar in every browser */}
      <div className="group" role="group" aria-label="Layers">
        {scan && (
          <>
            <Toggle
              pressed={layers.heatmap}
              onChange={(heatmap) => change({ heatmap, ...(heatmap ? { attention: false } : {}) })}
              shortcut="h"
            >
              Heatmap
            </Toggle>
            {props.judged && (
              <Toggle
                pressed={layers.attention}
                onChange={(attention) => change({ attention, ...(attention ? { heatmap: false } : {}) })}
                shortcut="i"
                title="Which tiles the slide's probability rests on; not a probability of tumour (key I)"
              >
                Attention
              </Toggle>
            )}
            <Slider
              label="Opacity"
              value={layers.opacity}
              onChange={(opacity) => change({ opacity, ...(layers.attention ? {} : { heatmap: true }) })}
            />
            <Toggle pressed={layers.outlines} onChange={(outlines) => change({ outlines })} shortcut="o">
              Outlines
            </Toggle>
          </>
        )}
        <Toggle pressed={layers.tissue} onChange={(tissue) => change({ tissue })} shortcut="m">
          Tissue
        </Toggle>
        <Toggle
          pressed={layers.truth}
          onChange={(truth) => change({ truth })}
          shortcut="n"
          disabled={!slide.has_annotations}
          {...(slide.has_annotations ? {} : { title: "No annotations lie beside this slide" })}
        >
          Annotations
        </Toggle>
        <Toggle pressed={layers.compare} onChange={(compare) => change({ compare })} shortcut="c">
          Side by side
        </Toggle>
      </div>
      <Tools drawing={drawing} reviews={reviews} />
      {scan && <Export slide={slide} scan={scan} reviews={reviews} />}
      {drawing.tool && <DrawingEnds slide={slide} drawing={drawing} />}
    </div>
  );
}

function Tools({ drawing, reviews }: { drawing: Drawing; reviews: Reviews }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out in a bar in every browser
    <div className="group" role="group" aria-label="Tools">
      {TOOLS.filter((tool) => tool.name === "ruler" || reviews.may).map((tool) => (
        <Toggle
          key={tool.name}
          pressed={drawing.tool === tool.name}
          onChange={(on) => drawing.start(on ? tool.name : null)}
          shortcut={tool.shortcut}
          title={`${tool.about} (key ${tool.shortcut.toUpperCase()})`}
        >
          {tool.label}
        </Toggle>
      ))}
      {reviews.may && (
        <>
          <button type="button" disabled={!reviews.undo} onClick={reviews.undo} aria-keyshortcuts="u" title="Key U">
            Undo
          </button>
          {reviews.restore && (
            <button type="button" onClick={reviews.restore} title="Shift U">
              Restore
            </button>
          )}
        </>
      )}
    </div>
  );
}

const TOOLS = [
  { name: "ruler", shortcut: "l", label: "Ruler", about: "Measure a length" },
  { name: "polygon", shortcut: "p", label: "Polygon", about: "Draw a missed lesion, corner by corner" },
  { name: "freehand", shortcut: "f", label: "Freehand", about: "Draw a missed lesion in one stroke" },
] as const;

const HINTS = {
  polygon: "Click corners, the first one again to finish",
  freehand: "Draw around it in one stroke",
  ruler: "Drag, or click both ends",
};

/** How drawing goes and ends; of the ruler, what it measured. */
function DrawingEnds({ slide, drawing }: { slide: Slide; drawing: Drawing }) {
  const { tool, corners, saving } = drawing;
  if (!tool) return null;
  const [from, to] = corners;
  const x = to && from ? to.x - from.x : 0;
  const y = to && from ? to.y - from.y : 0;
  return (
    <div className="drawing-ends">
      <span role="status" className="number">
        {tool === "ruler" && to
          ? slide.mpp
            ? length(Math.hypot(x * slide.mpp.x, y * slide.mpp.y))
            : `${whole(Math.hypot(x, y))} px`
          : saving
            ? "Saving …"
            : HINTS[tool]}
      </span>
      {tool !== "ruler" && (
        <button type="button" disabled={saving || corners.length < 3} onClick={drawing.finish}>
          Finish
        </button>
      )}
      <button type="button" disabled={saving} onClick={drawing.stop}>
        Stop
      </button>
    </div>
  );
}

function Export({ slide, scan, reviews }: { slide: Slide; scan: Scan; reviews: Reviews }) {
  const [chosen, setAll] = useState(false);
  const open = reviews.consensus?.result === "disagreed";
  const all = chosen && !open;
  return (
    <Menu title="Export">
      <label className="check">
        <input type="checkbox" checked={all} disabled={open} onChange={(event) => setAll(event.target.checked)} />
        <span>Whole slide reviewed: what is not marked is no tumour</span>
      </label>
      {open && <p className="quiet">Reviewers disagree: until an admin decides, what they disagree on is no truth.</p>}
      {reviews.any || all ? (
        <>
          <a href={reviewFile(scan.id, "geojson", all)} download={`${slide.name}.geojson`}>
            GeoJSON (QuPath)
          </a>
          <a href={reviewFile(scan.id, "xml", all)} download={`${slide.name}.xml`}>
            XML (ASAP)
          </a>
        </>
      ) : (
        <p className="quiet">Accept, reject or draw a lesion first.</p>
      )}
    </Menu>
  );
}
