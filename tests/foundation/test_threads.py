"""One BLAS thread while targets are computed, and what there was before afterwards."""

from threading import Event, Thread

from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

from foundation.threads import one_blas_thread


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blas_has_one_thread_inside_and_as_many_as_before_outside() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        assert max(before) == 2  # a library that was built for one thread has one
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_the_last_of_several_threads_to_leave_lifts_the_limit() -> None:
    """The first has left before the second does, as in a service."""
    entered, may_leave = Event(), Event()

    def first() -> None:
        with one_blas_thread():
            entered.set()
            may_leave.wait()

    limits = threadpool_limits(limits=2, user_api="blas")
    OpenBLASController.clear_controlling_thread()  # else this thread alone could set others
    before = blas_threads()
    thread = Thread(target=first)
    thread.start()
    entered.wait()
    with one_blas_thread():
        may_leave.set()
        thread.join()
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
    limits.restore_original_limits()
