import { useMemo, useState } from "react";
import type { ModelFacts } from "../api/types";
import { percent, probability } from "../ui/format";
import { Slider } from "../ui/parts";

const WIDTH = 640;
const HEIGHT = 232;
const MARGIN = { left: 44, right: 12, top: 12, bottom: 46 };
/** Points of a curve; with fewer, the figures are said. */
const FEWEST = 5;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const across = (value: number) => MARGIN.left + value * (WIDTH - MARGIN.left - MARGIN.right);
const down = (value: number) => MARGIN.top + (1 - value) * (HEIGHT - MARGIN.top - MARGIN.bottom);

/** What each threshold would give: sensitivity and specificity, as they were measured. */
export function ThresholdChoices({ model }: { model: ModelFacts }) {
  const choices = useMemo(() => model.thresholds.toSorted((a, b) => a.threshold - b.threshold), [model]);
  const [wanted, setWanted] = useState(model.threshold?.value ?? 0.5);
  if (choices.length < FEWEST) return <OwnThreshold model={model} choices={choices} />;
  const nearest = choices.reduce((best, one) =>
    Math.abs(one.threshold - wanted) < Math.abs(best.threshold - wanted) ? one : best,
  );
  return (
    <section className="card" aria-labelledby="choices">
      <h2 id="choices">Threshold choices</h2>
      <p className="quiet">
        {model.thresholds_split && `Measured on ${model.thresholds_split}. `}
        Lower finds more and alarms more often. Looking here changes nothing
        {model.threshold && `: the model's own threshold stays ${probability(model.threshold.value)}`}.
      </p>
      <Curves choices={choices} own={model.threshold?.value ?? null} shown={nearest.threshold} />
      <Slider label="Threshold" value={wanted} step={0.01} onChange={setWanted} text={probability(nearest.threshold)} />
      <Pair choice={nearest} />
    </section>
  );
}

type Choice = ModelFacts["thresholds"][number];

function Pair({ choice }: { choice: Choice }) {
  return (
    <dl className="pair" aria-live="polite">
      <div>
        <dt>
          <span className="key key-sensitivity" /> Sensitivity
        </dt>
        <dd>{percent(choice.sensitivity)}</dd>
      </div>
      <div>
        <dt>
          <span className="key key-specificity" /> Specificity
        </dt>
        <dd>{percent(choice.specificity)}</dd>
      </div>
    </dl>
  );
}

/** Of a bundle whose evaluation is not at hand, one threshold's figures are known, or none. */
function OwnThreshold({ model, choices }: { model: ModelFacts; choices: Choice[] }) {
  return (
    <section className="card" aria-labelledby="choices">
      <h2 id="choices">Threshold choices</h2>
      {choices.map((choice) => (
        <div key={choice.threshold}>
          <p>
            {probability(choice.threshold)}
            {model.thresholds_split && `, on ${model.thresholds_split}`}
          </p>
          <Pair choice={choice} />
        </div>
      ))}
      <p className="quiet more">
        For other thresholds, evaluate the bundle and start the server with its report: <code>sentinode evaluate</code>,
        then <code>sentinode serve --report FILE</code>.
      </p>
    </section>
  );
}

function Curves({ choices, own, shown }: { choices: ModelFacts["thresholds"]; own: number | null; shown: number }) {
  const path = (of: "sensitivity" | "specificity") =>
    choices.map((one, index) => `${index ? "L" : "M"}${across(one.threshold)} ${down(one[of])}`).join("");
  return (
    <svg
      className="curves"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label="Sensitivity falls and specificity rises with the threshold"
    >
      {TICKS.map((tick) => (
        <g key={tick}>
          <line className="grid" x1={across(0)} x2={across(1)} y1={down(tick)} y2={down(tick)} />
          <text x={MARGIN.left - 8} y={down(tick) + 4} textAnchor="end">
            {tick * 100} %
          </text>
          <text x={across(tick)} y={HEIGHT - 28} textAnchor="middle">
            {tick}
          </text>
        </g>
      ))}
      <text x={across(0.5)} y={HEIGHT - 6} textAnchor="middle">
        Threshold of the probability{own !== null && " (dotted: the model's own)"}
      </text>
      {own !== null && <line className="own" x1={across(own)} x2={across(own)} y1={down(0)} y2={down(1)} />}
      <line className="shown" x1={across(shown)} x2={across(shown)} y1={down(0)} y2={down(1)} />
      <path className="curve-sensitivity" d={path("sensitivity")} />
      <path className="curve-specificity" d={path("specificity")} />
    </svg>
  );
}
