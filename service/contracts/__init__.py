"""The values that api, service and workers share: specs, plans, events, views and reports."""
