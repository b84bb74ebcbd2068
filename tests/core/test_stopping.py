"""Signals that ask to stop: noted, given back, never lost."""

import signal
import threading

import pytest

from glassnet.core import stopping
from glassnet.core.stopping import Stopped, interrupted_at_once, stop_requests

BOTH = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def got():
    """Signals that arrived at the handlers of the program around."""
    arrived = []

    def handler(number, frame):
        arrived.append(number)

    before = {number: signal.signal(number, handler) for number in BOTH}
    yield arrived
    for number, former in before.items():
        signal.signal(number, former)


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_that_stops_nothing_any_more_is_delivered(got, number):
    handlers = [signal.getsignal(n) for n in BOTH]
    with stop_requests() as request:
        signal.raise_signal(number)
        assert request.reason == signal.Signals(number).name and got == []
    assert got == [number] and [signal.getsignal(n) for n in BOTH] == handlers


def test_a_signal_that_was_obeyed_is_not_sent_again(got, tmp_path):

    def run():
        with stop_requests() as request:
            signal.raise_signal(signal.SIGTERM)
            raise Stopped(request.reason, tmp_path)

    with pytest.raises(Stopped):
        run()
    assert got == []


def test_a_second_interrupt_is_for_the_former_handler(got):
    """In a notebook it interrupts a cell instead of ending the kernel."""
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def run():
        with stop_requests() as request:
            signal.raise_signal(signal.SIGINT)
            assert request.reason == "SIGINT"
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_command_ends_at_once_at_the_second_interrupt():
    before = signal.getsignal(signal.SIGINT)

    def run():
        with stop_requests():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
            raise ZeroDivisionError

    with interrupted_at_once():
        with pytest.raises(ZeroDivisionError):
            run()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_is_ignored_stays_so():
    """A shell lets commands behind which a script has put & ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupted_at_once(), stop_requests() as request:
        signal.raise_signal(signal.SIGINT)
        assert request.reason is None
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch):
    """Of a program around Python, written in C: it could not be given back."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(stopping.signal, "getsignal", lambda number: before if number == signal.SIGTERM else None)
    changed, real = [], signal.signal
    monkeypatch.setattr(stopping.signal, "signal", lambda number, how: changed.append(number) or real(number, how))
    with stop_requests(), interrupted_at_once():
        pass
    assert set(changed) == {signal.SIGTERM}


def test_threads_handle_no_signals():
    found = []

    def work():
        with stop_requests() as request, interrupted_at_once():
            found.append(request.reason)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]
