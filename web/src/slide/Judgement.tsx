import { type FormEvent, type ReactNode, useState } from "react";
import type { Lesion, Review, Verdict } from "../api/types";
import { when } from "../ui/format";
import type { Standing } from "./standing";
import type { Drawn, Reviews } from "./useReviews";

const DONE = { accept: "accepted", reject: "rejected" } as const;
const MARK = { accept: "✓", reject: "✕" } as const;

/** In a row of the list. */
export function inShort({ outcome, votes, decision }: Standing): string {
  if (outcome === "disagreed")
    return `≠ disagreed: ${votes.map((vote) => `${MARK[vote.verdict]} ${vote.author}`).join(", ")}`;
  const by = decision
    ? ` · decided by ${decision.author}`
    : votes.length > 1
      ? ` by ${votes.map((vote) => vote.author).join(", ")}`
      : "";
  return `${MARK[outcome]} ${DONE[outcome]}${by}`;
}

/** Who said what, and when. */
export function Said({ standing }: { standing: Standing }) {
  const { votes, decision } = standing;
  return (
    <ul className="votes quiet">
      {votes.map((vote) => (
        <li key={vote.author}>
          {MARK[vote.verdict]} {vote.verdict === "accept" ? "Accepted" : "Rejected"} by {author(vote)},{" "}
          {when(vote.created)}
        </li>
      ))}
      {decision?.verdict && (
        <li className="strong">
          {MARK[decision.verdict]} Decided by {author(decision)}: {DONE[decision.verdict]}, {when(decision.created)}
        </li>
      )}
    </ul>
  );
}

/** One's own verdict. */
export function Judging(props: {
  standing: Standing | null | undefined;
  me: string | null;
  judge: (verdict: Verdict) => void;
  /** Whether the keys Y and R do the same. */
  keys?: boolean;
}) {
  const own = props.standing?.votes.find((vote) => vote.author === props.me)?.verdict;
  return (
    <div className="actions">
      {(["accept", "reject"] as const).map((verdict) => {
        const key = verdict === "accept" ? "y" : "r";
        return (
          <button
            key={verdict}
            type="button"
            aria-pressed={own === verdict}
            {...(props.keys ? { "aria-keyshortcuts": key, title: `Key ${key.toUpperCase()}` } : {})}
            onClick={() => props.judge(verdict)}
          >
            {verdict === "accept" ? "Accept" : "Reject"}
          </button>
        );
      })}
    </div>
  );
}

/** An admin's last word where reviewers disagree. */
export function Deciding(props: { about: Lesion | Drawn; standing: Standing | null | undefined; reviews: Reviews }) {
  const { about, standing, reviews } = props;
  if (!reviews.decides || !standing || (standing.outcome !== "disagreed" && !standing.decision)) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be laid out in a bar in every browser
    <div className="actions deciding" role="group" aria-label="Decide as admin">
      {(["accept", "reject"] as const).map((verdict) => (
        <button
          key={verdict}
          type="button"
          aria-pressed={standing.decision?.verdict === verdict}
          onClick={() => reviews.decide(about, verdict)}
        >
          Decide: {verdict}
        </button>
      ))}
    </div>
  );
}

export const author = (one: Pick<Review, "author">) => one.author || "this server's user";

/** What was said there; between that and what one may say, what one may do. */
export function Comments(props: { about: Lesion | Drawn; name: string; reviews: Reviews; children: ReactNode }) {
  const { about, name, reviews } = props;
  return (
    <>
      {reviews.commentsOn(about.polygon).map((one) => (
        <blockquote key={one.id}>
          {one.comment}
          <footer className="quiet">
            {author(one)} · {when(one.created)}
          </footer>
        </blockquote>
      ))}
      {reviews.may && (
        <>
          {props.children}
          <Comment name={name} save={(text) => reviews.comment(String(about.id), about.polygon, text)} />
        </>
      )}
    </>
  );
}

function Comment({ name, save }: { name: string; save: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState("");
  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim() && (await save(text.trim()))) setText("");
  };
  return (
    <form onSubmit={submit} className="comment">
      <label htmlFor="comment" className="away">
        Comment on {name}
      </label>
      <textarea
        id="comment"
        rows={2}
        maxLength={2000}
        placeholder="Comment"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey) {
            event.preventDefault();
            void submit();
          }
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <button type="submit" disabled={!text.trim()}>
        Save
      </button>
    </form>
  );
}
