import { createElement, type ReactNode, useMemo } from "react";

/** Tags that a model card needs. Everything else is left out, its text kept; attributes are dropped but a link's address. */
const TAGS = new Set(
  "h1 h2 h3 h4 p ul ol li strong em b i code pre table thead tbody tr th td blockquote hr br a dl dt dd".split(" "),
);
const DROPPED = new Set(["script", "style", "iframe", "object", "embed", "template", "svg", "math", "noscript"]);

/** HTML from a bundle, which somebody else may have written. */
export function SafeHtml({ html }: { html: string }) {
  return useMemo(() => {
    // The page's policy holds in what it parses, too: an inline style or handler would be an error even though it is left out.
    const body = new DOMParser().parseFromString(html.replace(/\s(style|on\w+)=/gi, " data-$1="), "text/html").body;
    return <>{[...body.childNodes].map(element)}</>;
  }, [html]);
}

function element(node: ChildNode, key: number): ReactNode {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (!(node instanceof Element)) return null;
  const tag = node.tagName.toLowerCase();
  if (DROPPED.has(tag)) return null;
  // Markdown has no table without a heading; an empty one would be read out as such.
  if (tag === "thead" && !node.textContent?.trim()) return null;
  const children = [...node.childNodes].map(element);
  if (!TAGS.has(tag)) return <span key={key}>{children}</span>;
  if (tag === "br" || tag === "hr") return createElement(tag, { key });
  // The page's own heading is the first.
  const lower = /^h[1-3]$/.test(tag) ? `h${Number(tag[1]) + 1}` : tag;
  const right = /^t[hd]$/.test(tag) && node.getAttribute("data-style")?.includes("right");
  const attributes = { key, ...(tag === "a" ? linkOf(node) : {}), ...(right ? { className: "number" } : {}) };
  return createElement(lower, attributes, ...kept(tag, children));
}

/** Space between a table's parts is no child that React takes. */
const kept = (tag: string, children: ReactNode[]) =>
  ["table", "thead", "tbody", "tr"].includes(tag) ? children.filter((child) => typeof child !== "string") : children;

function linkOf(node: Element): Record<string, string> {
  const address = node.getAttribute("href") ?? "";
  return /^https?:\/\//.test(address) ? { href: address, rel: "noreferrer noopener", target: "_blank" } : {};
}
