import { useMemo } from "react";
import type { Features, Lesion } from "../api/types";
import { pathOf } from "./geometry";
import { SvgLayer } from "./SvgLayer";
import { useCursor } from "./useCursor";
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

/** Lesions found and drawn, and the tile that is explained. */
export function Shapes(props: {
  viewer: Viewer;
  findings: Findings;
  reviews: Reviews;
  outlines: boolean;
  explained: ExplainedTile;
}) {
  const { explained } = props;
  const { lesions, suspicious, selected } = props.findings;
  const { verdicts, drawn, onDrawn } = props.reviews;
  const paths = useMemo(() => pathsOf(lesions ?? [], suspicious, verdicts), [lesions, suspicious, verdicts]);
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
      {props.outlines && paths.map(([kind, d]) => <Outline key={kind} d={d} kind={kind} />)}
      {drawn.map((one) => (
        <Outline key={one.id} d={pathOf(one.polygon)} kind={drawnKind(onDrawn.get(one.id)?.outcome)} />
      ))}
      {selected && <Outline d={pathOf(selected.polygon)} kind="selected" />}
    </SvgLayer>
  );
}

const drawnKind = (outcome: string | undefined) =>
  outcome === "reject" || outcome === "disagreed" ? outcome : "drawn";

/** All lesions of a kind as one path: a slide may have a thousand. */
function pathsOf(lesions: Lesion[], suspicious: Lesion[], verdicts: Reviews["verdicts"]): [string, string][] {
  const byKind = new Map<string, string>();
  for (const [place, lesion] of [...lesions, ...suspicious].entries()) {
    const kind = verdicts.get(lesion.id)?.outcome ?? (place < lesions.length ? "found" : "suspicious");
    byKind.set(kind, (byKind.get(kind) ?? "") + pathOf(lesion.polygon));
  }
  return [...byKind];
}

/** The line that is being drawn or measured, up to where the pointer is; nobody has kept it yet. */
export function Sketch({ viewer, drawing }: { viewer: Viewer; drawing: Drawing }) {
  const { tool, corners } = drawing;
  const cursor = useCursor(viewer);
  const open = tool === "polygon" || (tool === "ruler" && corners.length === 1);
  const places = open && cursor ? [...corners, cursor] : corners;
  if (corners.length === 0) return null;
  return (
    <SvgLayer viewer={viewer}>
      {tool !== "ruler" && <path className="enclosed" d={`M${places.map(({ x, y }) => `${x} ${y}`).join("L")}Z`} />}
      <Outline d={`M${places.map(({ x, y }) => `${x} ${y}`).join("L")}`} kind={tool === "ruler" ? "ruler" : "sketch"} />
      {tool !== "freehand" &&
        // A line of no length with round ends is a dot of the same size at every zoom.
        corners.map(({ x, y }) => <path key={`${x} ${y}`} className="corner" d={`M${x} ${y}h0`} />)}
    </SvgLayer>
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
