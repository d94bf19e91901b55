import { useEffect, useMemo, useRef, useState } from "react";
import { getModel, type Wish } from "../api/endpoints";
import { link } from "../shell/routes";
import { probability } from "../ui/format";
import { useDrop, useKeys, useLoad } from "../ui/hooks";
import { Progress } from "../ui/parts";
import { FIRST_WISH } from "./Explained";
import { PatchDetail } from "./PatchDetail";
import { PatchTable } from "./PatchTable";
import { csvOf, type Order, ordered, type Row, saveAs } from "./results";
import { useSharedPredictions } from "./usePredictions";

const TYPES = ".png,.jpg,.jpeg,.tif,.tiff,.bmp,.webp,image/*";

export function PatchView() {
  const { rows, add, retry, clear, resize, setResize } = useSharedPredictions();
  const model = useLoad("model", getModel).value;
  const [order, setOrder] = useState<Order | null>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const [wish, setWish] = useState<Wish>(FIRST_WISH);
  const [opacity, setOpacity] = useState(0.5);
  const input = useRef<HTMLInputElement>(null);

  const positive = model?.positive ?? null;
  const shown = useMemo(() => ordered(rows, order, positive), [rows, order, positive]);
  const selected = shown.find((row) => row.key === chosen) ?? shown[0] ?? null;
  const move = (step: number) => {
    const index = (selected ? shown.indexOf(selected) : -1) + step;
    const row = shown[Math.max(0, Math.min(shown.length - 1, index))];
    if (row) setChosen(row.key);
  };
  useKeys({ ArrowDown: () => move(1), ArrowUp: () => move(-1) }, rows.length > 0);

  usePaste(add);

  const { over, handlers } = useDrop(add);
  const done = rows.filter((row) => row.state !== "waiting").length;
  const failed = rows.filter((row) => row.state === "failed" && row.problem?.passing);
  if (model?.slide_model) return <SlidesOnly name={model.slide_model.name} />;
  const csv = () => saveAs("predictions.csv", csvOf(shown, model?.classes ?? []), "text/csv");
  return (
    <div className={over ? "patch dropping" : "patch"} {...handlers}>
      <header className="view-head">
        <h1>Patch</h1>
        {rows.length > 0 && (
          <div className="actions">
            <button type="button" onClick={() => input.current?.click()}>
              Add images
            </button>
            {failed.length > 0 && (
              <button type="button" onClick={() => retry(failed)}>
                Try {failed.length} again
              </button>
            )}
            <button type="button" onClick={csv} disabled={done < rows.length}>
              Save CSV
            </button>
            <button type="button" className="plain" onClick={clear}>
              Clear
            </button>
          </div>
        )}
      </header>
      <input
        ref={input}
        type="file"
        multiple
        accept={TYPES}
        className="away"
        tabIndex={-1}
        aria-label="Images"
        onChange={(event) => {
          add([...(event.target.files ?? [])]);
          event.target.value = ""; // so that the same file can be chosen again
        }}
      />
      {model && !model.any_size && (
        <label className="check">
          <input type="checkbox" checked={resize} onChange={(event) => setResize(event.target.checked)} />
          Scale square images of another size to {model.tile_size} × {model.tile_size} px
        </label>
      )}
      {rows.length === 0 && (
        <div className="drop">
          <p className="drop-title">Drop images here, or paste them</p>
          <p className="quiet">
            PNG, JPEG, TIFF, BMP or WebP
            {model && (
              <>
                ; {model.name} looks at {model.tile_size} × {model.tile_size} px
                {model.mpp !== null && ` at ${model.mpp} µm/px`}
              </>
            )}
          </p>
          <button type="button" className="main" onClick={() => input.current?.click()}>
            Choose images
          </button>
          <p className="quiet">They are sent to this server only, and it keeps no copy unless its operator says so.</p>
        </div>
      )}
      {rows.length > 0 && done < rows.length && (
        <Progress label={`${done} of ${rows.length} images`} part={done / rows.length} />
      )}
      <p className="away" role="status">
        {selected && done === rows.length && said(rows.length, selected)}
      </p>
      {selected && (
        <div className="patch-body">
          <PatchTable
            rows={shown}
            order={order}
            onOrder={setOrder}
            selected={selected.key}
            onSelect={setChosen}
            positive={positive}
          />
          <PatchDetail
            key={selected.key}
            row={selected}
            positive={positive}
            onRetry={() => retry([selected])}
            wish={wish}
            onWish={setWish}
            opacity={opacity}
            onOpacity={setOpacity}
          />
        </div>
      )}
    </div>
  );
}

function SlidesOnly({ name }: { name: string }) {
  return (
    <>
      <header className="view-head">
        <h1>Patch</h1>
      </header>
      <p>
        This server's model {name} judges whole slides and no single images. Scan a slide, or ask the server's operator
        for a server of a model that judges tiles.
      </p>
      <a className="button" href={link("slides")}>
        All slides
      </a>
    </>
  );
}

/** For who doesn't see the table: that all is done, and what was found in the image that is shown. */
function said(count: number, { name, prediction, problem }: Row): string {
  const all = count === 1 ? "" : `${count} images done. `;
  if (!prediction) return `${all}${name}: ${problem?.title ?? "failed"}`;
  return `${all}${name}: ${prediction.prediction}, probability ${probability(prediction.confidence)}`;
}

/** Images pasted anywhere on the page; a picture cut out elsewhere has no name of its own. */
function usePaste(add: (files: File[]) => void): void {
  const latest = useRef(add);
  latest.current = add;
  useEffect(() => {
    let count = 0;
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const named = files.map((file) =>
        file.name === "image.png" ? new File([file], `pasted-${++count}.png`, { type: file.type }) : file,
      );
      if (named.length) latest.current(named);
    };
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, []);
}
