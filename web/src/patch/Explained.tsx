import { useState } from "react";
import { getMethods, type Wish } from "../api/endpoints";
import type { Problem } from "../api/http";
import type { Explanation } from "../api/types";
import { useLoad } from "../ui/hooks";
import { Failure, Progress, Slider } from "../ui/parts";

export const FIRST_WISH: Wish = { method: null, faithfulness: false };

/** An image with the map of its explanation over it. */
export function ExplanationPicture(props: {
  image: string;
  map: string | null;
  opacity: number;
  busy: boolean;
  alt: string;
}) {
  const [shown, setShown] = useState(true);
  return (
    <figure className="picture" aria-busy={props.busy}>
      {shown ? (
        <img src={props.image} alt={props.alt} onError={() => setShown(false)} />
      ) : (
        <p className="quiet">This browser can't show the image{props.map ? "; the map is shown alone" : ""}.</p>
      )}
      {props.map && (
        <img className="map" src={props.map} alt="Where the model looked" style={{ opacity: props.opacity }} />
      )}
      {props.busy && <Progress label="Explaining" />}
    </figure>
  );
}

/** Which method, how strongly laid over, and how far it can be believed. */
export function ExplanationControls(props: {
  wish: Wish;
  onWish: (wish: Wish) => void;
  opacity: number;
  onOpacity: (opacity: number) => void;
  explanation: Explanation | null;
  busy: boolean;
  problem: Problem | null;
  onRetry: () => void;
}) {
  const { wish, explanation } = props;
  const methods = useLoad("methods", getMethods);
  const usual = methods.value?.find((one) => one.default) ?? methods.value?.[0];
  const current = methods.value?.find((one) => one.name === (wish.method ?? usual?.name));
  return (
    <div className="explained">
      <Slider label="Explanation" value={props.opacity} onChange={props.onOpacity} disabled={!explanation} />
      {methods.value && (
        <label className="field">
          Method
          <select
            value={current?.name ?? ""}
            onChange={(event) => props.onWish({ ...wish, method: event.target.value })}
          >
            {methods.value.map((one) => (
              <option key={one.name} value={one.name}>
                {one.title}
              </option>
            ))}
          </select>
        </label>
      )}
      {current && <p className="quiet">{current.description}</p>}
      {explanation?.faithfulness && <Faithfulness figures={explanation.faithfulness} />}
      {explanation && !explanation.faithfulness && (
        <button type="button" disabled={props.busy} onClick={() => props.onWish({ ...wish, faithfulness: true })}>
          Measure how far to believe it
        </button>
      )}
      {props.problem && <Failure problem={props.problem} retry={props.onRetry} />}
      {methods.problem && <Failure problem={methods.problem} retry={methods.retry} />}
    </div>
  );
}

const FIGURES: [string, string][] = [
  ["deletion", "Left when what it marks is taken away (lower is better)"],
  ["insertion", "Back when only what it marks is shown (higher is better)"],
  ["gain", "Better than random orders by"],
];

/** Deletion and insertion (Petsiuk et al. 2018, arXiv:1806.07421) against random orders. */
function Faithfulness({ figures }: { figures: NonNullable<Explanation["faithfulness"]> }) {
  const { random_orders_beaten: beaten, random_orders: orders } = figures;
  return (
    <section aria-label="How far to believe this map">
      <dl className="facts">
        {FIGURES.map(
          ([name, words]) =>
            figures[name] !== undefined && (
              <div key={name}>
                <dt>{words}</dt>
                <dd className="number">{figures[name].toFixed(2)}</dd>
              </div>
            ),
        )}
        {beaten !== undefined && orders !== undefined && (
          <div>
            <dt>Random orders beaten</dt>
            <dd className="number">
              {beaten} of {orders}
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}
