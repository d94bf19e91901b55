import { type SyntheticEvent, useEffect, useRef } from "react";
import { probability } from "../ui/format";
import type { Column, Order, Row } from "./results";

export function PatchTable(props: {
  rows: Row[];
  order: Order | null;
  onOrder: (order: Order) => void;
  selected: number;
  onSelect: (key: number) => void;
  positive: string | null;
}) {
  const columns: [Column, string][] = [
    ["name", "Image"],
    ["prediction", "Class"],
    ["confidence", "Confidence"],
    ...(props.positive ? ([["positive", `P(${props.positive})`]] as [Column, string][]) : []),
    ["low_confidence", "Note"],
  ];
  const current = useRef<HTMLTableRowElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another selection scrolls
  useEffect(() => {
    current.current?.scrollIntoView({ block: "nearest" });
  }, [props.selected]);
  return (
    <section className="table-wrap" aria-label="Results">
      <table>
        <thead>
          <tr>
            {columns.map(([column, title]) => (
              <Heading key={column} column={column} title={title} order={props.order} onOrder={props.onOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr
              key={row.key}
              ref={row.key === props.selected ? current : null}
              className={row.key === props.selected ? "selected" : undefined}
              onClick={() => props.onSelect(row.key)}
            >
              <td>
                <div className="name">
                  <img src={row.url} alt="" loading="lazy" width={32} height={32} onError={hide} />
                  <button
                    type="button"
                    className="plain"
                    aria-current={row.key === props.selected || undefined}
                    onClick={() => props.onSelect(row.key)}
                  >
                    {row.name}
                  </button>
                </div>
              </td>
              <Answer row={row} positive={props.positive} />
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The browser's sign of a broken picture says less than the row does; its place stays. */
const hide = (event: SyntheticEvent<HTMLElement>) => event.currentTarget.classList.add("unseen");

function Heading(props: { column: Column; title: string; order: Order | null; onOrder: (order: Order) => void }) {
  const falling = props.order?.column === props.column ? props.order.falling : null;
  const sorted = falling === null ? "none" : falling ? "descending" : "ascending";
  // Numbers are wanted high first, names from A.
  const next = falling === null ? props.column !== "name" && props.column !== "prediction" : !falling;
  return (
    <th scope="col" aria-sort={sorted}>
      <button type="button" className="plain" onClick={() => props.onOrder({ column: props.column, falling: next })}>
        {props.title}
        <span aria-hidden="true" className="arrow">
          {falling === null ? "" : falling ? "↓" : "↑"}
        </span>
      </button>
    </th>
  );
}

function Answer({ row, positive }: { row: Row; positive: string | null }) {
  const columns = positive ? 4 : 3;
  if (row.state === "waiting") {
    return (
      <td colSpan={columns} className="quiet">
        Waiting
      </td>
    );
  }
  if (!row.prediction) {
    return (
      <td colSpan={columns} className="bad">
        {row.problem?.title ?? "Failed"}
      </td>
    );
  }
  const { prediction, confidence, probabilities, low_confidence, outside } = row.prediction;
  return (
    <>
      <td>{prediction}</td>
      <td className="number">{probability(confidence)}</td>
      {positive && <td className="number">{probability(probabilities[positive] ?? 0)}</td>}
      <td>
        {low_confidence && <span className="badge badge-doubt">Low confidence</span>}{" "}
        {outside?.length ? <span className="badge badge-doubt">Unlike training</span> : null}
      </td>
    </>
  );
}
