import type { Problem } from "../api/http";
import type { AttentionTile, Box, Place, SlideModel } from "../api/types";
import { probability } from "../ui/format";
import { Failure } from "../ui/parts";

/** Of a slide model, as it is loaded; `value` is null of a scan without one. */
export type Judged = { value: SlideModel | null; problem: Problem | null; retry: () => void };

const SHOWN = 5;

/** What the slide model says of the whole slide, and the tiles to look at. */
export function SlideModelPart({ judged, show }: { judged: Judged; show: (box: Box) => void }) {
  const { value: model, problem, retry } = judged;
  if (problem) return <Failure problem={problem} retry={retry} />;
  if (!model) return null;
  const size = { width: model.tile_width, height: model.tile_height };
  return (
    <section className="panel-part slide-model" aria-labelledby="slide-model">
      <h2 id="slide-model">Slide model</h2>
      <p>
        <strong>{model.positive ? "Positive" : "Negative"}</strong> by the slide model {model.name}: P(
        {model.classes.slice(1).join(" or ")}) <span className="number">{probability(model.score)}</span>, threshold{" "}
        <span className="number">{probability(model.threshold)}</span>
      </p>
      <Tiles title="Tiles by attention × score" tiles={model.candidates} show={(at) => show({ ...at, ...size })} />
      <Tiles title="Tiles of most attention" tiles={model.attended} show={(at) => show({ ...at, ...size })} />
      <p className="quiet">
        Attention says which tiles the slide's probability rests on; it is not a probability of tumour.
      </p>
    </section>
  );
}

function Tiles(props: { title: string; tiles: AttentionTile[]; show: (at: Place) => void }) {
  if (props.tiles.length === 0) return null;
  return (
    <>
      <h3>{props.title}</h3>
      <ol>
        {props.tiles.slice(0, SHOWN).map(({ rank, x, y, attention, score }) => (
          <li key={rank}>
            <button type="button" className="plain" onClick={() => props.show({ x, y })}>
              <span className="number">
                Attention {(100 * attention).toFixed(1)} %, score {probability(score)}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
