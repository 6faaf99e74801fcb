"""A service that writes posts: models over a network, templates behind them, and a budget that holds.

    pip install "postopt[openai]" fastapi 'uvicorn[standard]'
    POSTS_MODELS=http://127.0.0.1:8000/v1 POSTS_MODEL=small uvicorn --app-dir examples posts_service:app --port 8080
    curl 127.0.0.1:8080/posts -H 'content-type: application/json' -d '{"topic": "Bread", "facts": {"price": "€3.50"}}'

`python -m postopt.testing.server` is a model to try it with.
"""

# ruff: noqa: INP001  # a script

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from postopt import Brief, GenerationError, PostWriter
from postopt.generation import standard
from postopt.generation.openai import OpenAIGenerator
from postopt.resilience import Budget, Price

MODELS = os.environ.get("POSTS_MODELS", "http://127.0.0.1:8000/v1").split(",")
NAME = os.environ.get("POSTS_MODEL", "small")
PRICE = Price(input=0.15, output=0.60)  # US dollars per million tokens


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Own the writer, and with it all connections, for as long as the service runs."""
    replicas = [OpenAIGenerator(url, NAME, api_key=os.environ.get("POSTS_KEY"), price=PRICE) for url in MODELS]
    budget = Budget(usd_per_day=float(os.environ.get("POSTS_USD_PER_DAY", "20")))
    async with PostWriter(standard(replicas, budget=budget)) as writer:
        yield {"writer": writer, "budget": budget}


app = FastAPI(lifespan=lifespan)


@app.post("/posts")
async def posts(request: Request, brief: Brief, n: Annotated[int, Query(ge=1, le=20)] = 1) -> dict[str, Any]:
    """Write `n` posts within two seconds, whatever becomes of the models."""
    written = await request.state.writer.write(brief, n, deadline=2.0)
    return {
        "posts": [
            {
                "text": post.text,
                "by": post.trace.summary(),
                "source": post.trace.source,
                "cost_usd": post.trace.cost_usd,
                "unsettled_usd": post.trace.unsettled_usd,
            }
            for post in written
        ],
        "rejected": [rejection.reasons for rejection in written.rejections],
    }


@app.exception_handler(GenerationError)
async def no_post(_: Request, error: GenerationError) -> JSONResponse:
    """Say why there is no post: the model refuses to write this, say, and nobody is asked in its place."""
    body = {
        "error": type(error).__name__,
        "message": str(error),
        "cost_usd": error.cost_usd,
        "unsettled_usd": error.unsettled_usd,
    }
    return JSONResponse(body, status_code=503 if error.retryable else 422)


@app.exception_handler(RequestValidationError)
@app.exception_handler(ValueError)
async def unusable(_: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request; not what it holds, since JSON has no NaN to show."""
    problems = error.errors() if isinstance(error, RequestValidationError) else [{"msg": str(error)}]
    message = "; ".join(": ".join([*map(str, problem.get("loc", ())), problem["msg"]]) for problem in problems)
    body = {"error": "ValueError", "message": message, "cost_usd": 0.0, "unsettled_usd": 0.0}
    return JSONResponse(body, status_code=422)


@app.get("/budget")
async def budget(request: Request) -> dict[str, Any]:
    """Say what has been spent today."""
    report = await request.state.budget.report()
    return {"spent_today": report.spent_today, "remaining": report.remaining}
