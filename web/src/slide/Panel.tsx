import { useState } from "react";
import type { Box, Geometry, Lesion, Scan, Slide } from "../api/types";
import { ScanState } from "../slides/ScanState";
import { ScanButtons } from "../slides/SlideCard";
import { className, classWords, probability } from "../ui/format";
import { ClassBadge, Failure, Slider } from "../ui/parts";
import { overlap } from "./geometry";
import { type Judged, SlideModelPart } from "./SlideModelPart";
import { TileCard } from "./TileCard";
import type { ExplainedTile } from "./useExplainedTile";
import type { Findings } from "./useFindings";
import type { Reviews } from "./useReviews";
import { Worklist } from "./Worklist";

/** Beside the slide: what the scan says, the threshold, the worklist, and the tile that was clicked. */
export function Panel(props: {
  slide: Slide;
  scan: Scan | null;
  /** What of the annotation file is not shown. */
  annotationNotes: string[];
  onChange: () => void;
  findings: Findings;
  judged: Judged;
  reviews: Reviews;
  explained: ExplainedTile;
  jump: (lesion: Lesion) => void;
  visit: (place: { polygon: Geometry }) => void;
  show: (box: Box) => void;
  target: string;
}) {
  const { slide, scan, findings, reviews, explained } = props;
  return (
    <aside className="panel" aria-label="Findings">
      {scan?.status === "finished" ? (
        <>
          <Summary scan={scan} />
          <SlideModelPart judged={props.judged} show={props.show} />
          <Reviewed findings={findings} reviews={reviews} jump={props.jump} visit={props.visit} />
          <Notes notes={findings.notes} />
          <Threshold findings={findings} reviews={reviews} />
          {findings.problem && <Failure problem={findings.problem} retry={findings.retry} />}
          {reviews.problem && <Failure problem={reviews.problem} retry={reviews.retry} />}
          <Worklist slide={slide} findings={findings} reviews={reviews} jump={props.jump} visit={props.visit} />
        </>
      ) : (
        <section className="panel-part">
          <h2>{scan ? "Scan" : "Not scanned yet"}</h2>
          {scan ? (
            <ScanState scan={scan} />
          ) : (
            <p className="quiet">A scan scores the tissue tile by tile; the heatmap and the lesions come from it.</p>
          )}
          <ScanButtons slide={slide} scan={scan} onChange={props.onChange} />
        </section>
      )}
      <Notes notes={props.annotationNotes.map((note) => `annotations: ${note}`)} />
      {explained.place ? (
        <TileCard explained={explained} target={props.target} />
      ) : (
        <p className="panel-part quiet hint">Click the slide to see why a tile is scored as it is.</p>
      )}
      <p className="away" role="status">
        {reviews.saved}
      </p>
    </aside>
  );
}

function Summary({ scan }: { scan: Scan }) {
  return (
    <section className="panel-part summary">
      <div>
        <span className="quiet">Score</span>
        <span className="number big">{scan.slide_score === null ? "–" : probability(scan.slide_score)}</span>
      </div>
      {scan.slide_class && <ClassBadge name={className(scan.slide_class)} words={classWords(scan.slide_class)} />}
    </section>
  );
}

const RESULTS = {
  "not reviewed": "Not reviewed yet",
  tumour: "Reviewed: tumour",
  "nothing accepted": "Reviewed: nothing accepted",
  disagreed: "Reviewers disagree",
} as const;

/** What reviewers say together, and the way to what they disagree on. */
function Reviewed(props: {
  findings: Findings;
  reviews: Reviews;
  jump: (lesion: Lesion) => void;
  visit: (place: { polygon: Geometry }) => void;
}) {
  const { findings, reviews } = props;
  const [next, setNext] = useState(0);
  const { consensus } = reviews;
  if (!consensus || consensus.result === "not reviewed") return null;
  const open = consensus.findings.filter((finding) => finding.outcome === "disagreed");
  const show = () => {
    const place = open[next % open.length];
    if (!place) return;
    setNext((next + 1) % open.length);
    const lesion = findings.listed?.find((one) => overlap(one.polygon, place.polygon));
    if (lesion) props.jump(lesion);
    else props.visit(place);
  };
  return (
    <div className={open.length ? "panel-part reviewed disagreed" : "panel-part reviewed"}>
      <span>
        {RESULTS[consensus.result]}
        {open.length > 0 && ` on ${open.length} ${open.length === 1 ? "place" : "places"}`}
      </span>
      {open.length > 0 && (
        <button type="button" onClick={show}>
          {open.length === 1 ? "Show it" : "Show next"}
        </button>
      )}
    </div>
  );
}

/** What to know of this result before it is believed. */
function Notes({ notes }: { notes: string[] }) {
  if (notes.length === 0) return null;
  return (
    <div className="panel-part">
      {notes.map((note) => (
        <p key={note} className="notice notice-doubt">
          <span>{note.charAt(0).toUpperCase() + note.slice(1)}.</span>
        </p>
      ))}
    </div>
  );
}

function Threshold({ findings, reviews }: { findings: Findings; reviews: Reviews }) {
  const { threshold, own, of, lesions, counting } = findings;
  const count = lesions?.length ?? 0;
  const judged = lesions?.filter((lesion) => reviews.verdicts.get(lesion.id)).length ?? 0;
  return (
    <section className="panel-part threshold">
      <Slider
        label={of === "probability" ? "Least probability" : "Threshold"}
        min={0.01}
        max={0.99}
        step={0.01}
        value={threshold}
        text={threshold.toFixed(2)}
        onChange={findings.setThreshold}
        hint="Keys [ and ]"
      />
      <p className="count" aria-live="polite" aria-busy={counting}>
        <span className="number big">{lesions ? count : "…"}</span> {count === 1 ? "lesion" : "lesions"}
        {judged > 0 && <span className="quiet">· {judged} reviewed</span>}
        {own !== null && Math.abs(own - threshold) > 0.001 && (
          <button type="button" className="plain" onClick={() => findings.setThreshold(null)}>
            Back to {own.toFixed(2)}
          </button>
        )}
      </p>
    </section>
  );
}
