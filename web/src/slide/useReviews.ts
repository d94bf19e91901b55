import { useCallback, useContext, useMemo, useState } from "react";
import { addReview, getReviews, restoreReview, undoReview } from "../api/endpoints";
import { asProblem, type Problem } from "../api/http";
import type { Geometry, Lesion, NewReview, Review } from "../api/types";
import { SessionContext, useMay } from "../shell/session";
import { useLoad } from "../ui/hooks";
import { overlap } from "./geometry";

/** What reviewers said of a scan, and a way to say more; every step is saved at once. */
export function useReviews(scanId: string | null) {
  const session = useContext(SessionContext);
  const may = useMay("reviewer") && scanId !== null;
  const all = useLoad(scanId && `reviews ${scanId}`, (signal) => getReviews(scanId ?? "", signal));
  const [problem, setProblem] = useState<Problem | null>(null);
  const [saved, setSaved] = useState("");
  const [undone, setUndone] = useState<Review["id"][]>([]);
  const { reload } = all;
  const reviews = useMemo(() => (all.value ?? []).filter((review) => !review.undone), [all.value]);

  const save = useCallback(
    async (work: () => Promise<unknown>, said: string) => {
      setProblem(null);
      try {
        await work();
        setSaved(said);
        reload();
        return true;
      } catch (error) {
        setProblem(asProblem(error));
        return false;
      }
    },
    [reload],
  );
  const add = (review: NewReview, said: string) => {
    if (!scanId) return;
    setUndone([]);
    return save(() => addReview(scanId, review), said);
  };
  const mine = reviews.filter((one) => !session.required || session.role === "admin" || one.author === session.name);
  const undo = async () => {
    const last = mine.at(-1);
    if (last && (await save(() => undoReview(last.id), "Undone"))) setUndone((ids) => [...ids, last.id]);
  };
  const restore = async () => {
    const last = undone.at(-1);
    if (last !== undefined && (await save(() => restoreReview(last), "Restored"))) setUndone((ids) => ids.slice(0, -1));
  };
  return {
    may,
    /** Whether there is something to export. */
    any: reviews.some((review) => review.kind === "lesion" || review.verdict !== null),
    drawn: reviews.filter((review) => review.kind === "lesion"),
    verdictOf: (lesion: Lesion) => verdictOf(reviews, lesion.polygon),
    commentsOn: (polygon: Geometry) => reviews.filter((one) => one.comment && about(one, polygon)),
    judge: (lesion: Lesion, verdict: "accept" | "reject") =>
      add(
        { kind: "verdict", lesion_id: lesion.id, verdict, polygon: lesion.polygon, comment: "" },
        `Lesion ${lesion.rank} ${verdict}ed`,
      ),
    comment: (lesion: Lesion | null, polygon: Geometry, comment: string) =>
      add({ kind: "verdict", lesion_id: lesion?.id ?? null, verdict: null, polygon, comment }, "Comment saved"),
    draw: (polygon: Geometry) =>
      add({ kind: "lesion", lesion_id: null, verdict: null, polygon, comment: "" }, "Drawn lesion saved"),
    undo: may && mine.length > 0 ? undo : undefined,
    restore: may && undone.length > 0 ? restore : undefined,
    problem: problem ?? all.problem,
    reload,
    saved,
  };
}

export type Reviews = ReturnType<typeof useReviews>;

const about = (review: Review, polygon: Geometry) => review.polygon !== null && overlap(review.polygon, polygon);

/** The newest word on what lies there, whatever the threshold was when it was said; the server lists them in order. */
function verdictOf(reviews: Review[], polygon: Geometry): Review | null {
  return reviews.findLast((one) => one.verdict !== null && about(one, polygon)) ?? null;
}
