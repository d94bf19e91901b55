import { type FormEvent, memo, type ReactNode, useEffect, useRef, useState } from "react";
import type { Lesion, Review, Slide } from "../api/types";
import { area, className, classWords, length, probability, when } from "../ui/format";
import { ClassBadge } from "../ui/parts";
import { areaOf } from "./geometry";
import type { Findings } from "./useFindings";
import type { Drawn, Reviews } from "./useReviews";

/** Lesions by rank, what to look at next; after them those that reviewers drew. */
export function Worklist(props: {
  slide: Slide;
  findings: Findings;
  reviews: Reviews;
  jump: (lesion: Lesion) => void;
  visit: (drawn: Drawn) => void;
}) {
  const { slide, findings, reviews, jump, visit } = props;
  const { lesions, suspicious, selected } = findings;
  const { verdicts, drawn } = reviews;
  const [visited, setVisited] = useState<string | number | null>(null);
  const goTo = (one: Drawn) => {
    setVisited(visited === one.id ? null : one.id);
    visit(one);
  };
  return (
    <section className="worklist" aria-label="Lesions, the most suspicious first">
      {lesions?.length === 0 && (
        <p className="panel-part quiet">No lesion at this threshold. Lower it to see what lies below.</p>
      )}
      <ol>
        {lesions?.map((lesion) => {
          const current = lesion.id === selected?.id;
          return (
            // By rank, so that a change of the threshold writes rows anew rather than makes them.
            <Item key={lesion.rank} lesion={lesion} current={current} review={verdicts.get(lesion.id)} jump={jump}>
              {current ? <Detail key={lesion.id} lesion={lesion} reviews={reviews} /> : null}
            </Item>
          );
        })}
      </ol>
      {suspicious.length > 0 && (
        <>
          <h3 className="worklist-part">Suspicious, below the threshold</h3>
          <ol>
            {suspicious.map((lesion) => {
              const current = lesion.id === selected?.id;
              return (
                <Item
                  key={lesion.rank}
                  lesion={lesion}
                  current={current}
                  review={verdicts.get(lesion.id)}
                  jump={jump}
                  below
                >
                  {current ? <Detail key={lesion.id} lesion={lesion} reviews={reviews} /> : null}
                </Item>
              );
            })}
          </ol>
        </>
      )}
      {drawn.length > 0 && (
        <>
          <h3 className="worklist-part">Drawn by reviewers</h3>
          <ol>
            {drawn.map((one) => (
              <DrawnItem
                key={one.id}
                drawn={one}
                slide={slide}
                current={visited === one.id}
                reviews={reviews}
                visit={goTo}
              />
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

/** One row; of a thousand only those are drawn again that changed. */
const Item = memo(function Item(props: {
  lesion: Lesion;
  current: boolean;
  review: Review | null | undefined;
  jump: (lesion: Lesion) => void;
  /** Below the threshold: it has a size, but is called nothing. */
  below?: boolean;
  children: ReactNode;
}) {
  const { lesion, current, review, jump } = props;
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (current) item.current?.scrollIntoView({ block: "nearest" });
  }, [current]);
  return (
    <li ref={item} className={`lesion ${current ? "current" : ""} ${review?.verdict ?? ""}`}>
      <button type="button" className="lesion-main" aria-current={current || undefined} onClick={() => jump(lesion)}>
        <span className="rank number">{lesion.rank}</span>
        <span className="number strong">{probability(lesion.probability ?? lesion.score_max)}</span>
        <span className="number">{length(lesion.diameter_um)}</span>
        {!props.below && <ClassBadge name={className(lesion.class)} words={classWords(lesion.class)} />}
        {review && <span className="said">{review.verdict === "accept" ? "✓ accepted" : "✕ rejected"}</span>}
      </button>
      {props.children}
    </li>
  );
});

function Detail({ lesion, reviews }: { lesion: Lesion; reviews: Reviews }) {
  const review = reviews.verdicts.get(lesion.id);
  return (
    <div className="lesion-detail">
      <p className="quiet">
        {area(lesion.area_mm2)}
        {lesion.probability !== null && ` · highest score ${probability(lesion.score_max)}`} · mean score{" "}
        {probability(lesion.score_mean)}
      </p>
      {review && (
        <p className="quiet">
          {review.verdict === "accept" ? "Accepted" : "Rejected"} by {author(review)}, {when(review.created)}
        </p>
      )}
      <Comments about={lesion} name={`lesion ${lesion.rank}`} reviews={reviews}>
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
      </Comments>
    </div>
  );
}

function DrawnItem(props: {
  drawn: Drawn;
  slide: Slide;
  current: boolean;
  reviews: Reviews;
  visit: (drawn: Drawn) => void;
}) {
  const { drawn, slide, current, reviews, visit } = props;
  const remove = reviews.remove(drawn);
  return (
    <li className={current ? "lesion current" : "lesion"}>
      <button type="button" className="lesion-main" aria-expanded={current} onClick={() => visit(drawn)}>
        <span className="key-drawn" aria-hidden="true" />
        <span className="drawn-words">
          {slide.mpp && `${area((areaOf(drawn.polygon) * slide.mpp.x * slide.mpp.y) / 1e6)} · `}
          {author(drawn)}
        </span>
      </button>
      {current && (
        <div className="lesion-detail">
          <p className="quiet">Drawn {when(drawn.created)}</p>
          <Comments about={drawn} name="the drawn lesion" reviews={reviews}>
            {remove && (
              <div className="actions">
                <button type="button" onClick={remove}>
                  Remove
                </button>
              </div>
            )}
          </Comments>
        </div>
      )}
    </li>
  );
}

const author = (review: Review) => review.author || "this server's user";

/** What was said there; between that and what one may say, what one may do. */
function Comments(props: { about: Lesion | Drawn; name: string; reviews: Reviews; children: ReactNode }) {
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
