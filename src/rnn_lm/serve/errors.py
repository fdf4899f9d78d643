"""What a request is refused with, in the form of OpenAI's interface."""

from __future__ import annotations

import json
from typing import Any


class ApiError(Exception):
    """A request that is not answered as it asked to be.

    Args:
        status: of HTTP.
        message: one line: what is wrong, and the fix.
        param: the field at fault.
        code: for programs.
        retry_after: seconds after which to try again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        if status == 401:
            self.headers["www-authenticate"] = "Bearer"

    @property
    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        kind = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
        usual = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": self.message, "type": kind.get(self.status, usual), "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def body(self) -> bytes:
        """The same as JSON."""
        return json.dumps(self.content, ensure_ascii=False).encode("utf-8", "backslashreplace")
