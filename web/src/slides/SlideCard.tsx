import { useState } from "react";
import { cancelScan, startScan, thumbnail } from "../api/endpoints";
import { asProblem, type Problem, problemFrom } from "../api/http";
import type { Scan, Slide } from "../api/types";
import { link } from "../shell/routes";
import { useMay } from "../shell/session";
import { className, classWords, probability, whole } from "../ui/format";
import { ClassBadge } from "../ui/parts";
import { DeleteUpload } from "./DeleteUpload";
import { ScanState } from "./ScanState";
import { active, useProgress } from "./useScans";

export function SlideCard({ slide, onChange }: { slide: Slide; onChange: () => void }) {
  const scan = useProgress(slide.scan, onChange);
  const readable = slide.status === "ready";
  return (
    <li className="slide-card">
      <div className="slide-thumb">
        {readable ? (
          <a href={link("slides", slide.id)} tabIndex={-1}>
            <img src={thumbnail(slide.id, 512)} alt={`Slide ${slide.name}`} loading="lazy" />
          </a>
        ) : (
          <span className="quiet">Can't be read</span>
        )}
      </div>
      <div className="slide-text">
        <h2>
          {readable ? <a href={link("slides", slide.id)}>{slide.name}</a> : slide.name}
          {scan?.status === "finished" && scan.slide_class && (
            <ClassBadge name={className(scan.slide_class)} words={classWords(scan.slide_class)} />
          )}
        </h2>
        {readable ? <Facts slide={slide} /> : <p className="bad">{problemFrom(slide.problem ?? "").detail}</p>}
        {scan?.status === "finished" && <Outcome scan={scan} />}
        {scan && <ScanState scan={scan} />}
        {readable && <ScanButtons slide={slide} scan={scan} onChange={onChange} />}
        <DeleteUpload slide={slide} onChange={onChange} />
      </div>
    </li>
  );
}

function Facts({ slide }: { slide: Slide }) {
  return (
    <p className="quiet">
      {whole(slide.width)} × {whole(slide.height)} px
      {slide.mpp && ` · ${Number(slide.mpp.x.toFixed(3))} µm/px`}
      {slide.has_annotations && " · annotated"}
    </p>
  );
}

function Outcome({ scan }: { scan: Scan }) {
  const lesions = scan.lesions ?? 0;
  const model = scan.slide_model;
  return (
    <p>
      {model && (
        <>
          <strong>{model.positive ? "Positive" : "Negative"}</strong> by {model.name},{" "}
          <span className="number strong">{probability(model.score)}</span> ·{" "}
        </>
      )}
      {!model && scan.slide_score !== null && (
        <>
          Score <span className="number strong">{probability(scan.slide_score)}</span> ·{" "}
        </>
      )}
      {lesions === 1 ? "1 lesion" : `${whole(lesions)} lesions`}
      {scan.slide_class === "not assessed" && <span className="bad"> · {scan.problem}</span>}
    </p>
  );
}

export function ScanButtons({ slide, scan, onChange }: { slide: Slide; scan: Scan | null; onChange: () => void }) {
  const may = useMay("reviewer");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!may || scan?.status === "finished") return null;
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      onChange();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return (
    <div className="actions">
      {scan && active(scan) ? (
        <button type="button" disabled={busy} onClick={() => run(() => cancelScan(scan.id))}>
          Cancel<span className="away"> the scan of {slide.name}</span>
        </button>
      ) : (
        <button type="button" disabled={busy} onClick={() => run(() => startScan(slide.id))}>
          {scan ? "Scan again" : "Scan"}
          <span className="away"> {slide.name}</span>
        </button>
      )}
      {problem && (
        <p className="bad" role="alert">
          {problem.message}
        </p>
      )}
    </div>
  );
}
