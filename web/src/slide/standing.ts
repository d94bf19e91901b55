import type { Geometry, Review, Verdict } from "../api/types";
import { overlap } from "./geometry";

/** What reviewers say of one place: of each the last word, and what an admin decided. */
export type Standing = {
  outcome: Verdict | "disagreed";
  /** In the order in which it was said. */
  votes: Vote[];
  decision: Review | null;
};
export type Vote = { author: string; verdict: Verdict; created: string };

export const about = (review: Review, polygon: Geometry) => review.polygon !== null && overlap(review.polygon, polygon);

/**
 * By the rule of the server (`consensus`): where all agree that is the outcome, else they disagree until an admin decides.
 * What was said counts whatever the threshold was. To draw there is to accept, once somebody judges the place.
 */
export function standingOn(reviews: Review[], polygon: Geometry, drawn: Review | null = null): Standing | null {
  const near = reviews.filter((one) => (one.kind === "lesion" || one.verdict !== null) && about(one, polygon));
  const decision = near.findLast((one) => one.kind === "adjudication") ?? null;
  const judged = near.some((one) => one.verdict !== null);
  const votes = new Map<string, Vote>();
  for (const { kind, author, verdict, created } of judged ? near : drawn ? [drawn] : []) {
    if (kind === "adjudication") continue;
    votes.delete(author);
    votes.set(author, { author, verdict: verdict ?? "accept", created });
  }
  const verdicts = new Set([...votes.values()].map((vote) => vote.verdict));
  const [first] = verdicts;
  const agreed = verdicts.size === 1 && first ? first : "disagreed";
  if (votes.size === 0 && !decision) return null;
  return { outcome: decision?.verdict ?? agreed, votes: [...votes.values()], decision };
}
