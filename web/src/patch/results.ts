import type { Problem } from "../api/http";
import type { Prediction } from "../api/types";

/** One image, from being chosen to its answer. */
export type Row = {
  key: number;
  name: string;
  file: File;
  /** An address of the image inside this page. */
  url: string;
  state: "waiting" | "done" | "failed";
  prediction: Prediction | null;
  problem: Problem | null;
};

export type Column = "name" | "prediction" | "confidence" | "positive" | "low_confidence";
export type Order = { column: Column; falling: boolean };

export function ordered(rows: Row[], order: Order | null, positive: string | null): Row[] {
  if (!order) return rows;
  const value = (row: Row): string | number => {
    const found = row.prediction;
    if (order.column === "name") return row.name;
    if (!found) return order.column === "prediction" ? "" : -1;
    if (order.column === "prediction") return found.prediction;
    if (order.column === "positive") return positive ? (found.probabilities[positive] ?? -1) : -1;
    if (order.column === "low_confidence")
      return Number(found.low_confidence) + 2 * Number((found.outside?.length ?? 0) > 0);
    return found.confidence;
  };
  const sign = order.falling ? -1 : 1;
  return rows.toSorted((one, other) => {
    const [a, b] = [value(one), value(other)];
    const way = typeof a === "string" && typeof b === "string" ? a.localeCompare(b, "en", { numeric: true }) : +a - +b;
    return sign * way || one.key - other.key;
  });
}

/** A table as RFC 4180 has it; a cell that a spreadsheet would take for a formula is made text. */
export function csvOf(rows: Row[], classes: string[]): string {
  const head = ["file", "prediction", "confidence", ...classes, "threshold", "low_confidence", "outside", "model"];
  const lines = rows.map(({ name, prediction, problem }) => [
    name,
    prediction?.prediction ?? "",
    prediction?.confidence ?? "",
    ...classes.map((one) => prediction?.probabilities[one] ?? ""),
    prediction?.threshold ?? "",
    prediction ? String(prediction.low_confidence) : "",
    prediction ? (prediction.outside?.join(" ") ?? "unknown") : "",
    prediction ? `${prediction.model.name} ${prediction.model.version}` : "",
    problem?.message ?? "",
  ]);
  return [[...head, "problem"], ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function saveAs(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}
