import { Dialog } from "../ui/parts";
import { ENTRIES } from "./views";

const GROUPS: { title: string; keys: [string, string][] }[] = [
  {
    title: "Everywhere",
    keys: [
      [ENTRIES.map(({ shortcut }) => shortcut).join("  "), ENTRIES.map(({ title }) => title).join(", ")],
      ["T", "Light or dark"],
      ["?", "This sheet"],
      ["Esc", "Close, or stop drawing"],
    ],
  },
  {
    title: "Slide",
    keys: [
      ["↑  ↓", "Lesion before, after"],
      ["W  A  S  D", "Move"],
      ["+  −  0", "Nearer, farther, whole slide"],
      ["[  ]", "Threshold down, up"],
      ["H  O", "Heatmap, outlines of lesions"],
      ["I", "Attention of a slide model"],
      ["M  N", "Tissue mask, annotations"],
      ["C", "Side by side with the truth"],
      ["X", "Explain the tile in the middle"],
      ["L", "Ruler; Space sets an end in the middle"],
    ],
  },
  {
    title: "Review",
    keys: [
      ["Y  R", "Accept (yes), reject the lesion"],
      ["E", "Comment on it"],
      ["P  F", "Draw a missed one: polygon, freehand"],
      ["Space", "While drawing a polygon: corner in the middle"],
      ["⌫  ↵", "While drawing: last corner away, finish"],
      ["U", "Undo"],
      ["Shift U", "Restore what was undone"],
    ],
  },
  {
    title: "Patch",
    keys: [
      ["↑  ↓", "Image before, after"],
      ["Ctrl V", "Take images from the clipboard"],
    ],
  },
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <div className="sheet">
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, what]) => (
                <div key={keys}>
                  <dt>
                    {keys.split("  ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
