"""The page on which the API describes itself, with every file that it needs: nothing comes from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from producer.contract.errors import NotFound

PAGE = "/docs"
# Swagger UI, in a package that keeps it for FastAPI.
_FOLDER = files("fastapi_offline") / "static"
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
# Its page starts itself inline, and its pictures are in its style sheet.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def page(request: Request) -> Response:
    """Swagger UI on this API's description. Addresses are relative, so that a proxy may give them a prefix."""
    shown = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{request.app.title}: the API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
    )
    shown.headers["Content-Security-Policy"] = _POLICY
    return shown


@router.get(PAGE + "/{name}")
def asset(name: str) -> Response:
    """What the page is made of. Raises: NotFound."""
    if name not in _MEDIA_TYPES:
        raise NotFound(f"the description has no file {name[:80]!r}")
    body = (_FOLDER / name).read_bytes()
    return Response(body, media_type=_MEDIA_TYPES[name], headers={"Cache-Control": "max-age=86400"})
