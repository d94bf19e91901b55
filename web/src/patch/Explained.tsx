import { useState } from "react";
import { getMethods } from "../api/endpoints";
import type { Problem } from "../api/http";
import type { Explanation } from "../api/types";
import { useLoad } from "../ui/hooks";
import { Failure, Progress, Slider } from "../ui/parts";

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
        <p className="quiet">This browser can't show the image's format; the map is shown alone.</p>
      )}
      {props.map && (
        <img
          className={shown ? "map" : "map-alone"}
          src={props.map}
          alt="Where the model looked"
          style={{ opacity: props.opacity }}
        />
      )}
      {props.busy && <Progress label="Explaining" />}
    </figure>
  );
}

/** Which method, how strongly laid over, and how far it can be believed. */
export function ExplanationControls(props: {
  method: string | null;
  onMethod: (method: string) => void;
  opacity: number;
  onOpacity: (opacity: number) => void;
  explanation: Explanation | null;
  problem: Problem | null;
  onRetry: () => void;
}) {
  const methods = useLoad("methods", getMethods);
  const usual = methods.value?.find((one) => one.default) ?? methods.value?.[0];
  const current = methods.value?.find((one) => one.name === (props.method ?? usual?.name));
  return (
    <div className="explained">
      <Slider label="Explanation" value={props.opacity} onChange={props.onOpacity} disabled={!props.explanation} />
      {methods.value && (
        <label className="field">
          Method
          <select value={current?.name ?? ""} onChange={(event) => props.onMethod(event.target.value)}>
            {methods.value.map((one) => (
              <option key={one.name} value={one.name}>
                {one.title}
              </option>
            ))}
          </select>
        </label>
      )}
      {current && <p className="quiet">{current.description}</p>}
      {props.explanation?.faithfulness && <Faithfulness figures={props.explanation.faithfulness} />}
      {(props.problem ?? methods.problem) && (
        <Failure
          problem={(props.problem ?? methods.problem) as Problem}
          retry={props.problem ? props.onRetry : methods.reload}
        />
      )}
    </div>
  );
}

function Faithfulness({ figures }: { figures: NonNullable<Explanation["faithfulness"]> }) {
  const rows = Object.entries(figures).filter(([, value]) => value !== null);
  return (
    <details>
      <summary>How far to believe this map</summary>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name.replaceAll("_", " ")}</dt>
            <dd className="number">{typeof value === "number" ? value.toFixed(3) : String(value)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
