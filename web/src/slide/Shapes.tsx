import type { Features, Lesion } from "../api/types";
import { pathOf } from "./geometry";
import { SvgLayer } from "./SvgLayer";
import type { Drawing } from "./useDrawing";
import type { ExplainedTile } from "./useExplainedTile";
import type { Findings } from "./useFindings";
import type { Reviews } from "./useReviews";
import type { Viewer } from "./viewer";

/** A line that shows on pale pink, dark purple and glass: light over a dark rim. */
function Outline({ d, kind }: { d: string; kind: string }) {
  return (
    <>
      <path className="rim" d={d} />
      <path className={`line line-${kind}`} d={d} />
    </>
  );
}

/** Lesions found and drawn, the tile that is explained, and the line being drawn. */
export function Shapes(props: {
  viewer: Viewer;
  findings: Findings;
  reviews: Reviews;
  drawing: Drawing;
  outlines: boolean;
  explained: ExplainedTile;
}) {
  const { findings, reviews, drawing, explained } = props;
  const kind = (lesion: Lesion) => reviews.verdictOf(lesion)?.verdict ?? "found";
  return (
    <SvgLayer viewer={props.viewer}>
      {explained.answer && (
        <image
          href={explained.answer.map}
          {...explained.answer.tile}
          preserveAspectRatio="none"
          opacity={explained.opacity}
        />
      )}
      {explained.answer && <rect className="explained-tile" {...explained.answer.tile} />}
      {props.outlines &&
        findings.lesions?.map((lesion) => <Outline key={lesion.id} d={pathOf(lesion.polygon)} kind={kind(lesion)} />)}
      {reviews.drawn.map((one) => one.polygon && <Outline key={one.id} d={pathOf(one.polygon)} kind="drawn" />)}
      {findings.selected && <Outline d={pathOf(findings.selected.polygon)} kind="selected" />}
      {drawing.corners.length > 0 && <Line drawing={drawing} />}
    </SvgLayer>
  );
}

function Line({ drawing }: { drawing: Drawing }) {
  const points = drawing.corners.map(({ x, y }) => `${x} ${y}`).join("L");
  return (
    <>
      <Outline d={`M${points}`} kind="drawn" />
      {drawing.tool === "polygon" &&
        // A line of no length with round ends is a dot of the same size at every zoom.
        drawing.corners.map(({ x, y }) => <path key={`${x} ${y}`} className="corner" d={`M${x} ${y}h0`} />)}
    </>
  );
}

/** Outlines that somebody drew: the truth that findings are held against. */
export function TruthShapes({ viewer, truth }: { viewer: Viewer; truth: Features }) {
  return (
    <SvgLayer viewer={viewer}>
      {truth.features.map((feature, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they never change
        <Outline key={index} d={pathOf(feature.geometry)} kind="truth" />
      ))}
    </SvgLayer>
  );
}
