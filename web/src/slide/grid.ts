import type { Box, GridAnswer, Place } from "../api/types";

const NOT_SCANNED = 255;
const FULL = 250;

/** The scores of a scan by place, so that the cursor needs no request. */
export class Grid {
  private readonly bytes: Uint8Array;

  constructor(private readonly facts: GridAnswer) {
    this.bytes = Uint8Array.from(atob(facts.probabilities), (letter) => letter.charCodeAt(0));
  }

  /** The tile under a place, and its score; null where nothing was scanned. */
  at(place: Place): { tile: Box; probability: number } | null {
    const { columns, rows, x, y, step_x, step_y, tile_width, tile_height } = this.facts;
    const column = Math.floor((place.x - x) / step_x);
    const row = Math.floor((place.y - y) / step_y);
    if (column < 0 || row < 0 || column >= columns || row >= rows) return null;
    const byte = this.bytes[row * columns + column] ?? NOT_SCANNED;
    if (byte === NOT_SCANNED) return null;
    const tile = { x: x + column * step_x, y: y + row * step_y, width: tile_width, height: tile_height };
    return { tile, probability: byte / FULL };
  }
}
