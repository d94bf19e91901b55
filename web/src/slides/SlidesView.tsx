import { useEffect, useRef, useState } from "react";
import { getSlides, uploadSlide } from "../api/endpoints";
import { asProblem, type Problem } from "../api/http";
import type { Slide } from "../api/types";
import { useMay } from "../shell/session";
import { useLoad } from "../ui/hooks";
import { Failure, Progress } from "../ui/parts";
import { SlideCard } from "./SlideCard";
import { active } from "./useScans";

type SlideOrder = "name" | "score" | "state";
const STATES = ["running", "queued", "failed", "cancelled", "none", "finished"];
/** While scans wait, their turn is looked for this often; a running one tells by itself. */
const LOOK_MS = 4000;

export function SlidesView() {
  const { value: slides, problem, reload } = useLoad("slides", getSlides);
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
    <div className="slides">
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
                <option value="score">Score, highest first</option>
                <option value="state">State</option>
              </select>
            </label>
            <Upload onDone={reload} />
          </div>
        )}
      </header>
      {problem && <Failure problem={problem} retry={reload} />}
      {!slides && !problem && <Progress label="Loading the slides" />}
      {slides?.length === 0 && (
        <div className="drop">
          <p className="drop-title">No slide yet</p>
          <p className="quiet">
            Start the server with <code>--slides FOLDER</code>, or add a file.
          </p>
          <Upload onDone={reload} />
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
  const state = (slide: Slide) => STATES.indexOf(slide.scan?.status ?? "none");
  return found.toSorted((one, other) => {
    const byName = one.name.localeCompare(other.name, "en", { numeric: true });
    if (order === "score") return (other.scan?.slide_score ?? -1) - (one.scan?.slide_score ?? -1) || byName;
    return order === "state" ? state(one) - state(other) || byName : byName;
  });
}

function Upload({ onDone }: { onDone: () => void }) {
  const may = useMay("reviewer");
  const input = useRef<HTMLInputElement>(null);
  const [part, setPart] = useState<number | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!may) return null;
  const send = async (file: File) => {
    setProblem(null);
    setPart(0);
    try {
      await uploadSlide(file, setPart);
      onDone();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setPart(null);
  };
  return (
    <>
      <input
        ref={input}
        type="file"
        className="away"
        tabIndex={-1}
        aria-label="Slide file"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) void send(file);
          event.target.value = "";
        }}
      />
      <button type="button" disabled={part !== null} onClick={() => input.current?.click()}>
        Add a slide
      </button>
      {part !== null && (
        <Progress label={part < 1 ? "Uploading" : "The server looks at it"} part={part < 1 ? part : null} />
      )}
      {problem && <Failure problem={problem} />}
    </>
  );
}
