import { memo, type ReactNode, useEffect, useRef, useState } from "react";
import type { Lesion, Slide } from "../api/types";
import { area, className, classWords, length, probability, when } from "../ui/format";
import { ClassBadge } from "../ui/parts";
import { areaOf } from "./geometry";
import { author, Comments, Deciding, inShort, Judging, Said } from "./Judgement";
import type { Standing } from "./standing";
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
            <Item key={lesion.rank} lesion={lesion} current={current} standing={verdicts.get(lesion.id)} jump={jump}>
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
                  standing={verdicts.get(lesion.id)}
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
  standing: Standing | null | undefined;
  jump: (lesion: Lesion) => void;
  /** Below the threshold: it has a size, but is called nothing. */
  below?: boolean;
  children: ReactNode;
}) {
  const { lesion, current, standing, jump } = props;
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (current) item.current?.scrollIntoView({ block: "nearest" });
  }, [current]);
  return (
    <li ref={item} className={`lesion ${current ? "current" : ""} ${standing?.outcome ?? ""}`}>
      <button type="button" className="lesion-main" aria-current={current || undefined} onClick={() => jump(lesion)}>
        <span className="rank number">{lesion.rank}</span>
        <span className="number strong">{probability(lesion.probability ?? lesion.score_max)}</span>
        <span className="number">{length(lesion.diameter_um)}</span>
        {!props.below && <ClassBadge name={className(lesion.class)} words={classWords(lesion.class)} />}
        {standing && <span className="said">{inShort(standing)}</span>}
      </button>
      {props.children}
    </li>
  );
});

function Detail({ lesion, reviews }: { lesion: Lesion; reviews: Reviews }) {
  const standing = reviews.verdicts.get(lesion.id);
  return (
    <div className="lesion-detail">
      <p className="quiet">
        {area(lesion.area_mm2)}
        {lesion.probability !== null && ` · highest score ${probability(lesion.score_max)}`} · mean score{" "}
        {probability(lesion.score_mean)}
      </p>
      {standing && <Said standing={standing} />}
      <Comments about={lesion} name={`lesion ${lesion.rank}`} reviews={reviews}>
        <Judging standing={standing} me={reviews.me} judge={(verdict) => reviews.judge(lesion, verdict)} keys />
        <Deciding about={lesion} standing={standing} reviews={reviews} />
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
  const standing = reviews.onDrawn.get(drawn.id);
  const judged = standing && (standing.votes.length > 1 || standing.decision) ? standing : null;
  return (
    <li className={`lesion ${current ? "current" : ""} ${judged?.outcome ?? ""}`}>
      <button type="button" className="lesion-main" aria-expanded={current} onClick={() => visit(drawn)}>
        <span className="key-drawn" aria-hidden="true" />
        <span className="drawn-words">
          {slide.mpp && `${area((areaOf(drawn.polygon) * slide.mpp.x * slide.mpp.y) / 1e6)} · `}
          {author(drawn)}
        </span>
        {judged && <span className="said">{inShort(judged)}</span>}
      </button>
      {current && (
        <div className="lesion-detail">
          <p className="quiet">Drawn {when(drawn.created)}</p>
          {judged && <Said standing={judged} />}
          <Comments about={drawn} name="the drawn lesion" reviews={reviews}>
            {drawn.author !== reviews.me && (
              <Judging standing={judged} me={reviews.me} judge={(verdict) => reviews.judgeDrawn(drawn, verdict)} />
            )}
            <Deciding about={drawn} standing={judged} reviews={reviews} />
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
