import { getModel, REPORT } from "../api/endpoints";
import type { Interval, ModelFacts, SlideModelFacts } from "../api/types";
import { probability } from "../ui/format";
import { useLoad } from "../ui/hooks";
import { Facts, Failure, Progress } from "../ui/parts";
import { SafeHtml } from "./SafeHtml";
import { ThresholdChoices } from "./ThresholdChoices";

export function ModelView() {
  const { value: model, problem, retry } = useLoad("model", getModel);
  if (problem) return <Failure problem={problem} retry={retry} />;
  if (!model) return <Progress label="Loading the model" />;
  return (
    <div className="model">
      <header className="view-head">
        <div>
          <h1>{(model.slide_model ?? model).name}</h1>
          <p className="quiet lead">{(model.slide_model ?? model).description}</p>
        </div>
        <span className="badge badge-use">Research use only</span>
      </header>
      {model.slide_model && <Judge judge={model.slide_model} tiles={model} />}
      <div className="model-body">
        <div className="model-side">
          <About model={model} />
          <Metrics id="measured" metrics={model.metrics} split={model.metrics_split} />
        </div>
        <div className="model-main">
          <ThresholdChoices model={model} />
          {model.card_html && (
            <section className="card prose" aria-label="Model card">
              <SafeHtml html={model.card_html} />
            </section>
          )}
        </div>
      </div>
      <Report has={model.has_report} />
    </div>
  );
}

/** Of a server that judges whole slides: the slide bundle. What follows on the page is the bundle of its tiles. */
function Judge({ judge, tiles }: { judge: SlideModelFacts; tiles: ModelFacts }) {
  const { value, rule, split } = judge.threshold;
  const facts: [string, string][] = [
    ["Version", judge.version],
    ["Method", judge.method],
    ["Classes of slides", judge.classes.join(", ")],
    ["Threshold", `${probability(value)} (${rule.replaceAll(">=", " ≥ ")}, set on ${split})`],
  ];
  if (judge.label_rule) facts.push(["Counts as found", judge.label_rule]);
  return (
    <>
      <div className="model-body">
        <div className="model-side">
          <section className="card" aria-labelledby="judge">
            <h2 id="judge">What judges slides</h2>
            <Facts facts={facts} />
          </section>
          <Metrics id="judged" metrics={judge.metrics} split={judge.metrics_split} />
        </div>
        <div className="model-main">
          {judge.card_html && (
            <section className="card prose" aria-label="Slide model card">
              <SafeHtml html={judge.card_html} />
            </section>
          )}
        </div>
      </div>
      <h2>What scores its tiles: {tiles.name}</h2>
      <p className="quiet lead">{tiles.description}</p>
    </>
  );
}

function About({ model }: { model: ModelFacts }) {
  const facts: [string, string][] = [
    ["Version", model.version],
    ["Classes", model.classes.join(", ")],
    ["Looks for", model.positive ?? "no class in particular"],
    ["Tile", `${model.tile_size} × ${model.tile_size} px`],
    ["Resolution", model.mpp === null ? "not set" : `${model.mpp} µm/px`],
  ];
  if (model.threshold) {
    const { value, rule, split } = model.threshold;
    facts.push(["Threshold", `${probability(value)} (${rule.replaceAll(">=", " ≥ ")}, set on ${split})`]);
  }
  if (model.low_confidence) {
    const { low, high } = model.low_confidence;
    facts.push(["Low confidence", `${probability(low)} to ${probability(high)}`]);
  }
  return (
    <section className="card" aria-labelledby="facts">
      <h2 id="facts">What it is</h2>
      <Facts facts={facts} />
    </section>
  );
}

/** Names that are not words. */
const FIGURES: Record<string, string> = { auc: "AUC", npv: "NPV", f1: "F1", brier: "Brier score" };

function Metrics(props: { id: string; metrics: Record<string, Interval | null>; split: string | null }) {
  const { id, metrics, split } = props;
  const rows = Object.entries(metrics).filter((row): row is [string, Interval] => typeof row[1]?.value === "number");
  if (rows.length === 0) return null;
  return (
    <section className="card" aria-labelledby={id}>
      <h2 id={id}>What it measured{split && ` on ${split}`}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col">Value</th>
            <th scope="col">95 % interval</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, { value, low, high }]) => (
            <tr key={name}>
              <th scope="row">{FIGURES[name] ?? name.replaceAll("_", " ")}</th>
              <td className="number">{value.toFixed(3)}</td>
              <td className="number">
                {typeof low === "number" && typeof high === "number" ? `${low.toFixed(3)} – ${high.toFixed(3)}` : "–"}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Report({ has }: { has: boolean }) {
  return (
    <section className="report" aria-labelledby="report">
      <header className="view-head">
        <h2 id="report">Evaluation report</h2>
        {has && (
          <a className="button" href={REPORT} target="_blank" rel="noreferrer">
            Open in its own tab
          </a>
        )}
      </header>
      {has ? (
        <iframe title="Evaluation report" src={REPORT} />
      ) : (
        <p className="quiet">
          None lies beside this bundle. Make one with <code>sentinode evaluate</code> and start the server with{" "}
          <code>--report FILE</code>.
        </p>
      )}
    </section>
  );
}
