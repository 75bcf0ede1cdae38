"""Wires and device nodes: the adapters behind the ports of ``agent.core.ports``.

=============  ============================  =====================================
port           on a box                      in simulation
=============  ============================  =====================================
pin factory    ``hw.lines``                  gpiozero's ``MockFactory``
``Relays``     ``hw.relays``                 the same, on the mock pins, of which none is kept
button         ``hw.button``                 the same, on the mock pins
``Led``        ``hw.led``                    the same, on the mock pins
USB watch      ``hw.usb_watch``              ``hw.simulated.usb_bus``
``Eye``        ``hw.eye.client``             the same; the process draws its frames
probes         ``hw.probes``                 the same (probes are real)
``Host``       ``hw.host``                   the same (the box is real)
=============  ============================  =====================================

``hw.usb_watch`` says when to look, ``hw.usb_ear`` hears udev, ``hw.usb_scan`` says what is there and ``hw.mixer``
whether a microphone is muted. ``hw.supply`` and ``hw.disk`` have figures for ``hw.host``.
``hw.no_lines`` is the pin factory of a box without a GPIO chip. The port ``KeptDescriptors``, which ``hw.kept_lines``
uses for the relays' lines, is filled in ``agent.adapters``: it is systemd's.
"""
