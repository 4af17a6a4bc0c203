"""Work on what strangers sent, in a process of its own whose memory and processor seconds are limited.

It is forked from a process that has imported the libraries and nothing else: no thread, connection or key of the server
is in it.
"""

import json
import logging
import os
import resource
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from desk.service.problems import Problem, failure, in_requests, place_among, trouble_of
from desk.service.stores import stores_environment
from foundation.errors import ConfigError, InputError, InputFault, InputFaults, MachineError
from foundation.home import HOME
from foundation.machine import limit_address_space, processors
from research.portfolio.file.document import TRUST

LOG = logging.getLogger("rebalance.service")
MEMORY, SECONDS = 4 << 30, 60  # bytes of addresses, and processor seconds
PROCESS_WAIT = 240.0  # seconds until the answer of a process that may have to wait for a processor
# Once, before the first is forked.
FORKED_WITH = (
    "desk.service.sending", "desk.service.worksheet", "desk.service.typed_comparison",
    "desk.service.portfolios.prepared",
)  # fmt: skip
TOO_LARGE = 3  # exit status of a process that met its limit of memory
PROCESS_SLOTS = BoundedSemaphore(processors())
WAITING_SLOTS = BoundedSemaphore(min(2 * processors() + 4, 16))  # with those at work; reads keep their threads
BUSY_ANSWER = "The processors are busy: send it again."
FORKS = get_context("forkserver")


def limited(work: Callable[..., Any], *given: Any, home: Path, memory: int = MEMORY, seconds: int = SECONDS) -> Any:
    """The result of a function, as JSON has it, from a process that trusts no code of files.

    work    : function of a module.
    given   : its arguments, which can be pickled.
    home    : folder of the tenant, which is the `REBALANCE_HOME` of the process.
    memory  : most bytes of its addresses, where the system can limit them.
    seconds : most processor seconds.
    Raises  : ConfigError with the message of an error in what was sent; MachineError for trouble of the machine;
              Problem 400 where a limit is met, and 503 where no processor is free.
    """
    with place_among(WAITING_SLOTS, BUSY_ANSWER):
        return _limited(work, given, home, memory, seconds)


def _limited(work: Callable[..., Any], given: tuple[Any, ...], home: Path, memory: int, seconds: int) -> Any:
    FORKS.set_forkserver_preload(list(FORKED_WITH))
    receiving, sending = FORKS.Pipe(duplex=False)
    environment = {HOME: str(home), **stores_environment(home), TRUST: "0"}
    process = FORKS.Process(target=_run, args=(sending, work, given, environment, memory, seconds), daemon=True)
    with PROCESS_SLOTS, receiving:
        process.start()
        sending.close()
        try:
            answered = receiving.poll(PROCESS_WAIT)
            answer = json.loads(receiving.recv_bytes()) if answered else {}
        except EOFError:
            answer = {}
            process.join()
        finally:
            process.kill()
            process.join()
    if "trouble" in answer:
        raise MachineError(*answer["trouble"])
    if "error" in answer:
        findings = tuple(InputFault(**each) for each in answer["findings"])
        raise ConfigError(InputFaults(answer["error"], findings))
    if "result" in answer:
        return answer["result"]
    if not answered:
        raise Problem(503, BUSY_ANSWER, retry_after=60)
    if "fault" in answer:
        LOG.error("failed", extra={"fields": answer["fault"]})
    if "fault" in answer or process.exitcode == 1:
        raise RuntimeError(f"{work.__qualname__} failed")
    raise Problem(
        400, f"This needs more than {memory >> 20:,} MiB of memory or {seconds} processor seconds: send less."
    )


def _run(
    sending: Connection,
    work: Callable[..., Any],
    given: tuple[Any, ...],
    environment: dict[str, str],
    memory: int,
    seconds: int,
) -> None:
    """Run a function within limits, and send its result or its error."""
    limit_address_space(memory)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.environ |= environment
    try:
        answer = json.dumps({"result": work(*given)}, allow_nan=False)
    except InputError as error:
        findings = [{part: in_requests(text) for part, text in asdict(each).items()} for each in error.findings]
        answer = json.dumps(_trouble(error) or {"error": in_requests(str(error)), "findings": findings})
    except MemoryError:
        raise SystemExit(TOO_LARGE) from None
    except Exception as error:  # its traceback would quote in the log what was sent
        answer = json.dumps(_trouble(error) or {"fault": failure(error)})
    sending.send_bytes(answer.encode())


def _trouble(error: Exception) -> dict[str, list[str]] | None:
    found = trouble_of(error)
    return None if found is None else {"trouble": [str(found), found.shown]}
