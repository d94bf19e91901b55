import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Lesion } from "../api/types";
import { area, className, classWords, length, probability, when } from "../ui/format";
import { ClassBadge } from "../ui/parts";
import type { Findings } from "./useFindings";
import type { Reviews } from "./useReviews";

const SHOWN_AT_FIRST = 200;

/** Lesions by rank: what to look at next. */
export function Worklist({
  findings,
  reviews,
  jump,
}: {
  findings: Findings;
  reviews: Reviews;
  jump: (lesion: Lesion) => void;
}) {
  const [all, setAll] = useState(false);
  const lesions = findings.lesions ?? [];
  const selected = findings.selected;
  const shown = all ? lesions : lesions.filter((one, index) => index < SHOWN_AT_FIRST || one.id === selected?.id);
  return (
    <section className="worklist" aria-label="Lesions, highest score first">
      {findings.lesions?.length === 0 && (
        <p className="panel-part quiet">No lesion at this threshold. Lower it to see what lies below.</p>
      )}
      <ol>
        {shown.map((lesion) => (
          <Item key={lesion.id} lesion={lesion} current={lesion.id === selected?.id} reviews={reviews} jump={jump} />
        ))}
      </ol>
      {shown.length < lesions.length && (
        <button type="button" className="plain" onClick={() => setAll(true)}>
          Show all {lesions.length}
        </button>
      )}
    </section>
  );
}

function Item({
  lesion,
  current,
  reviews,
  jump,
}: {
  lesion: Lesion;
  current: boolean;
  reviews: Reviews;
  jump: (lesion: Lesion) => void;
}) {
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (current) item.current?.scrollIntoView({ block: "nearest" });
  }, [current]);
  const review = reviews.verdictOf(lesion);
  return (
    <li ref={item} className={`lesion ${current ? "current" : ""} ${review?.verdict ?? ""}`}>
      <button type="button" className="lesion-main" aria-current={current || undefined} onClick={() => jump(lesion)}>
        <span className="rank number">{lesion.rank}</span>
        <span className="number strong">{probability(lesion.score_max)}</span>
        <span className="number">{length(lesion.diameter_um)}</span>
        <ClassBadge name={className(lesion.class)} words={classWords(lesion.class)} />
        {review && <span className="said">{review.verdict === "accept" ? "✓ accepted" : "✕ rejected"}</span>}
      </button>
      {current && <Detail lesion={lesion} reviews={reviews} />}
    </li>
  );
}

function Detail({ lesion, reviews }: { lesion: Lesion; reviews: Reviews }) {
  const review = reviews.verdictOf(lesion);
  return (
    <div className="lesion-detail">
      <p className="quiet">
        {area(lesion.area_mm2)} · mean score {probability(lesion.score_mean)}
      </p>
      {review && (
        <p className="quiet">
          {review.verdict === "accept" ? "Accepted" : "Rejected"} by {review.author || "this server's user"},{" "}
          {when(review.created)}
        </p>
      )}
      {reviews.commentsOn(lesion.polygon).map((one) => (
        <blockquote key={one.id}>
          {one.comment}
          <footer className="quiet">
            {one.author} · {when(one.created)}
          </footer>
        </blockquote>
      ))}
      {reviews.may && (
        <>
          <div className="actions">
            <button
              type="button"
              aria-pressed={review?.verdict === "accept"}
              aria-keyshortcuts="y"
              title="Key Y"
              onClick={() => reviews.judge(lesion, "accept")}
            >
              Accept
            </button>
            <button
              type="button"
              aria-pressed={review?.verdict === "reject"}
              aria-keyshortcuts="r"
              title="Key R"
              onClick={() => reviews.judge(lesion, "reject")}
            >
              Reject
            </button>
          </div>
          <Comment lesion={lesion} reviews={reviews} />
        </>
      )}
    </div>
  );
}

function Comment({ lesion, reviews }: { lesion: Lesion; reviews: Reviews }) {
  const [text, setText] = useState("");
  const save = async (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim() && (await reviews.comment(lesion, lesion.polygon, text.trim()))) setText("");
  };
  return (
    <form onSubmit={save} className="comment">
      <label htmlFor="comment" className="away">
        Comment on lesion {lesion.rank}
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
            void save();
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
