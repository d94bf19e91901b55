import { explain, type Wish } from "../api/endpoints";
import { useLoad } from "../ui/hooks";
import { Failure } from "../ui/parts";
import { ExplanationControls, ExplanationPicture } from "./Explained";
import { ProbabilityBars } from "./ProbabilityBars";
import type { Row } from "./results";

/** One image with its answer and, laid over it, why. */
export function PatchDetail(props: {
  row: Row;
  positive: string | null;
  onRetry: () => void;
  wish: Wish;
  onWish: (wish: Wish) => void;
  opacity: number;
  onOpacity: (opacity: number) => void;
}) {
  const { row, positive, wish, opacity } = props;
  const explained = useLoad(row.prediction ? `explain ${row.key} ${JSON.stringify(wish)}` : null, (signal) =>
    explain(new File([row.file], row.name), wish, signal),
  );
  return (
    <section className="card detail" aria-label={`Result for ${row.name}`}>
      <h2 className="break">{row.name}</h2>
      <ExplanationPicture
        image={row.url}
        map={explained.value?.map ?? null}
        opacity={opacity}
        busy={explained.loading}
        alt={row.name}
      />
      {row.problem && <Failure problem={row.problem} {...(row.problem.passing ? { retry: props.onRetry } : {})} />}
      {row.prediction && (
        <>
          <Verdict row={row} />
          <ProbabilityBars
            probabilities={row.prediction.probabilities}
            positive={positive}
            threshold={row.prediction.threshold}
          />
          <ExplanationControls
            wish={wish}
            onWish={props.onWish}
            opacity={opacity}
            onOpacity={props.onOpacity}
            explanation={explained.value}
            busy={explained.loading}
            problem={explained.problem}
            onRetry={explained.retry}
          />
        </>
      )}
    </section>
  );
}

function Verdict({ row }: { row: Row }) {
  if (!row.prediction) return null;
  const { prediction, confidence, low_confidence, outside, model } = row.prediction;
  const unlike = (outside ?? []).filter((respect) => respect !== "tissue");
  return (
    <div className="verdict">
      <p className="verdict-class">{prediction}</p>
      <p className="quiet">
        calibrated probability {confidence.toFixed(3)} · {model.name} {model.version}
      </p>
      {low_confidence && (
        <p className="notice notice-doubt">
          <span>
            <strong>Low confidence.</strong> Near the threshold, where this model was often wrong. Judge it by eye.
          </span>
        </p>
      )}
      {outside && outside.length > 0 && (
        <p className="notice notice-doubt">
          <span>
            {outside.includes("tissue") ? <strong>No tissue in it. </strong> : null}
            {unlike.length > 0 && (
              <>
                <strong>Unlike the training images</strong> in {unlike.join(" and ")}.{" "}
              </>
            )}
            The model may be wrong and sure.
          </span>
        </p>
      )}
    </div>
  );
}
