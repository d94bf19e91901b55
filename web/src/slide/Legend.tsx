/** What the colours over the slide mean: those of the heatmap, or of a slide model's attention. */
export type LegendFacts = { of: "score"; opacity: number; threshold: number } | { of: "attention"; opacity: number };

export function Legend({ facts, target }: { facts: LegendFacts; target: string }) {
  if (facts.of === "score") return <ScoreLegend target={target} {...facts} />;
  return <AttentionLegend opacity={facts.opacity} />;
}

/** The heatmap's colours as they lie over glass, and where lesions begin. */
function ScoreLegend({ target, opacity, threshold }: { target: string; opacity: number; threshold: number }) {
  return (
    <span
      className="readout-part legend"
      role="img"
      aria-label={`Heatmap: P(${target}) from 0, dark blue, to 1, yellow`}
    >
      <span className="quiet">P({target})</span>
      <span className="number">0</span>
      <span className="legend-bar">
        <span className="legend-colours" style={{ opacity }} />
        <span className="legend-mark" style={{ left: `${threshold * 100}%` }} />
      </span>
      <span className="number">1</span>
    </span>
  );
}

/** The same colours mean something else here, and say so. */
function AttentionLegend({ opacity }: { opacity: number }) {
  return (
    <span className="readout-part legend legend-attention">
      <span
        className="legend-scale"
        role="img"
        aria-label="Attention from none, dark blue, to the most of this slide, yellow"
      >
        <span className="number">none</span>
        <span className="legend-bar">
          <span className="legend-colours" style={{ opacity }} />
        </span>
        <span className="number">most</span>
      </span>
      <span>Attention: which tiles the slide's probability rests on; not a probability of tumour</span>
    </span>
  );
}
