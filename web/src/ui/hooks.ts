import { type DragEvent, useCallback, useEffect, useRef, useState } from "react";
import { asProblem, type Problem } from "../api/http";

export type Loaded<T> = {
  value: T | null;
  problem: Problem | null;
  loading: boolean;
  /** Quietly: what is shown stays until the answer has come. */
  reload: () => void;
  /** After a failure, which goes at once, so that the wait shows. */
  retry: () => void;
};

/** Loads when `key` changes (null: not at all); what was there stays until the new answer has come. */
export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; value: T | null; problem: Problem | null }>({
    key: null,
    value: null,
    problem: null,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `turn` asks for the same key again
  useEffect(() => {
    if (key === null) return;
    const abort = new AbortController();
    latest.current(abort.signal).then(
      (value) => !abort.signal.aborted && setState({ key, value, problem: null }),
      (error: unknown) => !abort.signal.aborted && setState((was) => ({ ...was, key, problem: asProblem(error) })),
    );
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((count) => count + 1), []);
  const retry = useCallback(() => {
    setState((was) => ({ ...was, key: null, problem: null }));
    reload();
  }, [reload]);
  const current = key !== null;
  return {
    value: current ? state.value : null,
    problem: current && state.key === key ? state.problem : null,
    loading: current && state.key !== key,
    reload,
    retry,
  };
}

/** A place that takes files that are dropped onto it. */
export function useDrop(take: (files: File[]) => void) {
  const [over, setOver] = useState(false);
  const handlers = {
    onDragOver: (event: DragEvent) => {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => {
      // Passing from one part of the place to another leaves nothing.
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
    },
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      const files = [...event.dataTransfer.files];
      if (files.length) take(files);
    },
  };
  return { over, handlers };
}

/** `value` once it has rested for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type)));

/** Keys that a control uses itself while it has the focus. */
function taken(target: EventTarget | null, key: string): boolean {
  if (typing(target)) return key !== "Escape";
  if (target instanceof HTMLInputElement && target.type === "range") return key.startsWith("Arrow");
  return target instanceof HTMLElement && target.closest("button, a, summary") !== null && [" ", "Enter"].includes(key);
}

/** A letter whatever Caps Lock says, "Shift+u" with Shift; other keys as the browser names them. */
function nameOf({ key, shiftKey }: KeyboardEvent): string {
  const letter = key.toLowerCase();
  return /^[a-z]$/.test(letter) ? (shiftKey ? `Shift+${letter}` : letter) : key;
}

/** Runs `actions[key]`, unless a field is being typed in, a dialog is open, or Control, Alt or Meta is held. */
export function useKeys(actions: Record<string, (() => void) | undefined>, active = true): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    if (!active) return;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (taken(event.target, event.key) || document.querySelector("dialog[open]")) return;
      const action = latest.current[nameOf(event)];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [active]);
}
