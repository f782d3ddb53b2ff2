"""The page of the cluster: its machines, what runs on them and what waits for them."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.dashboard.reader import Reading
from api.dashboard.rendering import render


def cluster(request: Request, reading: Reading) -> HTMLResponse:
    """The machines, the studies that run and the queue."""
    view = reading.service.cluster.view()
    return render(request, "cluster.html", csrf=reading.csrf, cluster=view)


def cluster_part(request: Request, reading: Reading) -> HTMLResponse:
    """The tables alone, for the page to bring itself up to date."""
    return render(request, "_cluster.html", cluster=reading.service.cluster.view())
