"""The pages: server-rendered HTML with a few ES modules, no build step, nothing from a CDN."""
