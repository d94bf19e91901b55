import { useState } from "react";
import { deleteSlide } from "../api/endpoints";
import { asProblem, type Problem } from "../api/http";
import type { Slide } from "../api/types";
import { useMay } from "../shell/session";
import { Dialog } from "../ui/parts";

/** Deletes an uploaded slide, after a question: its file is gone then. */
export function DeleteUpload({ slide, onChange }: { slide: Slide; onChange: () => void }) {
  const may = useMay("reviewer");
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!may || !slide.uploaded) return null;
  const remove = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await deleteSlide(slide.id);
      setAsking(false);
      onChange();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return (
    <div className="actions">
      <button type="button" onClick={() => setAsking(true)}>
        Delete<span className="away"> {slide.name}</span>
      </button>
      {asking && (
        <Dialog title={`Delete ${slide.name}?`} onClose={() => setAsking(false)}>
          <p>The uploaded file is removed from the server, and a scan of it is cancelled. Reviews are kept.</p>
          <div className="actions">
            <button type="button" disabled={busy} onClick={remove}>
              Delete the slide
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Keep it
            </button>
          </div>
          {problem && (
            <p className="bad" role="alert">
              {problem.message}
            </p>
          )}
        </Dialog>
      )}
    </div>
  );
}
