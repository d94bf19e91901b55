import { useCallback, useState } from "react";
import {
  attentionPyramid,
  getAnnotations,
  getModel,
  getSlide,
  getSlideModel,
  heatmapPyramid,
  tissueMask,
} from "../api/endpoints";
import { Problem, problemFrom } from "../api/http";
import type { Geometry, Slide } from "../api/types";
import { link } from "../shell/routes";
import { useProgress } from "../slides/useScans";
import { useLoad } from "../ui/hooks";
import { Failure, Progress } from "../ui/parts";
import { ComparePane } from "./ComparePane";
import { boundsOf } from "./geometry";
import { LayersBar } from "./LayersBar";
import type { LegendFacts } from "./Legend";
import { type Layers, useLayer } from "./layers";
import { Panel } from "./Panel";
import { Readout } from "./Readout";
import { Shapes, Sketch, TruthShapes } from "./Shapes";
import { useDrawing } from "./useDrawing";
import { useExplainedTile } from "./useExplainedTile";
import { useFindings } from "./useFindings";
import { useReviews } from "./useReviews";
import { useSlideKeys } from "./useSlideKeys";
import { showBox, useViewer } from "./viewer";

export function SlideView({ id }: { id: string }) {
  const { value: slide, problem, reload, retry } = useLoad(`slide ${id}`, (signal) => getSlide(id, signal));
  const unreadable = slide?.status === "unreadable" ? problemFrom(slide.problem ?? "") : null;
  const failed = unreadable ?? (slide ? null : problem);
  if (slide && !failed) return <Workplace slide={slide} onChange={reload} />;
  return (
    <>
      <h1 className="away">Slide</h1>
      {failed ? <Elsewhere problem={failed} retry={retry} /> : <Progress label="Opening the slide" />}
    </>
  );
}

/** Of a slide that can't be shown: the way back to those that can. */
function Elsewhere({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const way = (
    <a className="button" href={link("slides")}>
      All slides
    </a>
  );
  return <Failure problem={problem} way={way} {...(retry ? { retry } : {})} />;
}

const FIRST: Layers = {
  heatmap: true,
  attention: false,
  opacity: 0.5,
  outlines: true,
  tissue: false,
  truth: false,
  compare: false,
};
/** A lesion is shown with at least this much around it; µm. */
const LEAST_UM = 600;

function Workplace({ slide, onChange }: { slide: Slide; onChange: () => void }) {
  const scan = useProgress(slide.scan, onChange);
  const finished = scan?.status === "finished" ? scan : null;
  const model = useLoad("model", getModel).value;
  const { ref, viewer, problem, missing } = useViewer(slide, true);
  const [layers, setLayers] = useState<Layers>(FIRST);
  const [failed, setFailed] = useState<string[]>([]);
  const change = useCallback((part: Partial<Layers>) => setLayers((was) => ({ ...was, ...part })), []);

  const findings = useFindings(finished);
  const judged = useLoad(finished && `slide model ${finished.id}`, (signal) =>
    getSlideModel(finished?.id ?? "", signal),
  );
  const reviews = useReviews(finished?.id ?? null, findings.listed);
  const explained = useExplainedTile(slide.id, viewer, findings);
  const drawing = useDrawing(viewer, reviews.draw);
  const truth = useLoad(slide.has_annotations ? `truth ${slide.id}` : null, (signal) =>
    getAnnotations(slide.id, signal),
  );

  const jump = useCallback(
    (lesion: NonNullable<typeof findings.selected>) => {
      findings.select(lesion);
      if (viewer) showBox(viewer, lesion.bounds, LEAST_UM / (slide.mpp?.x ?? 1));
    },
    [viewer, findings.select, slide.mpp],
  );
  const visit = (place: { polygon: Geometry }) => {
    findings.select(null);
    if (viewer) showBox(viewer, boundsOf(place.polygon), LEAST_UM / (slide.mpp?.x ?? 1));
  };
  const failure = (what: string) => setFailed((was) => (was.includes(what) ? was : [...was, what]));
  useLayer(
    viewer,
    finished && { url: heatmapPyramid(finished.id), kind: "pyramid" },
    layers.heatmap && finished ? layers.opacity : null,
    () => failure("heatmap"),
  );
  useLayer(
    viewer,
    finished && judged.value ? { url: attentionPyramid(finished.id), kind: "pyramid" } : null,
    layers.attention && judged.value ? layers.opacity : null,
    () => failure("attention"),
  );
  useLayer(viewer, { url: tissueMask(slide.id), kind: "image" }, layers.tissue ? 0.5 : null, () =>
    failure("tissue mask"),
  );
  const scanned = finished !== null;
  const attentive = Boolean(judged.value);
  useSlideKeys({ viewer, findings, reviews, explained, drawing, layers, change, jump, scanned, attentive });

  const target = model?.positive ?? "tumour";
  return (
    <div className="work">
      <h1 className="away">{slide.name}</h1>
      <LayersBar
        slide={slide}
        scan={finished}
        layers={layers}
        change={change}
        judged={attentive}
        drawing={drawing}
        reviews={reviews}
      />
      <section className={layers.compare ? "stage stage-two" : "stage"} aria-label="Slide">
        <div className="pane">
          <div
            ref={ref}
            className={drawing.tool ? "deep drawing" : "deep"}
            role="application"
            aria-label={`${slide.name}, deep zoom. W A S D moves, plus and minus zoom.`}
          />
          {viewer && (
            <>
              <Shapes
                viewer={viewer}
                findings={findings}
                reviews={reviews}
                outlines={layers.outlines}
                explained={explained}
              />
              {layers.truth && !layers.compare && truth.value && <TruthShapes viewer={viewer} truth={truth.value} />}
              {drawing.tool && <Sketch viewer={viewer} drawing={drawing} />}
              <Readout
                viewer={viewer}
                slide={slide}
                grid={findings.grid}
                target={target}
                legend={legendOf(layers, finished !== null, attentive, findings.threshold)}
              />
              {(drawing.tool === "polygon" || drawing.tool === "ruler") && (
                <span className="cross" aria-hidden="true" />
              )}
            </>
          )}
          {layers.compare && <span className="pane-title">Found</span>}
          {!viewer && !problem && (
            <div className="over">
              <Progress label="Opening the slide" />
            </div>
          )}
          <Troubles problem={problem} missing={missing} failed={failed} truth={truth.problem} />
        </div>
        {layers.compare && viewer && <ComparePane slide={slide} other={viewer} truth={truth.value} />}
      </section>
      <Panel
        slide={slide}
        scan={scan}
        annotationNotes={truth.value?.notes ?? []}
        onChange={onChange}
        findings={findings}
        judged={judged}
        reviews={reviews}
        explained={explained}
        jump={jump}
        visit={visit}
        show={(box) => viewer && showBox(viewer, box, LEAST_UM / (slide.mpp?.x ?? 1))}
        target={target}
      />
    </div>
  );
}

/** Of the layer whose colours lie over the slide. */
function legendOf(layers: Layers, scanned: boolean, attentive: boolean, threshold: number): LegendFacts | null {
  if (scanned && layers.heatmap) return { of: "score", opacity: layers.opacity, threshold };
  return attentive && layers.attention ? { of: "attention", opacity: layers.opacity } : null;
}

/** What couldn't be loaded, over the slide. */
function Troubles(props: { problem: Problem | null; missing: number; failed: string[]; truth: Problem | null }) {
  const { problem, missing, failed, truth } = props;
  const [seen, setSeen] = useState(0);
  const parts = [...failed, ...(truth ? ["annotations"] : [])];
  const words = [
    ...(missing > seen ? [`${missing} tiles of the slide couldn't be loaded; they are left white.`] : []),
    ...(parts.length ? [`The ${parts.join(" and the ")} couldn't be loaded; reload the page to try again.`] : []),
  ];
  if (problem) {
    return (
      <div className="over">
        <Elsewhere problem={problem} />
      </div>
    );
  }
  if (words.length === 0) return null;
  return (
    <div className="over-edge">
      <Failure problem={new Problem("Not all is shown", words.join(" "), 0)} />
      {missing > seen && parts.length === 0 && (
        <button type="button" onClick={() => setSeen(missing)}>
          Go on
        </button>
      )}
    </div>
  );
}
