"""The drawings of a report: one module a subject, all in one style, as inline SVG and as PNG."""
