import type { Session } from "../api/types";
import { link, type Route } from "./routes";
import { ENTRIES, viewOf } from "./views";

export function Header(props: {
  route: Route | null;
  session: Session | null;
  dark: boolean;
  onTheme: () => void;
  onHelp: () => void;
  onLeave: () => void;
}) {
  const current = props.route && viewOf(props.route).path;
  return (
    <header className="head">
      <a className="brand" href={link("slides")}>
        <Mark />
        Sentinode
      </a>
      {props.route && (
        <nav aria-label="Views">
          {ENTRIES.map(({ path, title, shortcut }) => (
            <a
              key={path}
              href={link(path)}
              aria-current={current === path ? "page" : undefined}
              aria-keyshortcuts={shortcut}
              title={`Key ${shortcut}`}
            >
              {title}
            </a>
          ))}
        </nav>
      )}
      <div className="head-end">
        {props.session?.required && props.session.role && (
          <>
            <span className="who">
              {props.session.name} <span className="quiet">{props.session.role}</span>
            </span>
            <button type="button" className="plain" onClick={props.onLeave}>
              Sign out
            </button>
          </>
        )}
        <button type="button" className="plain" onClick={props.onTheme} aria-keyshortcuts="t" title="Key T">
          {props.dark ? "Light" : "Dark"}
        </button>
        <button type="button" className="plain" onClick={props.onHelp} aria-keyshortcuts="?" title="Key ?">
          Shortcuts
        </button>
      </div>
    </header>
  );
}

/** A lymph node with a metastasis. */
function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className="mark">
      <path d="M16 3c8 0 13 4.6 13 12.4C29 23.5 23 29 15.500 29 8 29 3 23.800 3 16.400 3 8.600 8.400 3 16 3Z" />
      <circle cx="19.500" cy="13" r="4.600" />
      <circle cx="11" cy="19.500" r="2" />
    </svg>
  );
}
