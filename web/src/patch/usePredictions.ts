import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import { predict } from "../api/endpoints";
import { asProblem, type Problem, problemFrom } from "../api/http";
import type { Row } from "./results";

const AT_ONCE = 16;
/** Bytes of one request: well under what a server takes. */
const BYTES_AT_ONCE = 12 * 1024 * 1024;

/** Images and their answers; what waits is sent in small lots, so the table fills as one looks. */
export function usePredictions() {
  const [resize, setResize] = useState(false);
  const [rows, setRows] = useState<Row[]>([]);
  const next = useRef(0);
  const abort = useRef<AbortController | null>(null);

  const settle = useCallback((answers: Map<number, Partial<Row>>) => {
    setRows((all) => all.map((row) => ({ ...row, ...answers.get(row.key) })));
  }, []);

  const run = useCallback(
    async (waiting: Row[], scale: boolean) => {
      abort.current ??= new AbortController();
      const { signal } = abort.current;
      for (const lot of lots(waiting)) {
        if (signal.aborted) return;
        settle(await answersFor(lot, scale, signal));
      }
    },
    [settle],
  );

  const add = useCallback(
    (files: File[]) => {
      const fresh = files.map((file): Row => {
        const url = URL.createObjectURL(file);
        const key = next.current++;
        return { key, name: file.name, file, url, state: "waiting", prediction: null, problem: null };
      });
      setRows((all) => [...all, ...fresh]);
      void run(fresh, resize);
    },
    [run, resize],
  );

  const again = useCallback(
    (failed: Row[], scale: boolean) => {
      settle(new Map(failed.map((row) => [row.key, { state: "waiting", problem: null }])));
      void run(failed, scale);
    },
    [run, settle],
  );

  const latest = useRef(rows);
  latest.current = rows;
  const forget = useCallback(() => {
    abort.current?.abort();
    abort.current = null;
    for (const row of latest.current) URL.revokeObjectURL(row.url);
  }, []);
  const clear = useCallback(() => {
    forget();
    setRows([]);
  }, [forget]);
  useEffect(() => forget, [forget]);
  return {
    rows,
    add,
    clear,
    retry: (failed: Row[]) => again(failed, resize),
    /** Whether square images of another size are scaled to the model's tile. */
    resize,
    setResize: (wanted: boolean) => {
      setResize(wanted);
      again(
        rows.filter((row) => row.state === "failed"),
        wanted,
      );
    },
  };
}

type Predictions = ReturnType<typeof usePredictions>;

/** Stands above the views, so that what was classified stays while one looks at another. */
export const PredictionsContext = createContext<Predictions | null>(null);

export function useSharedPredictions(): Predictions {
  const shared = useContext(PredictionsContext);
  if (!shared) throw new Error("there is no PredictionsContext above this view; put it into App's Views");
  return shared;
}

function* lots(rows: Row[]): Generator<Row[]> {
  let lot: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (lot.length && (lot.length === AT_ONCE || bytes + row.file.size > BYTES_AT_ONCE)) {
      yield lot;
      lot = [];
      bytes = 0;
    }
    lot.push(row);
    bytes += row.file.size;
  }
  if (lot.length) yield lot;
}

async function answersFor(lot: Row[], resize: boolean, signal: AbortSignal): Promise<Map<number, Partial<Row>>> {
  try {
    const files = lot.map((row) => new File([row.file], row.name));
    const { predictions } = await predict(files, resize, signal);
    return new Map(lot.map((row, index) => [row.key, answered(predictions[index])]));
  } catch (error) {
    return failed(lot, asProblem(error));
  }
}

const failed = (lot: Row[], problem: Problem) =>
  new Map<number, Partial<Row>>(lot.map((row) => [row.key, { state: "failed", problem }]));

function answered(answer: Awaited<ReturnType<typeof predict>>["predictions"][number] | undefined): Partial<Row> {
  if (!answer) return { state: "failed", problem: problemFrom("The server left this image out; try it again.") };
  if ("problem" in answer) return { state: "failed", problem: problemFrom(answer.problem) };
  return { state: "done", prediction: answer };
}
