import type { Box, Geometry, Place, Ring } from "../api/types";

const polygons = (shape: Geometry): Ring[][] => (shape.type === "Polygon" ? [shape.coordinates] : shape.coordinates);

/** The `d` of an SVG path, level-0 pixels. */
export function pathOf(shape: Geometry): string {
  const ring = (points: Ring) => `M${points.map(([x, y]) => `${x} ${y}`).join("L")}Z`;
  return polygons(shape)
    .flatMap((rings) => rings.map(ring))
    .join("");
}

/** Even-odd, so holes are outside. */
export function contains(shape: Geometry, { x, y }: Place): boolean {
  let inside = false;
  for (const ring of polygons(shape).flat()) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [ax = 0, ay = 0] = ring[i] ?? [];
      const [bx = 0, by = 0] = ring[j] ?? [];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    }
  }
  return inside;
}

const boxes = new WeakMap<Geometry, Box>();

/** Worked out once for each shape. */
export function boundsOf(shape: Geometry): Box {
  const known = boxes.get(shape);
  if (known) return known;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x = 0, y = 0] of polygons(shape).flat(2)) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  }
  const box = { x: left, y: top, width: right - left, height: bottom - top };
  boxes.set(shape, box);
  return box;
}

const apart = (one: Box, other: Box): boolean =>
  one.x > other.x + other.width ||
  other.x > one.x + one.width ||
  one.y > other.y + other.height ||
  other.y > one.y + one.height;

/** A corner of each part and the middle of each box: enough to tell whether two shapes are the same finding. */
function probes(shape: Geometry): Place[] {
  return polygons(shape).flatMap(([outer]) => {
    if (!outer?.[0]) return [];
    const box = boundsOf({ type: "Polygon", coordinates: [outer] });
    const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    return [middle, ...outer.map(([x = 0, y = 0]) => ({ x: x + (middle.x - x) * 1e-3, y: y + (middle.y - y) * 1e-3 }))];
  });
}

export function overlap(one: Geometry, other: Geometry): boolean {
  if (apart(boundsOf(one), boundsOf(other))) return false;
  return probes(one).some((place) => contains(other, place)) || probes(other).some((place) => contains(one, place));
}

/** A closed ring of at least three corners; null if there are fewer. */
export function polygonOf(corners: Place[]): Geometry | null {
  const [first] = corners;
  if (!first || corners.length < 3) return null;
  const ring = [...corners, first].map(({ x, y }) => [Math.round(x), Math.round(y)]);
  return { type: "Polygon", coordinates: [ring] };
}

/** Square level-0 pixels (shoelace formula); holes are taken off. */
export function areaOf(shape: Geometry): number {
  const ring = (points: Ring) => {
    let twice = 0;
    points.forEach(([x = 0, y = 0], index) => {
      const [nextX = 0, nextY = 0] = points[(index + 1) % points.length] ?? [];
      twice += x * nextY - nextX * y;
    });
    return Math.abs(twice) / 2;
  };
  return polygons(shape).reduce(
    (sum, [outer, ...holes]) => sum + ring(outer ?? []) - holes.reduce((hole, one) => hole + ring(one), 0),
    0,
  );
}

/** Fewer corners, none of the line farther than `tolerance` away (Ramer 1972; Douglas and Peucker 1973). */
export function simplified(line: Place[], tolerance: number): Place[] {
  const [first] = line;
  const last = line.at(-1);
  if (!first || !last || line.length < 3) return line;
  let [far, at] = [0, 0];
  for (let index = 1; index < line.length - 1; index++) {
    const distance = distanceTo(line[index] as Place, first, last);
    if (distance > far) [far, at] = [distance, index];
  }
  if (far <= tolerance) return [first, last];
  return [...simplified(line.slice(0, at + 1), tolerance).slice(0, -1), ...simplified(line.slice(at), tolerance)];
}

function distanceTo(place: Place, from: Place, to: Place): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const long = Math.hypot(dx, dy);
  if (long === 0) return Math.hypot(place.x - from.x, place.y - from.y);
  return Math.abs(dx * (from.y - place.y) - (from.x - place.x) * dy) / long;
}
