import type { Lesion } from "../api/types";
import { useKeys } from "../ui/hooks";
import type { Layers } from "./layers";
import type { Drawing, Tool } from "./useDrawing";
import type { ExplainedTile } from "./useExplainedTile";
import type { Findings } from "./useFindings";
import type { Reviews } from "./useReviews";
import { middleOf, panBy, type Viewer, zoomBy, zoomHome } from "./viewer";

const ZOOM = 1.5;
const STEP = 0.15;
const THRESHOLD_STEP = 0.01;

export function useSlideKeys(context: {
  viewer: Viewer | null;
  findings: Findings;
  reviews: Reviews;
  explained: ExplainedTile;
  drawing: Drawing;
  layers: Layers;
  change: (part: Partial<Layers>) => void;
  jump: (lesion: Lesion) => void;
  scanned: boolean;
  /** Whether a slide model judged the slide. */
  attentive: boolean;
}): void {
  const { viewer, findings, reviews, explained, drawing, layers, change, jump, scanned, attentive } = context;
  const step = (by: number) => {
    const lesions = findings.listed ?? [];
    const at = lesions.findIndex((lesion) => lesion.id === findings.selected?.id);
    const next = lesions[at < 0 ? 0 : Math.max(0, Math.min(lesions.length - 1, at + by))];
    if (next) jump(next);
  };
  const shift = (by: number) => {
    const next = Math.max(0.01, Math.min(0.99, findings.threshold + by));
    findings.setThreshold(Math.round(next * 100) / 100);
  };
  const judge = (verdict: "accept" | "reject") => {
    if (findings.selected) void reviews.judge(findings.selected, verdict);
  };
  const draw = (tool: Tool) => drawing.start(drawing.tool === tool ? null : tool);
  const view = viewer && {
    w: () => panBy(viewer, 0, -STEP),
    s: () => panBy(viewer, 0, STEP),
    a: () => panBy(viewer, -STEP, 0),
    d: () => panBy(viewer, STEP, 0),
    "+": () => zoomBy(viewer, ZOOM),
    "=": () => zoomBy(viewer, ZOOM),
    "-": () => zoomBy(viewer, 1 / ZOOM),
    0: () => zoomHome(viewer),
    x: () => explained.explain(middleOf(viewer)),
  };
  const scan = scanned && {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    "[": () => shift(-THRESHOLD_STEP),
    "]": () => shift(THRESHOLD_STEP),
    h: () => change({ heatmap: !layers.heatmap, attention: false }),
    ...(attentive && { i: () => change({ attention: !layers.attention, heatmap: false }) }),
    o: () => change({ outlines: !layers.outlines }),
  };
  const review = reviews.may && {
    y: () => judge("accept"),
    r: () => judge("reject"),
    e: () => document.querySelector<HTMLTextAreaElement>("#comment")?.focus(),
    p: () => draw("polygon"),
    f: () => draw("freehand"),
    u: reviews.undo,
    "Shift+u": reviews.restore,
  };
  useKeys({
    ...view,
    ...scan,
    ...review,
    m: () => change({ tissue: !layers.tissue }),
    n: () => change({ truth: !layers.truth }),
    c: () => change({ compare: !layers.compare }),
    l: () => draw("ruler"),
    ...(!drawing.tool && explained.place && { Escape: explained.close }),
  });
}
