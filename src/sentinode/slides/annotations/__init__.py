"""Annotations: regions drawn on a slide, read from ASAP XML, GeoJSON or polygons JSON, written back, rasterised."""
