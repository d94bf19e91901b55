import { reviewFile } from "../api/endpoints";
import type { Scan, Slide } from "../api/types";
import { link } from "../shell/routes";
import { Slider, Toggle } from "../ui/parts";
import type { Layers } from "./SlideView";
import type { Drawing } from "./useDrawing";
import type { Reviews } from "./useReviews";

export function LayersBar(props: {
  slide: Slide;
  scan: Scan | null;
  layers: Layers;
  change: (part: Partial<Layers>) => void;
  drawing: Drawing;
  reviews: Reviews;
}) {
  const { slide, scan, layers, change, drawing, reviews } = props;
  return (
    <div className="bar-top">
      <a className="back" href={link({ view: "slides" })}>
        ← Slides
      </a>
      <strong className="bar-name">{slide.name}</strong>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out in a bar in every browser */}
      <div className="group" role="group" aria-label="Layers">
        {scan && (
          <>
            <Toggle pressed={layers.heatmap} onChange={(heatmap) => change({ heatmap })} shortcut="h">
              Heatmap
            </Toggle>
            <Slider label="Opacity" value={layers.opacity} onChange={(opacity) => change({ opacity, heatmap: true })} />
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
      {reviews.may && <Draw drawing={drawing} reviews={reviews} />}
      {scan && (
        <details className="menu">
          <summary>Export</summary>
          <div>
            {reviews.any ? (
              <>
                <a href={reviewFile(scan.id, "geojson")} download={`${slide.name}.geojson`}>
                  GeoJSON (QuPath)
                </a>
                <a href={reviewFile(scan.id, "xml")} download={`${slide.name}.xml`}>
                  XML (ASAP)
                </a>
              </>
            ) : (
              <p className="quiet">Accept, reject or draw a lesion first.</p>
            )}
          </div>
        </details>
      )}
    </div>
  );
}

function Draw({ drawing, reviews }: { drawing: Drawing; reviews: Reviews }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out in a bar in every browser
    <div className="group" role="group" aria-label="Review">
      <Toggle
        pressed={drawing.tool === "polygon"}
        onChange={(on) => drawing.start(on ? "polygon" : null)}
        shortcut="p"
        title="Draw a missed lesion, corner by corner (key P)"
      >
        Polygon
      </Toggle>
      <Toggle
        pressed={drawing.tool === "freehand"}
        onChange={(on) => drawing.start(on ? "freehand" : null)}
        shortcut="f"
        title="Draw a missed lesion in one stroke (key F)"
      >
        Freehand
      </Toggle>
      {drawing.tool && (
        <span className="drawing-ends">
          {drawing.tool === "polygon" && (
            <button type="button" disabled={drawing.corners.length < 3} onClick={drawing.finish}>
              Finish
            </button>
          )}
          <button type="button" onClick={drawing.stop}>
            Stop
          </button>
        </span>
      )}
      <button type="button" disabled={!reviews.undo} onClick={reviews.undo} aria-keyshortcuts="u" title="Key U">
        Undo
      </button>
      {reviews.restore && (
        <button type="button" onClick={reviews.restore} title="Shift U">
          Restore
        </button>
      )}
    </div>
  );
}
