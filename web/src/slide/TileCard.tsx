import { ExplanationControls, ExplanationPicture } from "../patch/Explained";
import { probability } from "../ui/format";
import type { ExplainedTile } from "./useExplainedTile";

/** The tile that was clicked: its score, and where the model looked. */
export function TileCard({ explained, target }: { explained: ExplainedTile; target: string }) {
  const { answer } = explained;
  return (
    <section className="panel-part tile-card" aria-label="Explained tile">
      <header>
        <h2>Tile</h2>
        {answer && (
          <span className="number">
            P({target}) {probability(answer.prediction.probabilities[target] ?? answer.prediction.confidence)}
          </span>
        )}
        <button type="button" className="plain" onClick={explained.close}>
          Close
        </button>
      </header>
      <ExplanationPicture
        key={answer?.image}
        image={answer?.image ?? ""}
        map={answer?.map ?? null}
        opacity={explained.opacity}
        busy={explained.loading}
        alt="The tile"
      />
      {answer?.prediction.low_confidence && (
        <p>
          <span className="badge badge-doubt">Low confidence</span>
        </p>
      )}
      <ExplanationControls
        wish={explained.wish}
        onWish={explained.setWish}
        busy={explained.loading}
        opacity={explained.opacity}
        onOpacity={explained.setOpacity}
        explanation={answer}
        problem={explained.problem}
        onRetry={explained.retry}
      />
    </section>
  );
}
