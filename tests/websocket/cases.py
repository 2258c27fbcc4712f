"""Runs cases of the Autobahn|Testsuite against a server: `cases.py URL PARALLEL SECTION...`.

Prints a line for each case: its ID, how the messages were dealt with, how the connection was closed, and which
extensions the server agreed to, with tabs between them.
"""

import asyncio
import sys

from kosoku import FailureError, run_fuzzingclient


async def main(url, parallel, sections):
    patterns = [f"{section}.*" for section in sections]
    try:
        results = await run_fuzzingclient(url, patterns, concurrency=int(parallel))
    except FailureError as failure:
        # Whoever reads the lines knows better what counts as one. It has the results of all cases.
        results = failure.results
    for result in results:
        print(result.case_id, result.behavior.value, result.behavior_close.value, extensions(result), sep="\t")


def extensions(result):
    lines = (line.partition(":") for line in result.http_response.splitlines())
    agreed = [value.strip() for name, _, value in lines if name.lower() == "sec-websocket-extensions"]
    return ", ".join(agreed)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
