import { useEffect, useRef, useState } from "react";
import { scanEvents } from "../api/endpoints";
import type { Scan } from "../api/types";

export const active = (scan: Scan | null) => scan !== null && (scan.status === "queued" || scan.status === "running");

/** The scan as it goes on, told by the server's events; `ended` is called once it is over. */
export function useProgress(scan: Scan | null, ended: () => void): Scan | null {
  const [latest, setLatest] = useState<Scan | null>(null);
  const done = useRef(ended);
  done.current = ended;
  const id = scan && active(scan) ? scan.id : null;
  useEffect(() => {
    setLatest(null);
    if (id === null) return;
    const events = new EventSource(scanEvents(id));
    const told = (event: MessageEvent<string>) => {
      const now = JSON.parse(event.data) as Scan;
      setLatest(now);
      if (active(now)) return;
      events.close();
      done.current();
    };
    events.addEventListener("progress", told);
    // The browser connects again by itself; should it give up, the list is asked.
    events.onerror = () => events.readyState === EventSource.CLOSED && done.current();
    return () => events.close();
  }, [id]);
  return latest?.id === scan?.id && latest ? latest : scan;
}
