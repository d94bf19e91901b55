import { useCallback, useContext, useMemo, useState } from "react";
import { addReview, getConsensus, getReviews, restoreReview, undoReview } from "../api/endpoints";
import { asProblem, type Problem } from "../api/http";
import type { Geometry, Lesion, NewReview, Review, Verdict } from "../api/types";
import { SessionContext, useMay } from "../shell/session";
import { useLoad } from "../ui/hooks";
import { about, standingOn } from "./standing";

/** What reviewers said of a scan, and a way to say more; every step is saved at once. */
export function useReviews(scanId: string | null, lesions: Lesion[] | null) {
  const session = useContext(SessionContext);
  const may = useMay("reviewer") && scanId !== null;
  const all = useLoad(scanId && `reviews ${scanId}`, (signal) => getReviews(scanId ?? "", signal));
  const [problem, setProblem] = useState<Problem | null>(null);
  const [saved, setSaved] = useState("");
  const [undone, setUndone] = useState<Review["id"][]>([]);
  const { reload } = all;
  const steps = all.value?.reduce((sum, review) => sum + 1 + review.history.length, 0) ?? 0;
  const consensus = useLoad(steps && scanId ? `consensus ${scanId} ${steps}` : null, (signal) =>
    getConsensus(scanId ?? "", signal),
  );
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
  const add = async (review: NewReview, said: string) => {
    if (!scanId) return false;
    setUndone([]);
    return save(() => addReview(scanId, review), said);
  };
  const verdicts = useMemo(
    () => new Map((lesions ?? []).map((lesion) => [lesion.id, standingOn(reviews, lesion.polygon)])),
    [lesions, reviews],
  );
  const drawn = useMemo(() => reviews.filter(isDrawn), [reviews]);
  const onDrawn = useMemo(
    () => new Map(drawn.map((one) => [one.id, standingOn(reviews, one.polygon, one)])),
    [drawn, reviews],
  );
  const admin = !session.required || session.role === "admin";
  const owns = (one: Review) => admin || one.author === session.name;
  // An admin may take back anybody's words, but not by a key that is for one's own last step.
  const mine = reviews.filter((one) => one.author === session.name);
  const takeBack = async (one: Review) => {
    if (await save(() => undoReview(one.id), "Undone")) setUndone((ids) => [...ids, one.id]);
  };
  const undo = () => {
    const last = mine.at(-1);
    if (last) void takeBack(last);
  };
  const restore = async () => {
    const last = undone.at(-1);
    if (last !== undefined && (await save(() => restoreReview(last), "Restored"))) setUndone((ids) => ids.slice(0, -1));
  };
  return {
    may,
    /** Whether there is something to export. */
    any: reviews.some((review) => review.kind === "lesion" || review.verdict !== null),
    drawn,
    /** By the lesion's id: who said what of it, and what that means. */
    verdicts,
    /** The same by the id of a lesion that was drawn. */
    onDrawn,
    /** What all of it means for the slide. */
    consensus: steps ? consensus.value : null,
    me: session.name,
    decides: may && admin,
    commentsOn: (polygon: Geometry) => reviews.filter((one) => one.comment && about(one, polygon)),
    judge: (lesion: Lesion, verdict: Verdict) =>
      add(
        { kind: "verdict", lesion_id: lesion.id, verdict, polygon: lesion.polygon, comment: "" },
        `Lesion ${lesion.rank} ${verdict}ed`,
      ),
    judgeDrawn: (one: Drawn, verdict: Verdict) =>
      add({ kind: "verdict", lesion_id: one.id, verdict, polygon: null, comment: "" }, `Drawn lesion ${verdict}ed`),
    decide: (one: Lesion | Drawn, verdict: Verdict) =>
      add(
        { kind: "adjudication", lesion_id: one.id, verdict, polygon: one.polygon, comment: "" },
        `Decided: ${verdict}ed`,
      ),
    comment: (lesionId: string, polygon: Geometry, comment: string) =>
      add({ kind: "verdict", lesion_id: lesionId, verdict: null, polygon, comment }, "Comment saved"),
    draw: (polygon: Geometry) =>
      add({ kind: "lesion", lesion_id: null, verdict: null, polygon, comment: "" }, "Drawn lesion saved"),
    remove: (one: Review) => (may && owns(one) ? () => takeBack(one) : undefined),
    undo: may && mine.length > 0 ? undo : undefined,
    restore: may && undone.length > 0 ? restore : undefined,
    problem: problem ?? all.problem ?? consensus.problem,
    retry: () => {
      setProblem(null);
      all.retry();
      consensus.retry();
    },
    saved,
  };
}

export type Reviews = ReturnType<typeof useReviews>;

/** A lesion that a reviewer drew. */
export type Drawn = Review & { polygon: Geometry };
const isDrawn = (review: Review): review is Drawn => review.kind === "lesion" && review.polygon !== null;
