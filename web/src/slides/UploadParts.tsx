import { useRef } from "react";
import { Failure, Progress } from "../ui/parts";
import type { Upload } from "./useUpload";

export function UploadButton({ upload }: { upload: Upload }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        className="away"
        tabIndex={-1}
        aria-label="Slide files"
        onChange={(event) => {
          upload.add([...(event.target.files ?? [])]);
          event.target.value = ""; // so that the same file can be chosen again
        }}
      />
      <button type="button" onClick={() => input.current?.click()}>
        Add slides
      </button>
    </>
  );
}

/** How far an upload is, how to stop it, and what was refused. */
export function UploadState({ upload }: { upload: Upload }) {
  const { current, left, refused } = upload;
  return (
    <>
      {current && (
        <div className="card upload">
          <Progress
            label={
              current.part < 1
                ? `Uploading ${current.name}${left > 0 ? `, ${left} more to come` : ""}`
                : `The server looks at ${current.name}`
            }
            part={current.part < 1 ? current.part : null}
          />
          <button type="button" onClick={upload.cancel}>
            Cancel
          </button>
        </div>
      )}
      {refused.map(({ name, problem }) => (
        <Failure key={name} problem={problem} about={name} />
      ))}
      {refused.length > 0 && (
        <button type="button" className="plain" onClick={upload.forget}>
          Clear these messages
        </button>
      )}
    </>
  );
}
