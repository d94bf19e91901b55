import { useCallback, useRef, useState } from "react";
import { uploadSlide } from "../api/endpoints";
import { asProblem, type Problem } from "../api/http";

export type Refused = { name: string; problem: Problem };

/** Slides on their way to the server, one after the other; `onDone` is called after each that arrived. */
export function useUpload(onDone: () => void) {
  const [current, setCurrent] = useState<{ name: string; part: number } | null>(null);
  const [left, setLeft] = useState(0);
  const [refused, setRefused] = useState<Refused[]>([]);
  const abort = useRef<AbortController | null>(null);
  const queue = useRef<File[]>([]);

  const run = useCallback(async () => {
    abort.current = new AbortController();
    const { signal } = abort.current;
    for (let file = queue.current.shift(); file && !signal.aborted; file = queue.current.shift()) {
      const { name } = file;
      setCurrent({ name, part: 0 });
      setLeft(queue.current.length);
      try {
        await uploadSlide(file, (part) => setCurrent({ name, part }), signal);
        onDone();
      } catch (error) {
        if (!signal.aborted) setRefused((all) => [...all, { name, problem: asProblem(error) }]);
      }
    }
    abort.current = null;
    setCurrent(null);
  }, [onDone]);

  return {
    current,
    /** How many wait behind it. */
    left,
    refused,
    add: (files: File[]) => {
      setRefused([]);
      queue.current.push(...files);
      setLeft(queue.current.length);
      if (!abort.current) void run();
    },
    cancel: () => {
      queue.current = [];
      abort.current?.abort();
    },
    forget: () => setRefused([]),
  };
}

export type Upload = ReturnType<typeof useUpload>;
