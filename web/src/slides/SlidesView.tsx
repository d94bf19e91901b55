import { useEffect, useState } from "react";
import { getSlides } from "../api/endpoints";
import type { Slide } from "../api/types";
import { useMay } from "../shell/session";
import { useDrop, useLoad } from "../ui/hooks";
import { Failure, Progress } from "../ui/parts";
import { SlideCard } from "./SlideCard";
import { UploadButton, UploadState } from "./UploadParts";
import { active } from "./useScans";
import { useUpload } from "./useUpload";

type SlideOrder = "name" | "score" | "state";
const STATES = ["running", "queued", "failed", "cancelled", "none", "finished"];
/** While scans wait, their turn is looked for this often; a running one tells by itself. */
const LOOK_MS = 4000;

export function SlidesView() {
  const { value: slides, problem, reload, retry } = useLoad("slides", getSlides);
  const may = useMay("reviewer");
  const upload = useUpload(reload);
  const { over, handlers } = useDrop(upload.add);
  const [words, setWords] = useState("");
  const [order, setOrder] = useState<SlideOrder>("name");
  const waiting = slides?.some((slide) => active(slide.scan)) ?? false;
  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(reload, LOOK_MS);
    return () => clearInterval(timer);
  }, [waiting, reload]);

  const shown = arranged(slides ?? [], words, order);
  return (
    <div className={over && may ? "slides dropping" : "slides"} {...(may ? handlers : {})}>
      <header className="view-head">
        <h1>Slides</h1>
        {slides && slides.length > 0 && (
          <div className="actions">
            <input
              type="search"
              aria-label="Find a slide by its name"
              placeholder="Find by name"
              value={words}
              onChange={(event) => setWords(event.target.value)}
            />
            <label className="field">
              Order
              <select value={order} onChange={(event) => setOrder(event.target.value as SlideOrder)}>
                <option value="name">Name</option>
                <option value="score">Most suspicious first</option>
                <option value="state">State</option>
              </select>
            </label>
            {may && <UploadButton upload={upload} />}
          </div>
        )}
      </header>
      <UploadState upload={upload} />
      {problem && <Failure problem={problem} retry={retry} />}
      {!slides && !problem && <Progress label="Loading the slides" />}
      {slides?.length === 0 && (
        <div className="drop">
          <p className="drop-title">No slide yet</p>
          <p className="quiet">
            Start the server with <code>--slides FOLDER</code>
            {may ? ", or drop slides here." : "."}
          </p>
          {may && <UploadButton upload={upload} />}
        </div>
      )}
      {slides && slides.length > 0 && shown.length === 0 && (
        <p className="quiet">No slide has “{words}” in its name.</p>
      )}
      <ul className="gallery">
        {shown.map((slide) => (
          <SlideCard key={slide.id} slide={slide} onChange={reload} />
        ))}
      </ul>
    </div>
  );
}

function arranged(slides: Slide[], words: string, order: SlideOrder): Slide[] {
  const found = slides.filter((slide) => slide.name.toLowerCase().includes(words.trim().toLowerCase()));
  const called = (slide: Slide) => Number((slide.scan?.lesions ?? 0) > 0);
  const state = (slide: Slide) => STATES.indexOf(slide.scan?.status ?? "none");
  return found.toSorted((one, other) => {
    const byName = one.name.localeCompare(other.name, "en", { numeric: true });
    if (order === "score") {
      // A slide with a lesion first, whatever a single tile of another one has.
      const byScore = (other.scan?.slide_score ?? -1) - (one.scan?.slide_score ?? -1);
      return called(other) - called(one) || byScore || byName;
    }
    return order === "state" ? state(one) - state(other) || byName : byName;
  });
}
