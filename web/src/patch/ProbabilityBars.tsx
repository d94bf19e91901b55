import { probability } from "../ui/format";

/** Each class's probability; the threshold marks where the class that is looked for begins. */
export function ProbabilityBars(props: {
  probabilities: Record<string, number>;
  positive: string | null;
  threshold: number | null;
}) {
  return (
    <div className="bars">
      <dl>
        {Object.entries(props.probabilities).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <svg className="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect className="bar-all" width="100" height="6" />
                <rect
                  className={name === props.positive ? "bar-positive" : "bar-part"}
                  width={value * 100}
                  height="6"
                />
                {name === props.positive && props.threshold !== null && (
                  <rect className="bar-mark" x={props.threshold * 100} width="0.8" height="6" />
                )}
              </svg>
              <span className="number">{probability(value)}</span>
            </dd>
          </div>
        ))}
      </dl>
      {props.positive && props.threshold !== null && (
        <p className="quiet">
          {props.positive} from {probability(props.threshold)} on (the mark)
        </p>
      )}
    </div>
  );
}
