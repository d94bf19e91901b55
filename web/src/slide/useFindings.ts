import { useCallback, useMemo, useState } from "react";
import { getGrid, getLesions } from "../api/endpoints";
import type { Lesion, Scan } from "../api/types";
import { useLoad, useSettled } from "../ui/hooks";
import { contains } from "./geometry";
import { Grid } from "./grid";

const SETTLE_MS = 60;
const NONE: Lesion[] = [];

/** A finished scan's lesions at any threshold, and which of them is looked at. */
export function useFindings(scan: Scan | null) {
  const id = scan?.status === "finished" ? scan.id : null;
  const [chosen, setChosen] = useState<number | null>(null);
  const threshold = chosen ?? scan?.threshold ?? 0.5;
  const asked = useSettled(chosen, SETTLE_MS);
  const found = useLoad(id && `lesions ${id} ${asked}`, (signal) => getLesions(id ?? "", asked, signal));
  const gridAnswer = useLoad(id && `grid ${id}`, (signal) => getGrid(id ?? "", signal));
  const grid = useMemo(() => gridAnswer.value && new Grid(gridAnswer.value), [gridAnswer.value]);

  // An id is of one outline, which changes with the threshold: then the same lesion is known by its place.
  const [looked, setLooked] = useState<Lesion | null>(null);
  const lesions = found.value?.lesions ?? null;
  const suspicious = found.value?.suspicious ?? NONE;
  const listed = useMemo(() => lesions && [...lesions, ...suspicious], [lesions, suspicious]);
  const selected = useMemo(() => (looked && listed ? sameOf(looked, listed) : null), [looked, listed]);
  const select = useCallback((lesion: Lesion | null) => setLooked(lesion), []);
  return {
    threshold,
    setThreshold: setChosen,
    own: scan?.threshold ?? null,
    /** What the threshold is of. */
    of: found.value?.of ?? "score",
    lesions,
    /** Below the threshold, by a learned rule. */
    suspicious,
    /** Both, as the worklist has them. */
    listed,
    notes: found.value?.notes ?? [],
    counting: found.loading || chosen !== asked,
    problem: found.problem ?? gridAnswer.problem,
    retry: () => {
      found.retry();
      gridAnswer.retry();
    },
    grid,
    selected,
    select,
  };
}

export type Findings = ReturnType<typeof useFindings>;

function sameOf(looked: Lesion, lesions: Lesion[]): Lesion | null {
  return (
    lesions.find((one) => one.id === looked.id) ??
    lesions.find((one) => contains(one.polygon, looked.centroid) || contains(looked.polygon, one.centroid)) ??
    null
  );
}
