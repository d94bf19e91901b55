import { problemFrom } from "../api/http";
import type { Scan } from "../api/types";
import { duration, whole } from "../ui/format";
import { Progress } from "../ui/parts";

/** Where a scan stands while it isn't finished. */
export function ScanState({ scan }: { scan: Scan }) {
  if (scan.status === "queued") return <p className="quiet">Waiting for its turn</p>;
  if (scan.status === "cancelled") return <p className="quiet">Scan cancelled; it goes on where it stopped</p>;
  if (scan.status === "failed") {
    const problem = problemFrom(scan.problem ?? "The server gave no reason; its log may.");
    return <p className="bad">Scan failed: {problem.detail}</p>;
  }
  if (scan.status === "finished") return null;
  const { progress } = scan;
  if (!progress?.total) return <Progress label="Finding tissue" />;
  const left = progress.seconds_left === null ? "" : `, ${duration(progress.seconds_left)} left`;
  return (
    <Progress
      label={`${whole(progress.done)} of ${whole(progress.total)} tiles${left}`}
      part={progress.done / progress.total}
    />
  );
}
