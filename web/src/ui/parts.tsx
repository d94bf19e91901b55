import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import type { Problem } from "../api/http";

/** A failure: what happened (and to what), what to do, and a way to do it. */
export function Failure(props: { problem: Problem; about?: string; retry?: () => void; way?: ReactNode }) {
  const { problem, about, retry, way } = props;
  return (
    <div className="notice notice-bad" role="alert">
      <div>
        <strong>{about ? `${about}: ${problem.title.toLowerCase()}` : problem.title}</strong>
        <p>{problem.detail}</p>
        {problem.requestId && <p className="quiet">Request {problem.requestId}</p>}
      </div>
      {way}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A wait: known part, or only that it goes on. */
export function Progress({ label, part }: { label: string; part?: number | null }) {
  return (
    <div className="progress">
      <span>{label}</span>
      <progress aria-label={label} max={1} {...(part === null || part === undefined ? {} : { value: part })} />
    </div>
  );
}

export function Slider(props: {
  label: string;
  value: number;
  onChange: (value: number) => void;
  min?: number;
  max?: number;
  step?: number;
  text?: string;
  disabled?: boolean;
  hint?: string;
}) {
  const id = useId();
  const text = props.text ?? `${Math.round(props.value * 100)} %`;
  return (
    <div className="slider">
      <label htmlFor={id} title={props.hint}>
        {props.label}
      </label>
      <input
        id={id}
        type="range"
        min={props.min ?? 0}
        max={props.max ?? 1}
        step={props.step ?? 0.05}
        value={props.value}
        disabled={props.disabled}
        aria-valuetext={text}
        onChange={(event) => props.onChange(Number(event.target.value))}
      />
      <output htmlFor={id}>{text}</output>
    </div>
  );
}

/** A button that stays pressed. */
export function Toggle(props: {
  pressed: boolean;
  onChange: (pressed: boolean) => void;
  shortcut?: string;
  disabled?: boolean;
  title?: string;
  children: ReactNode;
}) {
  const hint = props.title ?? (props.shortcut ? `Key ${props.shortcut.toUpperCase()}` : undefined);
  return (
    <button
      type="button"
      className="toggle"
      aria-pressed={props.pressed}
      aria-keyshortcuts={props.shortcut}
      title={hint}
      disabled={props.disabled}
      onClick={() => props.onChange(!props.pressed)}
    >
      {props.children}
    </button>
  );
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" className="plain" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** A button that opens a small sheet; Escape and anything outside of it close it. */
export function Menu({ title, children }: { title: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!menu.current?.contains(event.target as Node)) setOpen(false);
    };
    window.addEventListener("pointerdown", outside, true);
    window.addEventListener("focusin", outside);
    return () => {
      window.removeEventListener("pointerdown", outside, true);
      window.removeEventListener("focusin", outside);
    };
  }, [open]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes it from wherever the keyboard is in it
    <div
      ref={menu}
      className="menu"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.preventDefault();
        setOpen(false);
        button.current?.focus();
      }}
    >
      <button ref={button} type="button" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        {title} <span aria-hidden="true">▾</span>
      </button>
      {open && (
        <div id={id} className="menu-sheet">
          {children}
        </div>
      )}
    </div>
  );
}

/** Names and what they are. */
export function Facts({ facts }: { facts: [string, string][] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="break">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function ClassBadge({ name, words }: { name: string; words: string }) {
  return (
    <span className={`badge badge-${name.toLowerCase().replace(" ", "-")}`} title={words}>
      {name}
    </span>
  );
}
